"""Send requests to a model, or abort them, over a session that is opened and closed elsewhere."""

from __future__ import annotations

import logging
import threading
from contextlib import closing, suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from xinference_magics.transport.endpoint import Timeouts, model_url, quoted
from xinference_magics.transport.events import read, whole, written
from xinference_magics.transport.logs import dropped
from xinference_magics.wire.shapes import MalformedError
from xinference_magics.wire.uploads import form

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from requests import Response, Session


_log = logging.getLogger(__name__)

_CANCEL_TIMEOUTS = Timeouts(connect=1.0, read=1.0)


def abort_soon(
    endpoint: str, model_uid: str, request_id: str, token: Callable[[], str | None] | None
) -> None:
    """Abort a request from a thread of its own; never raise, never wait.

    Whoever abandons a stream is being cancelled or interrupted, and the event loop may be about
    to close: neither can wait for a server that may be the one that hangs.
    """
    thread = threading.Thread(
        target=_abort,
        args=(endpoint, model_uid, request_id, token),
        name="xinference-abort",
        daemon=True,
    )
    with suppress(RuntimeError):  # no thread can be started while the interpreter shuts down
        thread.start()


def _abort(
    endpoint: str, model_uid: str, request_id: str, token: Callable[[], str | None] | None
) -> None:
    from xinference_magics.transport.sync import open_session

    url = model_url(endpoint, model_uid, f"/requests/{quoted(request_id)}/abort")
    with (
        dropped(_log, Exception),  # the request was abandoned, and nobody waits for this
        open_session(endpoint, token=token, timeouts=_CANCEL_TIMEOUTS) as session,
    ):
        session.post(url, json={"block_duration": 0})


JSON = {"Content-Type": "application/json"}
_READ_BYTES = 65536  # bytes to read at once, if that many have arrived


class ModelHandle:
    """Sends request bodies.

    Args:
        endpoint: A normalized endpoint.
        session: Shared with other handles, also in other threads.
    """

    def __init__(self, endpoint: str, session: Session) -> None:
        self._endpoint = endpoint
        self._session = session

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send `body`; return the whole response, or its chunks if `body` asks for a stream."""
        stream = bool(body.get("stream"))
        url = f"{self._endpoint}{path}"
        response = self._session.post(url, data=written(body), headers=JSON, stream=stream)
        try:
            check_status(response.status_code)
        except MalformedError:
            response.close()
            raise
        return _chunks(response) if stream else whole(response.content)

    def upload(self, path: str, body: dict[str, Any], *, raw: bool) -> Any:
        """Send `body` as a form with its files; return the response, as bytes if `raw`."""
        fields, files = form(body)
        parts = [(name, (file.name, file.data, file.mime_type)) for name, file in files]
        response = self._session.post(f"{self._endpoint}{path}", data=fields, files=parts)
        check_status(response.status_code)
        return response.content if raw else whole(response.content)

    def fetch(self, path: str, body: dict[str, Any]) -> bytes:
        """Send `body`, and return the response as it is."""
        response = self._session.post(f"{self._endpoint}{path}", data=written(body), headers=JSON)
        check_status(response.status_code)
        return response.content


def _chunks(response: Response) -> Generator[dict[str, Any]]:
    with closing(response):
        yield from read(body_pieces(response))


def check_status(status: int) -> None:
    """Reject success statuses of responses without content.

    Raises:
        MalformedError: The status isn't 200.
    """
    if status != HTTPStatus.OK:
        raise MalformedError(f"the response has the status {status}")


def body_pieces(response: Response) -> Iterator[bytes]:
    """Read what has arrived of `response`.

    Its own `iter_lines` reads 512 bytes at a time and copies the partial line each time: 85 s for a
    line of 10 MB. If the server does not send in chunks, it also waits for 512 bytes to arrive.
    """
    if response.raw.chunked:
        return response.iter_content(_READ_BYTES)
    return iter(partial(response.raw.read1, _READ_BYTES, decode_content=True), b"")
