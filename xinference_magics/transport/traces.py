"""Remove request data from exceptions, since one of the request's headers held a token.

Tracebacks can show the local variables of their frames (``%xmode Verbose``, rich, error trackers),
and clients' exceptions themselves carry what was sent, and the proxy with its password.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_INNER = ("reason", "os_error", "original_error", "certificate_error")
"""Attributes in which libraries store an inner exception."""
_SECRET = ("headers", "proxy", "proxy_auth")
"""Fields to clear in what aiohttp's exceptions carry: `RequestInfo` and `ConnectionKey`."""
_OBJECTS = ("request", "response", "history", "pool", "conn")
"""Attributes of clients' exceptions that lead to what was sent."""
_PLAIN = (str, bytes, int, float, BaseException)
_CLIENTS = {"aiohttp", "http", "requests", "urllib3", "xinference_client"}
_OURS = "xinference_magics"
_SUPPLYING = f"{_OURS}.transport.bearer"
"""The module that calls the function that supplies tokens, which is the user's."""
_CLEARED = {*_CLIENTS, "contextlib", _OURS}
"""Packages whose frames are cleared; the user's own exceptions may be inside as well."""


def inside(exc: BaseException) -> Iterator[BaseException]:
    """Yield `exc` and the exceptions it carries, wherever a library stores them."""
    seen: set[int] = set()
    todo: list[object] = [exc]
    while todo:
        each = todo.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            inner = (getattr(each, name, None) for name in _INNER)
            todo += [*each.args, *inner, each.__cause__, each.__context__]


def raised_in(exc: BaseException, *packages: str) -> bool:
    """Return whether code in one of the `packages` raised `exc`."""
    trace = exc.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__", "") if trace else ""
    return module.partition(".")[0] in packages


def from_client(exc: BaseException) -> bool:
    """Return whether `exc` left a client that we called: the network or the server is at fault.

    The last of our frames decides: what fails below a client and comes from our own code is a bug
    in it, or an exception of the user's function that supplies tokens, whatever that function uses.
    """
    modules = _modules(exc)
    ours = _last_of_ours(modules)
    return modules[ours] != _SUPPLYING and bool(_CLIENTS & {*map(_package, modules[ours + 1 :])})


def from_supplier(exc: BaseException) -> bool:
    """Return whether the user's function that supplies tokens raised `exc`."""
    modules = _modules(exc)
    return modules[_last_of_ours(modules)] == _SUPPLYING


def _modules(exc: BaseException) -> list[str]:
    """Return the modules of a traceback's frames, after one that stands for its caller."""
    frames = (frame for frame, _ in walk_tb(exc.__traceback__))
    return ["", *(str(frame.f_globals.get("__name__", "")) for frame in frames)]


def _last_of_ours(modules: list[str]) -> int:
    return max((n for n, each in enumerate(modules) if _package(each) == _OURS), default=0)


def forget(exc: BaseException, *others: str) -> None:
    """Clear the frames that have ended, and what was sent; the lines of the traceback remain.

    Clearing a frame also releases what it held open, such as a connection.

    Args:
        exc: The exception, cleared together with everything `inside` it.
        others: Further packages whose frames to clear.
    """
    for each in inside(exc):
        for frame, _ in walk_tb(each.__traceback__):
            if _package(frame.f_globals.get("__name__")) in {*_CLEARED, *others}:
                with suppress(RuntimeError):  # it is still running
                    frame.clear()
        _clear(each)


def _package(module: str | None) -> str:
    return (module or "").partition(".")[0]


def _clear(exc: BaseException) -> None:
    if isinstance(exc, UnicodeEncodeError | UnicodeDecodeError) and _of_request(exc):
        exc.args = (exc.args[0],) if exc.args else ()
        exc.object = b"" if isinstance(exc, UnicodeDecodeError) else ""
    if any(map(_secrets_in, exc.args)):
        exc.args = tuple(map(_cleared, exc.args))
    for name, value in vars(exc).items():
        if _secrets_in(value):
            setattr(exc, name, _cleared(value))
    if _package(type(exc).__module__) in _CLIENTS:
        _clear_objects(exc)


def _of_request(exc: BaseException) -> bool:
    """Return whether `exc` may hold what was to be sent: it is ours or came through a client."""
    packages = {
        _package(frame.f_globals.get("__name__")) for frame, _ in walk_tb(exc.__traceback__)
    }
    return bool(packages & _CLIENTS) or raised_in(exc, *_CLEARED)


def _clear_objects(exc: BaseException) -> None:
    exc.args = tuple(
        each if isinstance(each, _PLAIN) or hasattr(each, "_fields") else None for each in exc.args
    )
    for name in {*_OBJECTS} & vars(exc).keys():
        setattr(exc, name, None)


def _secrets_in(value: Any) -> list[str]:
    return [name for name in _SECRET if name in getattr(value, "_fields", ())]


def _cleared(value: Any) -> Any:
    secrets = _secrets_in(value)
    return value._replace(**dict.fromkeys(secrets)) if secrets else value


@contextmanager
def forgotten() -> Iterator[None]:
    """Apply `forget` to whatever exception leaves the block, including an interrupt."""
    try:
        yield
    except BaseException as error:
        forget(error)
        raise
