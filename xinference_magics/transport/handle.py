"""What asks a model synchronously, over a session that it neither opens nor closes."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from xinference_magics.transport.events import read, whole, written
from xinference_magics.transport.lines import lines
from xinference_magics.wire.shapes import MalformedError

if TYPE_CHECKING:
    from collections.abc import Generator

    from requests import Response, Session

JSON = {"Content-Type": "application/json"}
_OK = 200


class ModelHandle:
    """Sends the bodies of requests.

    Args:
        endpoint: A normalized endpoint.
        session: Shared with other handles, in other threads too.
    """

    def __init__(self, endpoint: str, session: Session) -> None:
        self._endpoint = endpoint
        self._session = session

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send `body`; return the whole answer, or its chunks where it asks for a stream."""
        stream = bool(body.get("stream"))
        url = f"{self._endpoint}{path}"
        response = self._session.post(url, data=written(body), headers=JSON, stream=stream)
        try:
            check_status(response.status_code)
        except MalformedError:
            response.close()
            raise
        return _chunks(response) if stream else whole(response.content)


def _chunks(response: Response) -> Generator[dict[str, Any]]:
    with closing(lines(response)) as received:
        yield from read(received)


def check_status(status: int) -> None:
    """Refuse a good status of an answer that has nothing in it.

    Raises:
        MalformedError: It is not 200.
    """
    if status != _OK:
        raise MalformedError(f"the response has the status {status}")
