"""URLs of Git repositories."""

import re


def normalised_url(url: str) -> str:
    """A repository's URL without what does not tell it from others.

    >>> normalised_url("git@github.com:a/b.git") == normalised_url("https://token@GitHub.com/a/b/")
    True
    """
    text = re.sub(r"^[a-z+]+://", "", url.strip())
    text = re.sub(r"^[^@/]*@", "", text).replace(":", "/", 1) if "@" in text.split("/")[0] else text
    return re.sub(r"\.git$", "", text.rstrip("/")).lower()
