"""What a server's models are asked, sync and async: a POST, and an answer or a stream of events.

Errors keep their status, and streams are ended on the server when they are left early.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import (
    InternalServerError,
    ModelNotReadyError,
    ServerError,
    StreamError,
    XinferenceError,
)
from xinference_magics.transport.abort import abort_soon
from xinference_magics.transport.bearer import Bearer, Token
from xinference_magics.transport.endpoint import INFERENCE, Timeouts, model_url
from xinference_magics.transport.events import EventError, whole, written
from xinference_magics.transport.logs import timed
from xinference_magics.transport.reasons import last_failure, says_nothing
from xinference_magics.transport.traces import forget, raised_in
from xinference_magics.wire.shapes import MalformedError

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from requests import Session

_log = logging.getLogger(__name__)

Body = dict[str, Any]
Ask = Callable[[Any, Body], Any]
"""Sends a body by a handle, which may be an asynchronous one."""

_OK, _TOO_MANY, _FAILED, _UNAVAILABLE = 200, 429, 500, 503
_LONGEST_WAIT = 30.0  # seconds; what the server itself proposes while a model loads
_RERANK = {"model", "query", "documents", "top_n", "max_chunks_per_doc", "return_documents"}


def chat(handle: Any, body: Body) -> Any:
    """Ask for the next message of a chat."""
    return handle.post(_PATHS[chat], body)


def complete(handle: Any, body: Body) -> Any:
    """Ask for the continuation of a text."""
    return handle.post(_PATHS[complete], body)


def embed(handle: Any, body: Body) -> Any:
    """Ask for the vectors of texts."""
    return handle.post(_PATHS[embed], body)


def rerank(handle: Any, body: Body) -> Any:
    """Ask how well documents answer a query; what Xinference does not know goes to the model."""
    others = {name: value for name, value in body.items() if name not in _RERANK}
    return handle.post(_PATHS[rerank], {**body, "kwargs": written(others).decode()})


_PATHS: dict[Ask, str] = {
    chat: "/v1/chat/completions",
    complete: "/v1/completions",
    embed: "/v1/embeddings",
    rerank: "/v1/rerank",
}

_WANTED = {
    complete: "a model that continues texts",
    embed: "an embedding model",
    rerank: "a rerank model",
}
"""What answers a request with an error that explains nothing where it is of another kind."""

_MEDIA = (
    "Is each image, sound or video file complete? On llama.cpp a model accepts them only if it was "
    "launched with its multimodal_projector."
)
_PATIENCE = Timeouts(read=5.0)  # for what the server says beside an answer


class InferenceEndpoint:
    """Where a kind of request goes; clients are made at first use, and nothing before.

    A body names its model; where it carries a `request_id`, the request can be aborted. What
    goes wrong is raised as one of this package's errors.

    Args:
        endpoint: A normalized endpoint.
        ask: What is asked there: `chat`, `complete`, `embed` or `rerank`.
        token: Asked before each request for the bearer token; None sends none.
        timeouts: Limits in seconds; there is none on a whole answer.
        retries: How often to ask again where the server has not read the request: its model is
            still loading, or it names a time to come back.
    """

    def __init__(
        self,
        endpoint: str,
        ask: Ask = chat,
        *,
        token: Token | None = None,
        timeouts: Timeouts = INFERENCE,
        retries: int = 0,
    ) -> None:
        self.endpoint = endpoint
        self.token = Bearer.of(endpoint, token) if token else None
        self.timeouts = timeouts
        self._ask = ask
        self._retries = retries
        self._making = threading.Lock()
        self._session: Session | None = None

    def answer(self, body: Body) -> Any:
        """Return the whole answer to `body`."""
        with self._reasoned(body), self._watched(body, self._unanswered):
            return self._asked(body)

    async def aanswer(self, body: Body) -> Any:
        """Return the whole answer to `body`."""
        async with self._areasoned(body):
            with self._watched(body, self._unanswered):
                async with self._async() as handle:
                    return await self._aasked(handle, body)

    def chunks(self, body: Body) -> Generator[Any]:
        """Stream the answer to `body`, which asks for a stream."""
        with self._reasoned(body):
            with self._watched(body, self._unanswered):
                stream = self._asked(body)
            with self._watched(body, self._broken), closing(stream):
                yield from stream

    async def achunks(self, body: Body) -> AsyncGenerator[Any]:
        """Stream the answer to `body`, which asks for a stream."""
        async with self._areasoned(body), self._async() as handle:
            with self._watched(body, self._unanswered):
                stream = await self._aasked(handle, body)
            with self._watched(body, self._broken):
                async with aclosing(stream):
                    async for chunk in stream:
                        yield chunk

    def description(self, model_uid: str) -> Any:
        """Return what the server says of a running model; None where it says nothing."""
        return self._told(model_uid)

    async def adescription(self, model_uid: str) -> Any:
        """Return what the server says of a running model; None where it says nothing."""
        return await self._atold(model_uid)

    def _told(self, model_uid: str, about: str = "") -> Any:
        """Return what stands at a model's path; never raises, and waits for little."""
        limits = (_PATIENCE.connect, _PATIENCE.read)
        try:
            url = model_url(self.endpoint, model_uid, about)
            return self._opened().get(url, timeout=limits).json()
        except Exception:  # noqa: BLE001  # the call goes on without it
            _log.debug("%s says nothing of %s", self.endpoint, model_uid, exc_info=True)
            return None

    async def _atold(self, model_uid: str, about: str = "") -> Any:
        from xinference_magics.transport.aio import open_async_session

        try:
            opened = open_async_session(self.endpoint, token=self.token, timeouts=_PATIENCE)
            url = model_url(self.endpoint, model_uid, about)
            async with opened as session, session.get(url) as response:
                return whole(await response.read())
        except Exception:  # noqa: BLE001  # the call goes on without it
            _log.debug("%s says nothing of %s", self.endpoint, model_uid, exc_info=True)
            return None

    @contextmanager
    def _reasoned(self, body: Body) -> Iterator[None]:
        """Look for the reason of what fails where the server has not told it."""
        try:
            with self._logged(body):
                yield
        except ServerError as error:
            if not says_nothing(error):
                raise
            self._tell(error, body, self._told(body["model"], "/events"))
            raise

    @asynccontextmanager
    async def _areasoned(self, body: Body) -> AsyncIterator[None]:
        """Do the same, asynchronously."""
        try:
            with self._logged(body):
                yield
        except ServerError as error:
            if not says_nothing(error):
                raise
            self._tell(error, body, await self._atold(body["model"], "/events"))
            raise

    def _logged(self, body: Body) -> timed:
        path = f"{_PATHS.get(self._ask, '')} of {body['model']}"
        return timed(_log, logging.INFO, "POST", path, body.get("request_id"), status=_OK)

    def _tell(self, error: ServerError, body: Body, events: Any) -> None:
        """Raise the error that the reason stands for, where `events` tell one."""
        reason = last_failure(events)
        if reason is None:
            return
        if error.status is None:
            found = self._event(reason, body)
        else:
            from xinference_magics.transport.failures import server_error

            found = server_error(error.status, reason, endpoint=self.endpoint)
            self._advise(found, body)
        found.request_id = error.request_id
        raise found from error

    def _asked(self, body: Body) -> Any:
        handle = self._sync()
        attempts = 0
        while True:
            try:
                return self._ask(handle, body)
            except ServerError as error:
                wait = self._wait(attempts, error)
            time.sleep(wait)
            attempts += 1

    async def _aasked(self, handle: Any, body: Body) -> Any:
        attempts = 0
        while True:
            try:
                return await self._ask(handle, body)
            except ServerError as error:
                wait = self._wait(attempts, error)
            await asyncio.sleep(wait)
            attempts += 1

    def _wait(self, attempts: int, error: ServerError) -> float:
        """Return the seconds after which to ask again.

        Raises:
            ServerError: It was asked often enough, or may have begun to answer.
        """
        unread = isinstance(error, ModelNotReadyError) or (
            error.status == _UNAVAILABLE and error.retry_after is not None
        )
        if attempts >= self._retries or not unread:
            raise error
        said = error.retry_after
        return min(2.0 ** (attempts + 1) if said is None else said, _LONGEST_WAIT)

    @contextmanager
    def _watched(
        self, body: Body, explain: Callable[[Exception, Body], XinferenceError]
    ) -> Iterator[None]:
        """Make one of our errors of whatever fails; end what is left early on the server too."""
        try:
            yield
        except XinferenceError as error:
            forget(error)
            error.request_id = body.get("request_id")
            self._advise(error, body)
            raise
        except Exception as error:
            forget(error)
            if _is_ours(error):
                raise
            _log.debug("Request %s failed", body.get("request_id"), exc_info=True)
            explained = explain(error, body)
            explained.request_id = body.get("request_id")
            raise explained from error
        except BaseException as error:  # the stream was closed, its task cancelled, or Ctrl-C
            forget(error)
            if "request_id" in body:
                abort_soon(self.endpoint, body["model"], body["request_id"], self.token)
            raise

    def _advise(self, error: XinferenceError, body: Body) -> None:
        """Say what to look at where the server gives no reason."""
        if type(error) not in (InternalServerError, ServerError) or error.hint:
            return
        if self._ask in _WANTED:
            error.hint = f"Is {body['model']} {_WANTED[self._ask]}?"
        elif _has_media(body):
            error.hint = _MEDIA

    def _unanswered(self, error: Exception, body: Body) -> XinferenceError:
        if isinstance(error, EventError):
            return self._event(str(error), body)
        if isinstance(error, MalformedError):
            return ServerError(
                f"{self.endpoint} sent a response that is not valid JSON.",
                hint="Does a proxy alter it? The server's log may say more.",
            )
        from xinference_magics.transport.unreachable import connect_error

        return connect_error(error, self.endpoint)

    def _broken(self, error: Exception, body: Body) -> XinferenceError:
        if isinstance(error, EventError):
            return self._event(str(error), body)
        return StreamError(
            f"The answer of {body['model']} was cut off: {_reason(error)}.",
            hint="What had arrived was delivered; the reason may be in the server's log.",
        )

    def _event(self, text: str, body: Body) -> ServerError:
        """Translate an error inside a stream, which has no status."""
        from xinference_magics.transport.details import shortened
        from xinference_magics.transport.failures import server_error, worker_gone

        status = _TOO_MANY if "rate limit" in text.casefold() else _FAILED
        error = server_error(status, text, endpoint=self.endpoint)
        if type(error) is InternalServerError and not worker_gone(error.detail):
            failed = InternalServerError(
                shortened(f"{body['model']} failed while answering: {error.detail}"),
                detail=error.detail,
            )
            self._advise(failed, body)
            return failed
        error.status = None
        return error

    def _sync(self) -> Any:
        from xinference_magics.transport.handle import ModelHandle

        return ModelHandle(self.endpoint, self._opened())

    def _opened(self) -> Session:
        with self._making:
            if self._session is None:
                from xinference_magics.transport.sync import open_session

                # A call to a model is logged by its own line, which has the request id.
                self._session = open_session(
                    self.endpoint,
                    token=self.token,
                    timeouts=self.timeouts,
                    log_level=logging.DEBUG,
                )
            return self._session

    def _async(self) -> AbstractAsyncContextManager[Any]:
        from xinference_magics.transport.aio import open_handle

        return open_handle(self.endpoint, token=self.token, timeouts=self.timeouts)


def _has_media(body: Body) -> bool:
    """Tell whether `body`'s messages have parts that are no text."""
    contents = (message.get("content") for message in body.get("messages") or ())
    parts = (part for content in contents if isinstance(content, list) for part in content)
    return any(part["type"] != "text" for part in parts)


def _is_ours(error: Exception) -> bool:
    """Tell a bug of this package from what the network and the server do."""
    expected = isinstance(error, OSError | MalformedError | EventError)
    return not expected and raised_in(error, "xinference_magics")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "the server stopped responding"
    if isinstance(error, MalformedError | ValueError):
        return "a line of it cannot be parsed"
    return "the connection was lost"
