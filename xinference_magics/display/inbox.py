"""What the page says while the kernel is busy with the cell that the page belongs to.

A running cell keeps the main thread, and with it the usual way of a message from the page. Each
generation of ipykernel leaves another way around it:

- from 7.4 on, `_reply_subshell_for` of a comm is asked, on the thread that receives all messages,
  where each of them is to go: it may look at the message too;
- before, JupyterLab sends a widget's messages to a thread of their own (a subshell), which calls
  the comm;
- ipykernel 6 leaves messages in the socket that the main thread itself reads: it may look there.

Where none of them works (ipykernel 7.0 to 7.3 with a front end that has no subshells), messages
come when the cell has ended.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Inbox:
    """Takes a widget's messages on whichever thread they come, as flags.

    Args:
        widget: The widget (an ipywidget with an open comm).
        kernel: The kernel it belongs to.
    """

    def __init__(self, widget: Any, kernel: Any) -> None:
        self.stop = threading.Event()
        """Set when Stop was clicked."""
        self.heard = False
        """Whether any message came at all."""
        self._unseen = threading.Event()
        self._kernel = kernel
        self._comm_id = widget.comm.comm_id
        self._handle_otherwise = widget.comm.handle_msg
        widget.comm.handle_msg = self._handle
        if hasattr(widget.comm, "_reply_subshell_for"):
            widget.comm._reply_subshell_for = self._route  # noqa: SLF001

    def take(self, content: object) -> None:
        """Note one message; a message that comes twice does no harm."""
        if not isinstance(content, dict):
            return
        self.heard = True
        if content.get("kind") == "stop":
            self.stop.set()
        elif content.get("kind") == "resync":
            self._unseen.set()

    def wants_everything(self) -> bool:
        """Tell whether a page asked for the whole text since the last call."""
        wanted = self._unseen.is_set()
        self._unseen.clear()
        return wanted

    def collect(self) -> None:
        """Look for messages that wait in the main thread's socket; call it on that thread."""
        for data in _waiting(self._kernel, self._comm_id):
            self.take(data.get("content"))

    def _handle(self, message: dict[str, Any]) -> None:
        """Take a message without the events that a comm triggers in the shell.

        They are a cell's, and some of them (matplotlib shows and closes all figures) must not
        happen in the middle of one, on another thread.
        """
        data = message["content"].get("data")
        if isinstance(data, dict) and data.get("method") == "custom":
            self.take(data.get("content"))
        else:
            self._handle_otherwise(message)

    def _route(self, data: object, default: str | None) -> str | None:
        """Look at a message on its way; it goes where the page sent it."""
        if isinstance(data, dict):
            self.take(data.get("content"))
        return default


def _waiting(kernel: Any, comm_id: str) -> Iterator[dict[str, Any]]:
    """Move what waits in ipykernel 6's socket to its queue, yielding the data meant for a comm.

    The kernel's own `_abort_queues` empties the socket into the queue in the same way: the order
    of messages stays, and each is handled as usual when the cell has ended.
    """
    schedule: Callable[..., None] | None = getattr(kernel, "schedule_dispatch", None)
    socket = getattr(kernel.shell_stream, "socket", None)
    on_main_thread = threading.current_thread() is threading.main_thread()
    if schedule is None or socket is None or not on_main_thread:
        return
    import zmq

    while True:
        try:
            frames = socket.recv_multipart(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return
        schedule(kernel.dispatch_shell, frames)
        content = _comm_content(kernel.session, frames)
        if content.get("comm_id") == comm_id:
            yield content.get("data") or {}


def _comm_content(session: Any, frames: list[Any]) -> dict[str, Any]:
    """Read the content of a comm message; empty for any other, and for one that is not valid."""
    _, parts = session.feed_identities(frames, copy=False)
    try:
        message = session.deserialize(parts, content=False, copy=False)
    except (ValueError, TypeError):
        return {}
    if message["header"]["msg_type"] != "comm_msg":
        return {}
    content = session.unpack(message["content"])
    return content if isinstance(content, dict) else {}
