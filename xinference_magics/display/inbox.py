"""Receive messages from a page while the kernel is running the cell that the page belongs to.

A running cell occupies the main thread, and so blocks the usual route of messages from the page.
Each generation of ipykernel offers a different way around that:

- from 7.4 on, a comm's `_reply_subshell_for` decides where each message goes; it is called on the
  thread that receives all messages, and can inspect the message as well;
- before that, JupyterLab sends a widget's messages to a thread of their own (a subshell), which
  calls the comm;
- ipykernel 6 leaves messages in the socket that the main thread itself reads, so it can look there.

If none of these works (ipykernel 7.0 to 7.3 with a frontend that has no subshells), messages
arrive when the cell has ended.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Inbox:
    """Turns a widget's messages into flags, on whichever thread they arrive.

    Args:
        widget: The widget (an ipywidget with an open comm).
        kernel: The kernel it belongs to; None if there is none.
    """

    def __init__(self, widget: Any, kernel: Any) -> None:
        self.stop = threading.Event()
        """Set when Stop is clicked."""
        self.heard = False
        """Whether any message has arrived."""
        self.when: Mapping[str, Callable[[], None]] = {}
        """What to do about other kinds of messages, on the thread that handles each."""
        self._unseen = threading.Event()
        self._kernel = kernel
        self._comm_id = widget.comm.comm_id
        self._handle_otherwise = widget.comm.handle_msg
        widget.comm.handle_msg = self._handle
        if hasattr(widget.comm, "_reply_subshell_for"):
            widget.comm._reply_subshell_for = self._route  # noqa: SLF001

    def take(self, content: object) -> None:
        """Record one message; receiving a message twice does no harm."""
        if not isinstance(content, dict):
            return
        self.heard = True
        if content.get("kind") == "stop":
            self.stop.set()
        elif content.get("kind") == "resync":
            self._unseen.set()

    def wants_everything(self) -> bool:
        """Return whether a page has asked for the whole text since the last call."""
        wanted = self._unseen.is_set()
        self._unseen.clear()
        return wanted

    def collect(self) -> None:
        """Take messages waiting in the main thread's socket; call this on that thread."""
        for data in _waiting(self._kernel, self._comm_id):
            self.take(data.get("content"))

    def _handle(self, message: dict[str, Any]) -> None:
        """Take a message without triggering the shell events that a comm usually does.

        They are meant for cells, and some of their handlers (matplotlib's shows and closes all
        figures) must not run in the middle of a cell, on another thread.
        """
        data = message["content"].get("data")
        if isinstance(data, dict) and data.get("method") == "custom":
            content = data.get("content")
            self.take(content)
            if isinstance(content, dict) and (act := self.when.get(str(content.get("kind")))):
                act()
        else:
            self._handle_otherwise(message)

    def _route(self, data: object, default: str | None) -> str | None:
        """Inspect a message in transit without changing where it goes."""
        if isinstance(data, dict):
            self.take(data.get("content"))
        return default


def _waiting(kernel: Any, comm_id: str) -> Iterator[dict[str, Any]]:
    """Move messages from ipykernel 6's socket to its queue, yielding the data meant for a comm.

    The kernel's own `_abort_queues` empties the socket into the queue in the same way: messages
    stay in order, and each is handled as usual when the cell has ended.
    """
    schedule: Callable[..., None] | None = getattr(kernel, "schedule_dispatch", None)
    socket = getattr(getattr(kernel, "shell_stream", None), "socket", None)
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
    """Return the content of a comm message; empty for other and for invalid messages."""
    _, parts = session.feed_identities(frames, copy=False)
    try:
        message = session.deserialize(parts, content=False, copy=False)
    except (ValueError, TypeError):
        return {}
    if message["header"]["msg_type"] != "comm_msg":
        return {}
    content = session.unpack(message["content"])
    return content if isinstance(content, dict) else {}
