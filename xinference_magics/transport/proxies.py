"""Proxies of the environment: which of its values are fit to be one."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import unquote, urlsplit

_SCHEMES = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"}


def usable(named: str) -> str | None:
    """Return the URL of a proxy that the environment names; None for what cannot be one.

    It raises nothing: clients' exceptions would know the password in it. Theirs can only be of
    Latin-1, and they take what follows an unquoted ``/``, ``?`` or ``#`` in it for a path.
    """
    url = named if "://" in named else f"http://{named}"
    with suppress(ValueError):
        parts = urlsplit(url)
        unquote(parts.netloc).encode("latin-1")
        whole = parts.hostname and parts.port != 0 and "@" not in url.partition(parts.netloc)[2]
        if whole and parts.scheme in _SCHEMES:
            return url
    return None
