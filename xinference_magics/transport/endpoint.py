"""Endpoints: what people type, made into one URL, and how long to wait there."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from xinference_magics.errors import ConnectError

DEFAULT_ENDPOINT = "http://127.0.0.1:9997"
DEFAULT_PORT = 9997


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for a server.

    Args:
        connect: Seconds until the connection must stand.
        read: The longest silence in seconds, not the whole duration; None waits for ever.
    """

    connect: float = 5.0
    read: float | None = 30.0


MANAGEMENT = Timeouts()
INFERENCE = Timeouts(read=600.0)  # 32 requests at once made one wait 66 s for its first token


def normalize(endpoint: str) -> str:
    """Return `endpoint` as a URL that a path can be appended to.

    A missing scheme becomes ``http``; where the port is missing as well it becomes 9997.
    Slashes at the end and a ``/v1`` go, another path stays: a server may live below one.

    Raises:
        ConnectError: It cannot be the address of a server.
    """
    if "@" in endpoint:
        del endpoint  # a traceback may show what its frames know
        raise ConnectError(
            "An endpoint with a user name in it would show its password in the notebook.",
            hint="Leave it out and set XINFERENCE_API_KEY.",
        )
    typed = endpoint.strip()
    bare = "://" not in typed
    try:
        parts = urlsplit(f"http://{typed}" if bare else typed)
        port = parts.port
    except ValueError:
        raise _no_address(endpoint) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or " " in parts.netloc:
        raise _no_address(endpoint)
    return f"{parts.scheme}://{_host(parts)}{_port(port, bare)}{_path(parts.path)}"


def _no_address(endpoint: str) -> ConnectError:
    return ConnectError(
        f"{endpoint!r} is not the address of a server.", hint=f"An example: {DEFAULT_ENDPOINT}"
    )


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if host == "0.0.0.0":  # noqa: S104  # what servers print when they listen everywhere
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _port(port: int | None, bare: bool) -> str:
    if port is None:
        return f":{DEFAULT_PORT}" if bare else ""
    return f":{port}"


def _path(path: str) -> str:
    return path.rstrip("/").removesuffix("/v1").rstrip("/")


def resolve(explicit: str | None, configured: str | None = None) -> str:
    """Return the endpoint to use: `explicit`, `configured`, ``$XINFERENCE_ENDPOINT``, default."""
    chosen = explicit or configured or os.environ.get("XINFERENCE_ENDPOINT") or DEFAULT_ENDPOINT
    return normalize(chosen)


def quoted(name: str) -> str:
    """Make a name fit for a URL's path."""
    return quote(name, safe="")


def model_url(endpoint: str, model_uid: str, about: str = "") -> str:
    """Return where a model is found; `about` is the rest of the path, as ``/events``."""
    return f"{endpoint}/v1/models/{quoted(model_uid)}{about}"


def is_loopback(endpoint: str) -> bool:
    """Tell whether `endpoint` is on this machine, where no proxy may stand between."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
