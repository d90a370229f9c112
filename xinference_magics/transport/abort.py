"""Abort requests on the server, for streams that are abandoned before their end.

Closing the socket is what counts: the server notices at once. The abort also names the request by
its own id, in case a proxy hides the closed socket. llama.cpp ignores both and keeps generating.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from xinference_magics.transport.endpoint import Timeouts, model_url, quoted
from xinference_magics.transport.logs import dropped

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

_PATIENCE = Timeouts(connect=1.0, read=1.0)


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
        open_session(endpoint, token=token, timeouts=_PATIENCE) as session,
    ):
        session.post(url, json={"block_duration": 0})
