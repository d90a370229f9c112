"""Proxies from the environment: which of its values can be used as one."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import unquote, urlsplit

_SCHEMES = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"}


def usable(named: str) -> str | None:
    """Return the URL of a proxy that the environment names; None if it cannot be one.

    This never raises, as the exceptions of HTTP clients would contain the URL's password. Clients
    support only Latin-1 in a password, and mistake what follows an unquoted ``/``, ``?`` or ``#``
    in it for a path.
    """
    url = named if "://" in named else f"http://{named}"
    with suppress(ValueError):
        parts = urlsplit(url)
        unquote(parts.netloc).encode("latin-1")
        whole = parts.hostname and parts.port != 0 and "@" not in url.partition(parts.netloc)[2]
        if whole and parts.scheme in _SCHEMES:
            return url
    return None
