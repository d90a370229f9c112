"""Every error this package raises, in one tree.

    XinferenceError                                                    in LangChain a
    ├── ServerError               the server answered, and refused     ModelError
    │   ├── AuthenticationError   401: missing or invalid credentials  ModelAuthenticationError
    │   ├── PermissionDeniedError 403: known, but not allowed          ModelPermissionDeniedError
    │   ├── ModelNotFoundError    404, 400: no such model or UID       ModelNotFoundError
    │   ├── ModelNotReadyError    503: still loading                   ModelAPIError
    │   ├── RateLimitError        429: too many requests, or banned    ModelRateLimitError
    │   ├── InternalServerError   500, 502-504: the server failed      ModelAPIError
    │   ├── BadRequestError       400, 422, 500: the request's fault   ModelInvalidRequestError
    │   │   └── ContextLengthError    too long for the context         ContextOverflowError
    │   ├── NotOfferedError       404, 405: the server is too old
    │   └── LaunchError           a model did not start
    ├── ConnectError              nothing answers there                ModelConnectionError
    │   └── TimedOutError         nothing answered in time             ModelTimeoutError
    ├── StreamError               an answer was cut off before its end ModelAPIError
    ├── LocalServerError          the local server did not start or stop
    ├── PromptError               an {{expression}} of a prompt failed
    ├── UsageError                a line was typed wrongly
    └── NotebookError             the notebook's state does not allow it

A message is one line: what happened, and to what. `hint` is what to do next; `remedy` is the same
as a code, for errors that have one. IPython shows message and hint as a single line instead of a
traceback.

On the right are the classes of `langchain_core.exceptions` that these errors also belong to, so
that LangChain's middleware can distinguish them. They become base classes once that module is
imported; this module does not import it, because that takes a quarter of a second.

Harmless problems raise no error: an `IgnoredByEngineWarning` says what an engine ignored.
"""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

from xinference_magics.imports import when_imported
from xinference_magics.plain import neutralise
from xinference_magics.remedies import Advice

if TYPE_CHECKING:
    from types import ModuleType

    from xinference_magics.remedies import Remedy


class XinferenceError(Exception):
    """The base of all errors of this package.

    Args:
        message: One line: what happened, and to what.
        hint: What to do next; shown after the message.
    """

    request_id: str | None = None
    """The `request_id` sent with the request; it is also in the server's log."""

    is_retryable: bool = False
    """Whether the same request may succeed if retried; LangChain's middleware reads this."""

    def __init__(self, message: str, *, hint: str | Advice = "") -> None:
        super().__init__(message)
        self.message = message
        self._hint = hint

    @property
    def hint(self) -> str:
        """What to do next: in Python terms, or as a line to type if the extension is loaded."""
        return str(self._hint)

    @hint.setter
    def hint(self, hint: str | Advice) -> None:
        self._hint = hint

    @property
    def remedy(self) -> Remedy | None:
        """What to do next as a code, if there is one."""
        return self._hint.remedy if isinstance(self._hint, Advice) else None

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (type(self), self.args, self.__dict__)

    def _render_traceback_(self) -> list[str]:
        """Return one line for IPython, free of control characters; the cell still fails."""
        return rendered(self, f"{type(self).__name__}: {self}")


def rendered(error: BaseException, line: str) -> list[str]:
    """Return what IPython shows for an error that its cell explains in one line.

    ``%tb`` asks for the error again when it is no longer being handled, and gets the full
    traceback, for example of the user's own code that failed in a prompt.
    """
    if sys.exception() is None and getattr(sys, "last_value", None) is error:
        return neutralise("".join(traceback.format_exception(error))).splitlines()
    return [neutralise(" ".join(line.split()))]


def shown_as(error: Exception, line: str) -> Exception:
    """Return `error`, for which IPython will show `line` instead of a traceback."""
    # IPython calls this on the exception.
    error._render_traceback_ = lambda: rendered(error, line)  # type: ignore[attr-defined]
    return error


def _restore(
    kind: type[XinferenceError], args: tuple[object, ...], state: dict[str, object]
) -> XinferenceError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ServerError(XinferenceError):
    """The server answered with an error.

    Args:
        message: One human-readable line.
        status: The HTTP status, or None for an error event inside a stream.
        detail: The server's own message, without its `[address=…, pid=…]` prefix.
        request_id: The `request_id` sent with the request, if any.
        hint: What to do next.
        retry_after: Seconds to wait before retrying, if the server said so.
    """

    def __init__(  # noqa: PLR0913  # what is known about an answer, all of it optional
        self,
        message: str,
        *,
        status: int | None = None,
        detail: str = "",
        request_id: str | None = None,
        hint: str | Advice = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        self.status = status
        self.detail = detail
        self.request_id = request_id


class AuthenticationError(ServerError):
    """The server does not accept the credentials, or there were none (401)."""


class PermissionDeniedError(ServerError):
    """The credentials are good but do not allow this (403)."""


class ModelNotFoundError(ServerError):
    """No model, model UID or registration of that name."""


class ModelNotReadyError(ServerError):
    """The model is still loading (503)."""

    is_retryable = True


class RateLimitError(ServerError):
    """Too many requests, or this address is banned for bad credentials (429)."""

    is_retryable = True


class InternalServerError(ServerError):
    """The server failed, and the request is not known to be at fault (500, 502-504)."""

    is_retryable = True


class BadRequestError(ServerError):
    """The server cannot accept the request as it is."""


class ContextLengthError(BadRequestError):
    """The prompt, or prompt and answer, do not fit the model's context window."""

    limit: int | None = None
    """Maximum tokens of a request, if the server reported it."""

    asked: int | None = None
    """Tokens in the prompt by the server's count, if it reported them."""


class NotOfferedError(ServerError):
    """The server is too old for this feature."""


class LaunchError(ServerError):
    """A model did not start; the message carries the server's own reason."""


class ConnectError(XinferenceError):
    """Nothing answers at the endpoint, or not within the time allowed.

    Args:
        message: One human-readable line.
        hint: What to do next.
        is_retryable: Whether it may resolve itself: a lost connection may, an untrusted
            certificate may not.
    """

    def __init__(
        self, message: str, *, hint: str | Advice = "", is_retryable: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.is_retryable = is_retryable


class TimedOutError(ConnectError):
    """The endpoint did not answer within the time allowed."""


class StreamError(XinferenceError):
    """An answer was cut off: the stream ended without an end marker."""

    is_retryable = True


class LocalServerError(XinferenceError):
    """The private local server could not be started, found or stopped."""


class PromptError(XinferenceError):
    """A prompt could not be built; nothing was sent."""


class UsageError(XinferenceError):
    """A command or its options were typed wrongly; nothing was done.

    IPython's own error of that name is printed but not saved as an error output, so a notebook
    that runs unattended would fail without saying why.
    """


class NotebookError(XinferenceError):
    """The request does not fit the state of this notebook."""


class IgnoredByEngineWarning(UserWarning):
    """The answer came, but an engine ignored something or a context window is full."""


_LANGCHAIN = {
    ServerError: "ModelError",
    AuthenticationError: "ModelAuthenticationError",
    PermissionDeniedError: "ModelPermissionDeniedError",
    ModelNotFoundError: "ModelNotFoundError",
    ModelNotReadyError: "ModelAPIError",
    RateLimitError: "ModelRateLimitError",
    InternalServerError: "ModelAPIError",
    BadRequestError: "ModelInvalidRequestError",
    ContextLengthError: "ContextOverflowError",
    ConnectError: "ModelConnectionError",
    TimedOutError: "ModelTimeoutError",
    StreamError: "ModelAPIError",
}


def _join(exceptions: ModuleType) -> None:
    """Give our errors the base classes by which LangChain recognizes them."""
    for ours, theirs in _LANGCHAIN.items():
        ours.__bases__ = (*ours.__bases__, getattr(exceptions, theirs))


when_imported("langchain_core.exceptions", _join)
