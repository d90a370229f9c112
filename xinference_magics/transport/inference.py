"""Send requests to models, sync and async: a POST, and a response or a stream of events.

Errors keep their status, and streams that are abandoned early are aborted on the server.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import aclosing, asynccontextmanager, closing, contextmanager, nullcontext
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import (
    InternalServerError,
    ModelNotReadyError,
    ServerError,
    StreamError,
    XinferenceError,
)
from xinference_magics.remedies import Remedy
from xinference_magics.transport.bearer import Bearer, Token
from xinference_magics.transport.endpoint import INFERENCE, Timeouts, model_url, quoted
from xinference_magics.transport.error_details import last_failure, one_line, says_nothing
from xinference_magics.transport.events import EventError, whole
from xinference_magics.transport.handle import abort_soon
from xinference_magics.transport.logs import timed
from xinference_magics.transport.routes import Body, Route, chat
from xinference_magics.transport.traces import forget, from_client
from xinference_magics.wire.shapes import MalformedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
    from contextlib import AbstractAsyncContextManager

    from requests import Session

_log = logging.getLogger(__name__)

_MAX_WAIT_SECONDS = 30.0  # seconds; what the server itself suggests while a model loads

_MEDIA = (
    "Is each image, sound or video file complete? On llama.cpp a model accepts them only if it was "
    "launched with its multimodal_projector."
)
_SIDE_TIMEOUTS = Timeouts(read=5.0)  # for side requests about a model


class InferenceEndpoint:
    """Where a kind of request goes; clients are created at first use, and nothing before that.

    A body names its model; if it contains a `request_id`, the request can be aborted. Any failure
    is raised as one of this package's errors.

    Args:
        endpoint: A normalized endpoint.
        route: The kind of request, unless a call names another.
        token: Called before each request for the bearer token; None sends none.
        timeouts: Limits in seconds; the whole response has no limit.
        retries: How often to retry if the server has not read the request: its model is still
            loading, or the server specifies when to come back.
    """

    def __init__(
        self,
        endpoint: str,
        route: Route = chat,
        *,
        token: Token | None = None,
        timeouts: Timeouts = INFERENCE,
        retries: int = 0,
    ) -> None:
        self.endpoint = endpoint
        self.token = Bearer.of(endpoint, token) if token else None
        self.timeouts = timeouts
        self._route = route
        self._retries = retries
        self._making = threading.Lock()
        self._session: Session | None = None
        self._shared: Any = None

    def answer(self, body: Body) -> Any:
        """Return the whole response to `body`."""
        with self._reasoned(body), self._watched(body, self._unanswered):
            return self._asked(body)

    async def aanswer(self, body: Body) -> Any:
        """Return the whole response to `body`."""
        async with self._areasoned(body):
            with self._watched(body, self._unanswered):
                async with self._async() as handle:
                    return await self._aasked(handle, body)

    def by(self, route: Route) -> InferenceEndpoint:
        """Return an endpoint for another kind of request, with the same limits and credentials."""
        return InferenceEndpoint(
            self.endpoint, route, token=self.token, timeouts=self.timeouts, retries=self._retries
        )

    def told(self, path: str) -> Any:
        """Return the JSON at a path of the server; None if there is none, or not at once."""
        return self._told(f"{self.endpoint}{path}")

    def tell(self, path: str, body: Body) -> bool:
        """Send `body` aside from a request; return whether the server accepted it."""
        limits = (_SIDE_TIMEOUTS.connect, _SIDE_TIMEOUTS.read)
        try:
            self._opened().post(f"{self.endpoint}{path}", json=body, timeout=limits)
        except XinferenceError:
            _log.debug("%s was not accepted", path, exc_info=True)
            return False
        return True

    def abort(self, model_uid: str, request_id: str) -> bool:
        """Abort a request; return whether the server accepted it."""
        # Without this duration, it would also reject later requests with the same ID.
        path = f"/v1/models/{quoted(model_uid)}/requests/{quoted(request_id)}/abort"
        return self.tell(path, {"block_duration": 0})

    def chunks(self, body: Body) -> Generator[Any]:
        """Stream the response to `body`, which must ask for a stream."""
        with self._reasoned(body):
            with self._watched(body, self._unanswered):
                stream = self._asked(body)
            with self._watched(body, self._broken), closing(stream):
                yield from stream

    async def achunks(self, body: Body) -> AsyncGenerator[Any]:
        """Stream the response to `body`, which must ask for a stream."""
        async with self._areasoned(body), self._async() as handle:
            with self._watched(body, self._unanswered):
                stream = await self._aasked(handle, body)
            with self._watched(body, self._broken):
                async with aclosing(stream):
                    async for chunk in stream:
                        yield chunk

    @asynccontextmanager
    async def kept_open(self) -> AsyncIterator[None]:
        """Let all asynchronous requests of the block share connections, which are kept alive.

        They must be sent from the running loop, and be repeated if a connection was closed.
        """
        from xinference_magics.transport.aio import open_handle

        opened = open_handle(
            self.endpoint, token=self.token, timeouts=self.timeouts, keep_alive=True
        )
        async with opened as shared:
            self._shared = shared
            try:
                yield
            finally:
                self._shared = None

    def description(self, model_uid: str) -> Any:
        """Return the server's description of a running model; None if it gives none."""
        return self._told(model_url(self.endpoint, model_uid))

    async def adescription(self, model_uid: str) -> Any:
        """Return the server's description of a running model; None if it gives none."""
        return await self._atold(model_url(self.endpoint, model_uid))

    def _told(self, url: str) -> Any:
        """Return the JSON at a URL of the server, or None; never raise, and do not wait long."""
        limits = (_SIDE_TIMEOUTS.connect, _SIDE_TIMEOUTS.read)
        try:
            return self._opened().get(url, timeout=limits).json()
        except Exception:  # noqa: BLE001  # the call continues without it
            _log.debug("%s returned nothing", url, exc_info=True)
            return None

    async def _atold(self, url: str) -> Any:
        from xinference_magics.transport.aio import open_async_session

        try:
            opened = open_async_session(self.endpoint, token=self.token, timeouts=_SIDE_TIMEOUTS)
            async with opened as session, session.get(url) as response:
                return whole(await response.read())
        except Exception:  # noqa: BLE001  # the call continues without it
            _log.debug("%s returned nothing", url, exc_info=True)
            return None

    @contextmanager
    def _reasoned(self, body: Body) -> Iterator[None]:
        """Look up the reason for a failure if the server has not given one."""
        try:
            with self._logged(body):
                yield
        except ServerError as error:
            if not says_nothing(error):
                raise
            self._tell(error, body, self._told(self._events(body)))
            raise

    @asynccontextmanager
    async def _areasoned(self, body: Body) -> AsyncIterator[None]:
        """Look up the reason for a failure asynchronously; see `_reasoned`."""
        try:
            with self._logged(body):
                yield
        except ServerError as error:
            if not says_nothing(error):
                raise
            self._tell(error, body, await self._atold(self._events(body)))
            raise

    def _events(self, body: Body) -> str:
        return model_url(self.endpoint, body["model"], "/events")

    def _logged(self, body: Body) -> timed:
        path = f"{self._route.path} of {body['model']}"
        return timed(_log, logging.INFO, "POST", path, body.get("request_id"), status=HTTPStatus.OK)

    def _tell(self, error: ServerError, body: Body, events: Any) -> None:
        """Raise the error that matches the reason, if `events` contain one."""
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
                return self._route(handle, body)
            except ServerError as error:
                wait = self._wait(attempts, error)
            time.sleep(wait)
            attempts += 1

    async def _aasked(self, handle: Any, body: Body) -> Any:
        attempts = 0
        while True:
            try:
                return await self._route(handle, body)
            except ServerError as error:
                wait = self._wait(attempts, error)
            await asyncio.sleep(wait)
            attempts += 1

    def _wait(self, attempts: int, error: ServerError) -> float:
        """Return how many seconds to wait before retrying.

        Raises:
            ServerError: No retries are left, or the server may have begun to answer.
        """
        unread = isinstance(error, ModelNotReadyError) or (
            error.status == HTTPStatus.SERVICE_UNAVAILABLE and error.retry_after is not None
        )
        if attempts >= self._retries or not unread:
            raise error
        said = error.retry_after
        return min(2.0 ** (attempts + 1) if said is None else said, _MAX_WAIT_SECONDS)

    @contextmanager
    def _watched(
        self, body: Body, explain: Callable[[Exception, Body], XinferenceError]
    ) -> Iterator[None]:
        """Convert failures to our errors, and abort abandoned requests on the server."""
        try:
            yield
        except XinferenceError as error:
            forget(error)
            error.request_id = body.get("request_id")
            self._advise(error, body)
            raise
        except Exception as error:
            forget(error)
            if not (isinstance(error, MalformedError | EventError) or from_client(error)):
                raise  # a bug in this package, or the user's own exception
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
        """Add a hint on what to check if the server gives no reason."""
        if type(error) not in (InternalServerError, ServerError) or error.hint:
            return
        if self._route.wanted:
            error.hint = f"Is {body['model']} {self._route.wanted}?"
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
            hint=Remedy.ASK_AGAIN(),
        )

    def _event(self, text: str, body: Body) -> ServerError:
        """Map an error inside a stream, which has no status, to an exception."""
        from xinference_magics.plain import shortened
        from xinference_magics.transport.failures import server_error, worker_gone

        is_limit = "rate limit" in text.casefold()
        status = HTTPStatus.TOO_MANY_REQUESTS if is_limit else HTTPStatus.INTERNAL_SERVER_ERROR
        error = server_error(status, text, endpoint=self.endpoint, model_uid=body["model"])
        if type(error) is InternalServerError and not worker_gone(error.detail):
            said = error.detail or one_line(text)
            stop = "" if said.endswith((".", "!", "?")) else "."
            why = f": {said}{stop}" if said else "; the server gives no reason."
            failed = InternalServerError(
                shortened(f"{body['model']} failed while answering{why}"), detail=said
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

                # A call to a model gets a log line of its own, which has the request id.
                self._session = open_session(
                    self.endpoint,
                    token=self.token,
                    timeouts=self.timeouts,
                    log_level=logging.DEBUG,
                    inference=True,
                )
            return self._session

    def _async(self) -> AbstractAsyncContextManager[Any]:
        if self._shared is not None:
            return nullcontext(self._shared)
        from xinference_magics.transport.aio import open_handle

        return open_handle(self.endpoint, token=self.token, timeouts=self.timeouts)


def _has_media(body: Body) -> bool:
    """Return whether the messages in `body` have parts other than text."""
    contents = (message.get("content") for message in body.get("messages") or ())
    parts = (part for content in contents if isinstance(content, list) for part in content)
    return any(part["type"] != "text" for part in parts)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "the server stopped responding"
    if isinstance(error, MalformedError | ValueError):
        return "a line of it cannot be parsed"
    return "the connection was lost"
