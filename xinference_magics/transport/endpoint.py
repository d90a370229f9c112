"""Endpoints: normalize user input to one URL, and define how long to wait there."""

from __future__ import annotations

import ipaddress
import os
import re
import unicodedata
from dataclasses import dataclass
from socket import inet_aton
from urllib.parse import SplitResult, quote, unquote, urlsplit

from xinference_magics.errors import BadRequestError, ConnectError

DEFAULT_ENDPOINT = "http://127.0.0.1:9997"
DEFAULT_PORT = 9997


MAX_TIMEOUT_SECONDS = 2_000_000.0  # seconds; a socket's timeout is limited to 2**31 milliseconds


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for a server.

    Args:
        connect: Seconds within which the connection must be established.
        read: The longest silence in seconds, not the whole duration; None waits forever.

    Raises:
        BadRequestError: A socket cannot wait that long: not a number, 0 or less, or over 24 days.
    """

    connect: float = 5.0
    read: float | None = 30.0

    def __post_init__(self) -> None:
        for seconds in (self.connect, self.read):
            if seconds is not None and not 0 < seconds <= MAX_TIMEOUT_SECONDS:
                raise BadRequestError(
                    f"A timeout of {seconds} s is not possible.",
                    hint="It must be more than 0; (5, None) waits forever for an answer.",
                )


MANAGEMENT = Timeouts()
INFERENCE = Timeouts(read=600.0)  # of 32 concurrent requests, one waited 66 s for its first token


def normalize(endpoint: str) -> str:
    """Return `endpoint` as a URL that a path can be appended to.

    A missing scheme becomes ``http``; if the port is missing as well, it becomes 9997. A host that
    is missing or means every address of a machine becomes this machine. Missing or extra slashes
    and colons after the scheme are corrected. Trailing slashes and the paths of the server's pages
    and API are removed; any other path stays, as a server may be mounted below one.

    Raises:
        ConnectError: It cannot be the address of a server.
    """
    typed = endpoint.strip(_AROUND)
    scheme = re.match(_SCHEME, typed, re.IGNORECASE)
    rest = typed[scheme.end() :] if scheme else typed.removeprefix("//")
    if _names_user(rest):
        del endpoint, typed, scheme, rest  # a traceback may show the local variables
        raise ConnectError(
            "An endpoint with a user name in it would show its password in the notebook.",
            hint="Leave it out and set XINFERENCE_API_KEY; an @ in a path is written %40.",
        )
    parts = _parsed(typed, rest)
    if parts is None:
        refused = _no_address(typed)
        del endpoint, typed, scheme, rest
        raise refused
    named = scheme["scheme"].lower() if scheme else "http"
    return f"{named}://{_host(parts)}{_port(parts.port, bare=scheme is None)}{_path(parts.path)}"


_AROUND = " \t\r\n\v\f\xa0\u200b\ufeff\"'<>`"
"""Characters that get copied along with an address."""

_SCHEME = r"(?:(?P<scheme>https?)(?:[:;]?[/\\]+|:(?!\d+$)))+"
"""``http://`` and its common misspellings; if it appears twice, the last one counts."""

_AT_IN_PATH = r"[\w.-]+/[^/:?#\\][^:?#\\]*"
"""An @ that belongs to a path, not to a user name: the host is bare, and no colon follows it."""

_NO_HOST = r"[^\w.:%\[\]-]"
_OF_XINFERENCE = (  # compiled on demand: loading the extension needs none of these patterns
    r"(/v1(/(chat/)?completions|/embeddings|/rerank|/messages|/models(/.*)?)?|/(ui|docs))$"
)
"""API paths below an endpoint, and the pages that a browser shows there."""


def _names_user(rest: str) -> bool:
    """Return whether there is a user name, with an @ in any of its forms, after the scheme."""
    plain = unicodedata.normalize("NFKC", rest)
    host = re.split(r"[/\\?#]", plain, maxsplit=1)[0]
    return "@" in unquote(host) or ("@" in plain and not re.fullmatch(_AT_IN_PATH, plain))


def _parsed(typed: str, rest: str) -> SplitResult | None:
    """Return the parts of an address; None if it cannot be the address of a server."""
    try:
        parts = urlsplit("http://" + _bracketed(rest))
        return parts if _is_address(typed, parts) and parts.port != 0 else None
    except ValueError:
        return None


def _bracketed(address: str) -> str:
    """Put brackets around a bare IPv6 address, and a colon before a bare port number."""
    if isinstance(_ip(address), ipaddress.IPv6Address):
        return f"[{address}]"
    return f":{address}" if address.isdecimal() else address


def _is_address(typed: str, parts: SplitResult) -> bool:
    """Return whether this can be an address: it names a host or port, and contains nothing else."""
    unclear = parts.netloc.endswith(":") and parts.path.strip("/")  # an unknown scheme
    return bool(
        parts.netloc
        and typed.isprintable()
        and " " not in typed
        and not re.search(_NO_HOST, parts.netloc)
        and not unclear
        and not parts.path.startswith("//" if parts.path.strip("/") else "///")
    )


def _no_address(typed: str) -> ConnectError:
    """Return the error for `typed`, showing only its scheme and host."""
    plain = unicodedata.normalize("NFKC", typed)
    shown = "".join(re.findall(_HARMLESS, plain, re.IGNORECASE))
    left = plain.removeprefix(shown)
    if left.startswith("%"):  # what precedes it may belong to a password
        shown = ""
    what = repr(f"{shown}…" if left else shown)
    return ConnectError(f"{what} is not a server address.", hint=f"For example, {DEFAULT_ENDPOINT}")


_HARMLESS = r"^(?:[a-z.]+:?[/\\]+)?[^:/\\?#%]{0,200}"
"""The part of an invalid address that is shown: a password could be in a port, path or query."""


def _host(parts: SplitResult) -> str:
    host = parts.hostname or "127.0.0.1"
    address = _reached(host)
    if address is not None and address.is_unspecified:  # printed by servers that listen everywhere
        return "127.0.0.1" if address.version == 4 else "[::1]"  # noqa: PLR2004  # IP version
    return f"[{host}]" if ":" in host else host


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _reached(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the address that a host is, however it is written; None for a name.

    Connecting also takes the old forms of an IPv4 address, such as 0 and 127.1, and one within an
    IPv6 address.
    """
    address = _ip(host)
    if address is not None:
        return getattr(address, "ipv4_mapped", None) or address
    try:
        return ipaddress.IPv4Address(inet_aton(host))
    except (OSError, UnicodeEncodeError):
        return None


def _port(port: int | None, *, bare: bool) -> str:
    if port is None:
        return f":{DEFAULT_PORT}" if bare else ""
    return f":{port}"


def _path(path: str) -> str:
    return re.sub(_OF_XINFERENCE, "", path.rstrip("/")).rstrip("/")


def resolve(explicit: str | None, configured: str | None = None) -> str:
    """Return the first of `explicit`, `configured`, ``$XINFERENCE_ENDPOINT`` and the default."""
    return normalize(
        explicit or configured or os.environ.get("XINFERENCE_ENDPOINT") or DEFAULT_ENDPOINT
    )


def quoted(name: str) -> str:
    """Quote a name for use in a URL path."""
    return quote(name, safe="")


def model_url(endpoint: str, model_uid: str, about: str = "") -> str:
    """Return the URL of a model; `about` is the rest of the path, such as ``/events``."""
    return f"{endpoint}/v1/models/{quoted(model_uid)}{about}"


def is_loopback(endpoint: str) -> bool:
    """Return whether `endpoint` is on this machine, so requests must bypass any proxy."""
    host = urlsplit(endpoint).hostname or ""
    address = _reached(host)
    if address is None:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback
