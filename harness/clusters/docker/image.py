"""Names of images as Docker and a node have them, and what marks the images that are built here."""

from typing import Final

INPUTS: Final = "lakehouse.inputs"
"""The label with the key of what an image was made of."""
TIME: Final = 1577836800
"""The time of every file in an image, so that a checkout's own times make no difference (images/settle.sh)."""


def local_name(image: str) -> str:
    """The name under which Docker lists an image: without the parts that it takes for granted.

    >>> local_name("docker.io/library/postgres:15.18-bookworm"), local_name("docker.io/prom/prometheus:v3.5.3")
    ('postgres:15.18-bookworm', 'prom/prometheus:v3.5.3')
    """
    return image.removeprefix("docker.io/").removeprefix("library/")


def full_name(name: str) -> str:
    """An image's name with everything that Docker lets one leave out.

    >>> full_name("redis"), full_name("lakehouse/spark:0.1.0"), full_name("localhost:5000/web:1")
    ('docker.io/library/redis:latest', 'docker.io/lakehouse/spark:0.1.0', 'localhost:5000/web:1')
    """
    first, slash, rest = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif not ("." in first or ":" in first or first == "localhost"):
        name = f"docker.io/{name}"
    elif first == "index.docker.io":
        name = f"docker.io/{rest}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"
