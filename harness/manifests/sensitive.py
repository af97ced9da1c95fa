"""Tells what names say of their values: a password or key stays hidden wherever it is written."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

REDACTED: Final = "<redacted>"

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LAST: Final = frozenset({"cred", "credential", "credentials", "creds", "dsn", "htpasswd", "keytab", "pass", "pwd"})
"""Last words of names whose values are secret."""
_ENDINGS: Final = (
    "accesskey",
    "apikey",
    "authkey",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "privatekey",
    "secret",
    "secretkey",
    "token",
)
"""Ends of such words: PGPASSWORD, authtoken."""
_PAIRS: Final = frozenset(
    {
        ("access", "key"),
        ("access", "keys"),
        ("account", "key"),
        ("api", "key"),
        ("api", "keys"),
        ("auth", "key"),
        ("connection", "string"),
        ("encryption", "key"),
        ("license", "key"),
        ("master", "key"),
        ("private", "key"),
        ("secret", "access"),
        ("secret", "key"),
        ("security", "key"),
        ("shared", "key"),
        ("signing", "key"),
        ("ssh", "key"),
    }
)
_OF_NAMES: Final = frozenset(
    {"existing", "pull", "use", "create", "enable", "generate", "tls", "ca", "cert", "from"}
)
"""Words of names with `secret` that stand for a Secret's name or a switch."""
_PLAIN: Final = re.compile(
    r"(?i)|true|false|yes|no|null|none|\d{1,3}|\$\([^)]*\)|\$\{[^}]*\}|\{\{.*\}\}|<redacted.*>"
)
"""Values that tell nothing: empty, a switch, a small number, a reference to a value that is elsewhere."""
_LIKELY: Final = re.compile(r"(?i)pass|pwd|secret|token|key|cred|dsn|connection|root_?pw|://[^\s/@]+@")
_KEY: Final = r"(?<![\w.\-/])-{0,2}(?P<key>[A-Za-z_][\w.\-/]{0,100})"
_QUOTED: Final = r"""\\?"(?:[^"\\\n]|\\[^"])*\\?"|'[^'\n]*'"""
_LINE: Final = re.compile(
    rf"""^(?P<head>[ \t]*(?:- |export |set )?["']?{_KEY}["']?[ \t]*(?:=>|[:=])[ \t]+"""
    rf"|[ \t]*(?:export |set )?{_KEY.replace('key', 'other')}=)"
    r"(?P<value>[^\s|>{\[][^\n]*|[|>][^\s\d+-][^\n]*)$",
    re.MULTILINE,
)
"""A name and its value on a line of their own."""
_INSIDE: Final = re.compile(
    rf"""(?P<head>\\?["']?{_KEY}\\?["']?[ \t]*(?:=>|[:=])[ \t]*)"""
    rf"""(?P<value>{_QUOTED}|[^\s,}}\]&;"'|>{{\[\\][^\s,}}\]&;"']*)"""
)
"""A name and its value within a line."""
_NAMED: Final = re.compile(
    rf"""(?P<head>["']?name["']?[ \t]*:[ \t]*["']?{_KEY}["']?[ \t]*,?\s*["']?(?:value|default)["']?[ \t]*:[ \t]*)"""
    rf"""(?P<value>{_QUOTED}|[^\s,}}|>][^\n,}}]*)"""
)
"""A name and its value as an item of a list."""
_FLAG: Final = re.compile(r"(?P<head>(?<![\w-])--?(?P<key>[A-Za-z][\w.-]{0,100})[ \t]+)(?P<value>[^\s-]\S*)")
_BLOCK: Final = re.compile(r"""^(?P<indent>[ \t]*)(?:- )?["']?(?P<key>[\w.\-/]+)["']?:[ \t]*[|>][-+\d]*[ \t]*$""")
_LOGIN: Final = re.compile(
    r"(?P<head>(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}://(?:[^\s:/@]{0,200}:)?)(?P<value>(?<=:)[^\s/@]+|[^\s/@]{16,})(?=@)"
)
"""A password in a URL, or a token in place of a user."""
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)


@lru_cache(maxsize=10_000)
def is_sensitive(name: str) -> bool:
    """Whether a name says that its value is a secret.

    >>> [is_sensitive(name) for name in ("DB_PASSWORD", "auth.rootPassword", "apiKey", "aws-secret-access-key")]
    [True, True, True, True]
    >>> [is_sensitive(name) for name in ("secretName", "existingSecret", "passwordFile", "secretKeyRef", "bypass")]
    [False, False, False, False, False]
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    while words and words[-1].isdigit():
        words.pop()
    if not words:
        return False
    if words[-1].endswith("secret") and _OF_NAMES & set(words):
        return False
    return words[-1] in _LAST or words[-1].endswith(_ENDINGS) or tuple(words[-2:]) in _PAIRS


def is_plain(value: str) -> bool:
    """Whether a value tells nothing, although its name is sensitive."""
    return _PLAIN.fullmatch(value.strip()) is not None


def masked(text: str, names: Iterable[str] = ()) -> str:
    r"""A text without the values of sensitive names, logins in URLs, and private keys.

    >>> masked("user: a\ndb.password=b c\n")
    'user: a\ndb.password=<redacted>\n'
    >>> masked("postgres://app:geheim@db/x --token abc")
    'postgres://app:<redacted>@db/x --token <redacted>'
    """
    known = frozenset(names)
    if not (known or _LIKELY.search(text)):
        return text

    def hidden(match: re.Match[str]) -> str:
        key = match["key"] or match.groupdict().get("other") or ""
        if not (is_sensitive(key) or key in known) or is_plain(match["value"].strip("\\\"'")):
            return match[0]
        return f"{match['head']}{REDACTED}"

    text = _PEM.sub(REDACTED, text)
    text = _LOGIN.sub(lambda match: f"{match['head']}{REDACTED}", text)
    for pattern in (_NAMED, _LINE, _INSIDE, _FLAG):
        text = pattern.sub(hidden, text)
    return _without_blocks(text, known) if "|" in text or ">" in text else text


def _without_blocks(text: str, known: frozenset[str]) -> str:
    """Hides the block scalars of sensitive names."""
    lines: list[str] = []
    below: int | None = None
    for line in text.split("\n"):
        indent = len(line) - len(line.lstrip())
        if below is not None and (not line.strip() or indent > below):
            if lines[-1].strip() != REDACTED:
                lines.append(" " * (below + 2) + REDACTED)
            continue
        below = None
        match = _BLOCK.match(line)
        if match and (is_sensitive(match["key"]) or match["key"] in known):
            below = len(match["indent"])
        lines.append(line)
    return "\n".join(lines)
