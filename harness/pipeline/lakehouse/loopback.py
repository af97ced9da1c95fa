"""Servers of this machine, which no proxy may stand before."""

from collections.abc import Mapping
from typing import Final

_LOOPBACK: Final = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1", "[::1]")


def without_proxy_on_loopback(base: Mapping[str, str]) -> dict[str, str]:
    """NO_PROXY, in both cases as programs differ, for this machine's servers beside what it names."""
    names = [name.strip() for variable in ("no_proxy", "NO_PROXY") for name in base.get(variable, "").split(",")]
    # "*" means every host only where it stands alone.
    text = "*" if "*" in names else ",".join(dict.fromkeys(filter(None, [*names, *_LOOPBACK])))
    return {"no_proxy": text, "NO_PROXY": text}
