"""What an exception knows of a request: cleared, since a token was in one of its headers.

Tracebacks can show what their frames held (``%xmode Verbose``, rich, error trackers), and
clients' exceptions carry what was sent, and the proxy with its password, themselves.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_INNER = ("reason", "os_error", "original_error", "certificate_error")
"""Attributes in which libraries carry an exception."""
_SECRET = ("headers", "proxy", "proxy_auth")
"""Fields of what aiohttp's exceptions carry: `RequestInfo` and `ConnectionKey`."""
_OBJECTS = ("request", "response", "history", "pool", "_pool", "conn", "_conn")
"""Attributes of clients' exceptions that lead to what was sent."""
_PLAIN = (str, bytes, int, float, BaseException)
_CLIENTS = {"aiohttp", "http", "requests", "urllib3", "xinference_client"}
_CLEARED = {*_CLIENTS, "contextlib", "xinference_magics"}
"""Whose frames are cleared: exceptions of the user's may be inside as well."""


def inside(exc: BaseException) -> Iterator[BaseException]:
    """Walk through `exc` and the exceptions it carries, wherever a library puts them."""
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
    """Tell whether code of one of the `packages` has raised `exc`."""
    trace = exc.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__", "") if trace else ""
    return module.partition(".")[0] in packages


def forget(exc: BaseException, *others: str) -> None:
    """Clear the frames that have ended, and what was sent; the lines of the traceback stay.

    With its frames goes what they had open, as a connection.

    Args:
        exc: With all that is `inside` it.
        others: Packages whose frames are cleared as well.
    """
    for each in inside(exc):
        for frame, _ in walk_tb(each.__traceback__):
            if _package(frame.f_globals.get("__name__")) in {*_CLEARED, *others}:
                with suppress(RuntimeError):  # it still runs
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
    """Tell whether `exc` may have what was to be sent: ours, or what came through a client."""
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
    """Do so to whatever leaves the block, an interrupt included."""
    try:
        yield
    except BaseException as error:
        forget(error)
        raise
