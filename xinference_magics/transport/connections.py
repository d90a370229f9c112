"""How connections are opened: host names, trusted certificates, proxies, and keepalive probes.

Both sessions, sync and async, use these in place of what their HTTP libraries do by default.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import ssl
import threading
from concurrent.futures import Future
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from xinference_magics.errors import ConnectError
from xinference_magics.remedies import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterable

# Host names. The system's resolver may take half a minute for a name, and ignores timeouts and
# signals in the meantime. A thread stuck in it keeps neither an event loop nor the interpreter
# from ending.


class Address(NamedTuple):
    """An address of a host.

    Attributes:
        family: The family of a socket that connects to it.
        protocol: The protocol of such a socket.
        host: The address as text.
    """

    family: int
    protocol: int
    host: str


def is_address(host: str) -> bool:
    """Return whether `host` is an address, which needs no lookup."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def look_up(host: str, port: int, family: int = socket.AF_UNSPEC) -> Future[list[Address]]:
    """Start looking up the addresses of a host, for connections to a port there."""
    future: Future[list[Address]] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        except UnicodeError:  # the name has a part that is empty or too long
            future.set_exception(socket.gaierror(socket.EAI_NONAME, "Not a host name"))
        except Exception as error:  # noqa: BLE001  # whoever waits for the result gets it
            future.set_exception(error)
        else:
            future.set_result([Address(each[0], each[2], _as_text(each[4])) for each in found])

    threading.Thread(target=run, name="xinference-names", daemon=True).start()
    return future


def _as_text(address: tuple[Any, ...]) -> str:
    """Return an address from `socket.getaddrinfo` as text, with the scope of a link-local one."""
    host, _, *more = address
    return f"{host}%{more[1]}" if more and more[1] else str(host)


# Certificates. `requests` would trust certifi's list or what its own environment variables name,
# and aiohttp what OpenSSL's variables name or else this machine's store.

_log = logging.getLogger(__name__)

_INSTEAD = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_BESIDE = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def tls_context() -> ssl.SSLContext:
    """Return a TLS context for the certificates that the environment trusts.

    That is the file or folder in ``$REQUESTS_CA_BUNDLE`` or ``$CURL_CA_BUNDLE``. If neither is set,
    it is certifi's list together with this machine's store, which ``$SSL_CERT_FILE`` and
    ``$SSL_CERT_DIR`` replace with others.

    Raises:
        ConnectError: The file or folder named by the first two contains no certificates.
    """
    named = next((name for name in _INSTEAD if os.environ.get(name)), None)
    try:
        return _context(
            os.environ[named] if named else None, *(os.environ.get(each) for each in _BESIDE)
        )
    except OSError as error:  # includes OpenSSL's
        _log.debug("Certificates cannot be read", exc_info=True)
        raise ConnectError(
            f"{named} names {os.environ.get(named or '')}, which contains no readable "
            f"certificates: {error.strerror or error}.",
            hint=Remedy.SET_AUTHORITY(name=named),
        ) from None


@lru_cache(maxsize=4)
def _context(bundle: str | None, *_of_openssl: str | None) -> ssl.SSLContext:
    if bundle is None:
        context = ssl.create_default_context()  # it reads OpenSSL's variables itself
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
        return context
    if Path(bundle).is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)


# Proxies.

_SCHEMES = {"http", "https", "socks4", "socks4a", "socks5", "socks5h"}


def usable_proxy(named: str) -> str | None:
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


# Keepalive. A model may be silent for minutes before it answers, so silence alone means nothing.
# The system's probes detect that the other end vanished (a lost network, a machine that lost its
# power), and keep devices in between from forgetting an idle connection.

_SECONDS_UNTIL, _SECONDS_BETWEEN, _UNANSWERED = 30, 10, 6
_KEEPALIVE = {
    "TCP_KEEPIDLE": _SECONDS_UNTIL,
    "TCP_KEEPALIVE": _SECONDS_UNTIL,  # its name on macOS
    "TCP_KEEPINTVL": _SECONDS_BETWEEN,
    "TCP_KEEPCNT": _UNANSWERED,
    "TCP_USER_TIMEOUT": 90_000,  # milliseconds that sent data may stay unacknowledged
}


def keepalive_options() -> list[tuple[int, int, int]]:
    """Return the socket options (level, name, value) that end a dead connection in 90 s."""
    known = {name: value for name, value in _KEEPALIVE.items() if hasattr(socket, name)}
    return [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        *((socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in known.items()),
    ]


def open_socket(address: tuple[int, int, int, str, object]) -> socket.socket:
    """Open a socket for an address from `socket.getaddrinfo`, with keepalive probes."""
    family, kind, protocol, _, _ = address
    opened = socket.socket(family, kind, protocol)
    for option in keepalive_options():
        opened.setsockopt(*option)
    return opened


def end_all(sockets: Iterable[socket.socket]) -> None:
    """Shut down connections both ways, so that their readers and writers notice at once."""
    for each in sockets:
        with suppress(OSError):  # it is closed already, or was never connected
            each.shutdown(socket.SHUT_RDWR)
