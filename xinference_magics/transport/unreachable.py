"""Map network exceptions to this package's errors, which say why a server was not reached.

Nothing here does I/O or imports an HTTP library.
"""

from __future__ import annotations

import errno
from functools import partial
from typing import TYPE_CHECKING

from xinference_magics.errors import ConnectError, TimedOutError
from xinference_magics.plain import shortened
from xinference_magics.remedies import Remedy
from xinference_magics.transport.error_details import one_line
from xinference_magics.transport.traces import inside

if TYPE_CHECKING:
    from collections.abc import Callable

    from xinference_magics.remedies import Advice

    _Diagnosis = tuple[str, str | Advice, Callable[..., ConnectError]]

_ELSEWHERE = Remedy.CONNECT()
_NOBODY = Remedy.START_OR_CONNECT()
_LOG = "The server's log may have the reason."

_LASTS = ConnectError
_PASSES = partial(ConnectError, is_retryable=True)
_LATE = partial(TimedOutError, is_retryable=True)

_PROXY = {"ProxyError", "InvalidProxyURL", "ClientProxyConnectionError", "ClientHttpProxyError"}
_BEHIND = (
    "cannot be reached: the proxy refused the connection",
    "Check http_proxy, https_proxy and all_proxy, or add the host to no_proxy.",
    _LASTS,
)

# By the names of exception classes in requests, urllib3 and aiohttp: the message, the hint, and
# the error.
# The first matching row wins: a timeout while connecting is also a timeout.
_BY_NAME = (
    (_PROXY, *_BEHIND),
    (
        {"SSLError", "ClientConnectorSSLError"},
        "cannot be reached: the TLS handshake failed",
        "Should it be http:// instead of https://?",
        _LASTS,
    ),
    (
        {"gaierror", "NameResolutionError", "ClientConnectorDNSError"},
        "cannot be reached: host not found",
        _ELSEWHERE,
        _PASSES,
    ),
    ({"TooManyRedirects"}, "redirects endlessly", _ELSEWHERE, _LASTS),
    (
        {"InvalidURL", "InvalidSchema", "NonHttpUrlClientError"},
        "redirects to something that is not a server address",
        _ELSEWHERE,
        _LASTS,
    ),
    (
        {"ContentDecodingError", "ContentEncodingError"},
        "sent a response that cannot be decoded",
        "Does a proxy in front of the server alter it?",
        _LASTS,
    ),
    (
        {"ConnectTimeout", "ConnectTimeoutError", "ConnectionTimeoutError"},
        "is not responding: the connection timed out",
        _ELSEWHERE,
        _LATE,
    ),
    ({"Timeout", "TimeoutError"}, "is not responding: the request timed out", _LOG, _LATE),
    (
        {
            "ConnectionResetError",
            "BrokenPipeError",
            "ServerDisconnectedError",
            "IncompleteRead",
            "ClientPayloadError",
        },
        "closed the connection before responding",
        _LOG,
        _PASSES,
    ),
    ({"BadStatusLine", "BadHttpMessage"}, "does not speak HTTP", _ELSEWHERE, _LASTS),
)

_BY_NUMBER = {
    errno.ECONNREFUSED: ("refused the connection: no server is running there", _NOBODY, _PASSES),
    errno.ENETUNREACH: ("cannot be reached: network unreachable", _ELSEWHERE, _PASSES),
    errno.EHOSTUNREACH: ("cannot be reached: no route to host", _ELSEWHERE, _PASSES),
}


_AUTHORITY = Remedy.TRUST_AUTHORITY()
_CLOCK = "Renew it on the server, or check this machine's clock."
_NAME = "Connect with a name that is in the certificate."
_BY_VERIFICATION = {9: _CLOCK, 10: _CLOCK, 62: _NAME, 64: _NAME}
"""What to do about a certificate, by OpenSSL's number for the error in it (X509_V_ERR_*)."""


def connect_error(exc: BaseException, endpoint: str) -> ConnectError:
    """Map a network exception of any HTTP library to the matching ConnectError.

    The library's classes are recognized by name, those of inner exceptions included, so that none
    of them has to be imported here.
    """
    says, hint, error = _diagnosis(list(inside(exc)))
    return error(f"{endpoint} {says}.", hint=hint)


def no_xinference(endpoint: str, how: str = "in an unknown format") -> ConnectError:
    """Return the error for a server that responds as Xinference never does."""
    return ConnectError(
        f"{endpoint} answers {how}: it is not an Xinference server.", hint=_ELSEWHERE
    )


def misused_proxy(endpoint: str) -> ConnectError:
    """Return the error for an environment that names something that cannot be a proxy."""
    says, hint, error = _BEHIND
    return error(f"{endpoint} {says}.", hint=hint)


def _diagnosis(chain: list[BaseException]) -> _Diagnosis:
    names = {kind.__name__ for each in chain for kind in type(each).__mro__}
    for each in chain:
        if isinstance(each, OSError) and each.errno in _BY_NUMBER and not names & _PROXY:
            return _BY_NUMBER[each.errno]
    for each in chain:
        if reason := getattr(each, "verify_message", ""):
            hint = _BY_VERIFICATION.get(getattr(each, "verify_code", 0), _AUTHORITY)
            says = f"has a certificate that is not trusted here: {reason.rstrip('.')}"
            return says, hint, _LASTS
    if "SOCKS" in str(chain[0]):  # `requests` without its extra for SOCKS
        return _BEHIND
    for known, says, hint, error in _BY_NAME:
        if names & known:
            return says, hint, error
    return f"cannot be reached: {shortened(one_line(str(chain[0])))}", _ELSEWHERE, _PASSES
