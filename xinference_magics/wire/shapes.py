"""Parts of a server's JSON, each of the type that it has to have.

Null and what is missing are empty. Anything else of a wrong type makes the answer one that cannot
be read: langchain-core would keep it, and fail when it merges chunks or counts tokens.
"""

from __future__ import annotations

import struct
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""What fails where data is read that has another form than expected."""


class understood(AbstractContextManager[None]):  # noqa: N801  # used as a function
    """Take whatever fails while an answer is read for an answer that cannot be read.

    Args:
        model_uid: Whose answer it is.
        request_id: The id of the request that it answers, if it had one.

    Raises:
        ServerError: It has another form than it has to have.
    """

    def __init__(self, model_uid: str, request_id: str | None = None) -> None:
        self._model_uid = model_uid
        self._request_id = request_id

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raise the error that stands for `error`."""
        if isinstance(error, UNREADABLE):
            raise ServerError(
                f"{self._model_uid} sent an answer of a form that is not known.",
                request_id=self._request_id,
                hint="Does a proxy change it? The server's log may say more.",
            ) from error
        if isinstance(error, ServerError):
            error.request_id = self._request_id


def text_in(data: Mapping[str, Any], name: str) -> str:
    """Return the text under `name`.

    Raises:
        TypeError: It is something else.
    """
    return _checked(data.get(name), str, name) or ""


def object_in(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the object under `name`.

    Raises:
        TypeError: It is something else.
    """
    return _checked(data.get(name), dict, name) or {}


def objects_in(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the list of objects under `name`.

    Raises:
        TypeError: It is something else.
    """
    listed: list[Mapping[str, Any]] = _checked(data.get(name), list, name) or []
    return [_checked(each, dict, name) for each in listed]


def logprobs_in(choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return the log probabilities: lists, which go together when chunks are merged.

    Raises:
        TypeError: They are something else.
    """
    found = object_in(choice, "logprobs")
    return {name: value for name, value in found.items() if _checked(value, list, name)}


def _checked(value: Any, kind: type, name: str) -> Any:
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name} is a {type(value).__name__}")
    return value
