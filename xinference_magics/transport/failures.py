"""Map the server's error responses to this package's errors, with messages of our own.

Nothing here does I/O or imports an HTTP library. The server's messages were observed on
Xinference 4.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from xinference_magics.errors import (
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    InternalServerError,
    LaunchError,
    ModelNotFoundError,
    ModelNotReadyError,
    NotOfferedError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from xinference_magics.nearest import did_you_mean
from xinference_magics.plain import shortened
from xinference_magics.remedies import Advice, Remedy
from xinference_magics.transport.error_details import (
    asked_and_limit,
    detail_of,
    is_validation,
    literal,
)
from xinference_magics.transport.features import feature_at

_Error = TypeVar("_Error", bound=ServerError)

_WITHOUT_A_REASON = ("", "Internal Server Error")

_CONTEXT = re.compile(
    r"context[ _](length|size|window|limit)|maximum (context|model length)|"
    r"leaves no room for output",
    re.IGNORECASE,
)
_NOT_FOUND = re.compile(r"Model (\S+ )?not found|Model name \S+ not found", re.IGNORECASE)
_WORKER_GONE = re.compile(r"Connect call failed|Remote server \S+ closed")
_STOPPING = re.compile(r"Model (?P<uid>\S+?)(?:-rep\d+)? is in stopping state")
_UID = re.compile(
    r"uid: (?P<uid>.+?)(?:\. Available| \(cached|$)|Model (?P<launching>[^:]+) is launching"
)
_AVAILABLE = re.compile(r"Available model uids: (?P<uids>\[.*?\])")
_SCOPE = re.compile(r'scope="(?P<scope>[^"]+)"')


def other_credentials(endpoint: str) -> Advice:
    """Return the advice for credentials that are missing or rejected."""
    return Remedy.LOG_IN(endpoint=endpoint)


def worker_gone(detail: str) -> bool:
    """Return whether the server failed to reach the model's process or its worker."""
    return bool(_WORKER_GONE.search(detail))


@dataclass(frozen=True)
class _Answer:
    """An error response, as the functions in `_BY_STATUS` see it."""

    status: int
    detail: str
    endpoint: str
    request_id: str | None
    model_uid: str | None
    retry_after: str | None
    challenge: str | None
    path: str
    invalid: bool

    def error(self, kind: type[_Error], message: str, hint: str | Advice = "") -> _Error:
        return kind(
            shortened(message),
            status=self.status,
            detail=self.detail,
            request_id=self.request_id,
            hint=shortened(hint) if isinstance(hint, str) else hint,
            retry_after=_seconds(self.retry_after),
        )


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdecimal() else None


def server_error(  # noqa: PLR0913  # what is known about a request, all of it optional
    status: int,
    body: bytes | str,
    *,
    endpoint: str,
    request_id: str | None = None,
    model_uid: str | None = None,
    retry_after: str | None = None,
    challenge: str | None = None,
    path: str = "",
) -> ServerError:
    """Map an HTTP response with `status` and `body` to the matching exception.

    Args:
        status: The HTTP status.
        body: The whole body, of any content type.
        endpoint: Where it came from; part of the message.
        request_id: The `request_id` sent with the request.
        model_uid: The UID of the requested model, in case the body does not name it.
        retry_after: The `Retry-After` header, in seconds.
        challenge: The `WWW-Authenticate` header, which names the missing permission.
        path: The requested path, as in the request line.
    """
    answer = _Answer(
        status,
        detail_of(body),
        endpoint,
        request_id,
        model_uid,
        retry_after,
        challenge,
        path,
        invalid=is_validation(body),
    )
    return _BY_STATUS.get(status, _other)(answer)


def _despite_success(answer: _Answer) -> ServerError:
    if _NOT_FOUND.search(answer.detail):
        return _no_model(answer)
    return answer.error(ServerError, _sentence(answer, f"{answer.endpoint} reports an error"))


def _unauthorized(answer: _Answer) -> ServerError:
    said = answer.detail.casefold()
    if "incorrect username or password" in said:
        return answer.error(AuthenticationError, "The user name or the password is wrong.")
    reason = answer.detail if "api key" in said else "missing, wrong or expired credentials"
    return answer.error(
        AuthenticationError,
        f"{answer.endpoint} denied access: {reason}.",
        other_credentials(answer.endpoint),
    )


def _forbidden(answer: _Answer) -> ServerError:
    if "API keys can only" in answer.detail:
        return answer.error(
            PermissionDeniedError,
            f"This is an API key: at {answer.endpoint} it can use models, but not launch, stop "
            "or register them.",
            Remedy.LOG_IN_TO_MANAGE(endpoint=answer.endpoint),
        )
    if "Not enough permissions" in answer.detail:
        scope = _SCOPE.search(answer.challenge or "")
        return answer.error(
            PermissionDeniedError,
            f"This user is not allowed to do that at {answer.endpoint}"
            + (f": it needs the permission {scope['scope']}." if scope else "."),
            Remedy.ASK_FOR_PERMISSION(),
        )
    return answer.error(
        PermissionDeniedError,
        f"{answer.endpoint} does not allow this: {answer.detail.rstrip('.') or 'forbidden'}.",
        "Ask for the permission, or use other credentials.",
    )


def _too_many(answer: _Answer) -> ServerError:
    if "banned" in answer.detail:
        banned = answer.error(
            RateLimitError,
            f"{answer.endpoint} has banned this address for an hour: too many bad credentials.",
            "Stop whatever still sends old credentials; restarting the server lifts the ban.",
        )
        banned.is_retryable = False
        return banned
    return answer.error(
        RateLimitError,
        f"Too many requests at once: {answer.detail or 'rate limited'}.",
        _again(answer),
    )


def _again(answer: _Answer) -> str:
    seconds = _seconds(answer.retry_after)
    return "Try again soon." if seconds is None else f"Try again in {seconds:g} s."


def _unavailable(answer: _Answer) -> ServerError:
    if "loading" in answer.detail or "not yet ready" in answer.detail:
        uid = answer.model_uid or _uid_in(answer.detail)
        return answer.error(
            ModelNotReadyError,
            f"The model {uid} is still loading." if uid else "The model is still loading.",
            _again(answer),
        )
    return _other(answer)


def _not_found(answer: _Answer) -> ServerError:
    if _NOT_FOUND.search(answer.detail):
        return _no_model(answer)
    if feature := feature_at(answer.path):
        return answer.error(
            NotOfferedError,
            f"{answer.endpoint} has no {feature.what}: that needs Xinference {feature.since} "
            "or newer.",
        )
    return answer.error(
        ServerError,
        f"{answer.endpoint} has no such page; is an Xinference server running there?",
        Remedy.CONNECT(),
    )


def _no_model(answer: _Answer) -> ServerError:
    uid = answer.model_uid or _uid_in(answer.detail)
    if uid is None:
        return answer.error(ModelNotFoundError, f"{answer.detail.rstrip('.')}.")
    listed = _AVAILABLE.search(answer.detail)
    running = _names(listed["uids"]) if listed else []
    hint = did_you_mean(uid, running) or (f"Running: {', '.join(running)}." if running else "")
    otherwise = Remedy.LAUNCH if listed and not running else Remedy.LIST_RUNNING
    return answer.error(
        ModelNotFoundError,
        f"No model with the UID {uid} is running at {answer.endpoint}.",
        hint or otherwise(),
    )


def _uid_in(detail: str) -> str | None:
    found = _UID.search(detail)
    return (found["uid"] or found["launching"]) if found else None


def _names(text: str) -> list[str]:
    try:
        return [str(each) for each in literal(text)]
    except ValueError:
        return []


def _bad_request(answer: _Answer) -> ServerError:
    if _NOT_FOUND.search(answer.detail):
        return _no_model(answer)
    said = _sentence(answer, "The server cannot accept the request")
    if not _CONTEXT.search(answer.detail):
        return answer.error(BadRequestError, said)
    error = answer.error(ContextLengthError, said)
    error.asked, error.limit = asked_and_limit(answer.detail)
    return error


def _internal(answer: _Answer) -> ServerError:
    if answer.invalid or _CONTEXT.search(answer.detail):
        return _bad_request(answer)
    if stopping := _STOPPING.search(answer.detail):
        uid = answer.model_uid or stopping["uid"]
        return answer.error(
            ModelNotReadyError,
            f"The process of {uid} at {answer.endpoint} has ended, or is ending.",
            "If it has crashed, its worker is starting it again: try in half a minute.",
        )
    if worker_gone(answer.detail):
        process = f"process of {answer.model_uid}" if answer.model_uid else "model's process"
        return answer.error(
            InternalServerError,
            f"The {process} at {answer.endpoint}, or its worker, is not responding: "
            f"{answer.detail.rstrip('.')}.",
            "A process that has crashed is started again, and a worker that has died is dropped: "
            "try in half a minute.",
        )
    return answer.error(
        InternalServerError,
        _sentence(answer, f"{answer.endpoint} failed (HTTP {answer.status})"),
        "See the server's log for the reason." if answer.detail in _WITHOUT_A_REASON else "",
    )


def _cancelled(answer: _Answer) -> ServerError:
    return answer.error(LaunchError, _sentence(answer, "The launch was cancelled"))


def _other(answer: _Answer) -> ServerError:
    by_proxy = answer.status >= HTTPStatus.BAD_GATEWAY  # the server cannot answer it now
    return answer.error(
        InternalServerError if by_proxy else ServerError,
        _sentence(answer, f"{answer.endpoint} answered with HTTP {answer.status}"),
        _again(answer) if by_proxy else "",
    )


def _sentence(answer: _Answer, start: str) -> str:
    """Join `start` and the server's message into one sentence with one closing mark."""
    text = f"{start}: {answer.detail}" if answer.detail else start
    return text if text.endswith((".", "!", "?")) else f"{text}."


_BY_STATUS = {
    200: _despite_success,
    400: _bad_request,
    401: _unauthorized,
    403: _forbidden,
    404: _not_found,
    405: _not_found,
    422: _bad_request,
    429: _too_many,
    499: _cancelled,
    500: _internal,
    503: _unavailable,
}
