"""Kernels watched the way a page watches them: when text arrives, and how many bytes."""

from __future__ import annotations

import json
import time
from ast import literal_eval
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty
from typing import TYPE_CHECKING, Any

from environments import CACHE, PROGRAMS, Environment, clean_environment
from kernel_driver import Kernel

from xinference_magics.chat.turn import RECORD_MIME

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Seen:
    """What a page saw of one cell; seconds count from when the cell was sent.

    Attributes:
        first: When the first text arrived.
        last: When the last text arrived while the answer streamed.
        idle: When the cell had ended.
        live: Bytes until then, without those of the settled output.
        settled: Bytes of the settled output.
        status: How the cell ended.
    """

    first: float = 0.0
    last: float = 0.0
    idle: float = 0.0
    live: int = 0
    settled: int = 0
    status: str = ""


class WatchedKernel(Kernel):
    """A kernel in the package's environment."""

    def __init__(self, endpoint: str) -> None:
        own = {"XINFERENCE_ENDPOINT": endpoint, "PYTHONPATH": str(PROGRAMS)}
        super().__init__({**clean_environment(), **own}, _spec())
        self._run("%load_ext xinference_magics\nfrom readers import timed\nimport live")

    def timed(self, name: str, endpoint: str, uid: str) -> dict[str, float]:
        """Read a stream in one of the ways of `readers`, without watching it."""
        shown = self._run(f"await timed({name!r}, {endpoint!r}, {uid!r})", allow_stdin=False)
        found: dict[str, float] = json.loads(literal_eval(shown))
        return found

    def number(self, code: str) -> float:
        """Run code that ends in a number, and return the number."""
        return float(self._run(code))

    def _run(self, code: str, **options: Any) -> str:
        reply = self.run(code, timeout=600, **options)
        if reply.status != "ok":
            raise RuntimeError(f"{code}: {reply.error}\n{reply.stdout}")
        return str(reply.displays[-1]["text/plain"]) if reply.displays else ""

    def watch(self, code: str, *, most: float = float("inf"), timeout: float = 600) -> Seen:
        """Run a cell and watch it as a page that shows it; interrupt it after `most` bytes."""
        begun, identifier = time.perf_counter(), self.send(code)
        seen, interrupted = Seen(), False
        while time.perf_counter() - begun < timeout:
            try:
                message = self.client.get_iopub_msg(timeout=1)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != identifier:
                continue
            if _is_end(message):
                seen.idle = time.perf_counter() - begun
                seen.status = self._status(identifier)
                return seen
            self._take(seen, message, time.perf_counter() - begun)
            if seen.live > most and not interrupted:
                interrupted = True
                self.manager.interrupt_kernel()
        raise TimeoutError(code)

    def _take(self, seen: Seen, message: dict[str, Any], now: float) -> None:
        if message["msg_type"] == "comm_open":
            self._ask_for_everything(message["content"]["comm_id"])
        size = self._size(message)
        if RECORD_MIME in (message["content"].get("data") or {}):
            seen.settled += size
            return
        seen.live += size
        if _has_text(message):
            seen.first = seen.first or now
            seen.last = now

    def _ask_for_everything(self, comm: str) -> None:
        """Send the first message of a page's view, which says that it is listening."""
        data = {"method": "custom", "content": {"kind": "resync"}}
        session = self.client.session
        self.client.shell_channel.send(session.msg("comm_msg", {"comm_id": comm, "data": data}))

    def _size(self, message: dict[str, Any]) -> int:
        """Return the size in bytes of a message to a page."""
        pack = self.client.session.pack
        parts = (message[name] for name in ("header", "parent_header", "metadata", "content"))
        return sum(len(pack(part)) for part in parts) + sum(map(len, message["buffers"]))

    def _status(self, identifier: str) -> str:
        while True:
            message = self.client.get_shell_msg(timeout=60)
            if message["parent_header"].get("msg_id") == identifier:
                return str(message["content"]["status"])


@contextmanager
def watched(endpoint: str) -> Iterator[WatchedKernel]:
    """Start a kernel with the extension, connected to a server."""
    kernel = WatchedKernel(endpoint)
    try:
        yield kernel
    finally:
        kernel.close()


def _spec() -> str:
    """Write Jupyter's kernel spec for the package's environment; return its name."""
    folder = CACHE / "jupyter" / "kernels" / "package"
    folder.mkdir(parents=True, exist_ok=True)
    python = str(Environment.of("package").python)
    spec = {
        "argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": folder.name,
        "language": "python",
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
    return folder.name


def _is_end(message: dict[str, Any]) -> bool:
    return message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"


def _has_text(message: dict[str, Any]) -> bool:
    kind, content = message["msg_type"], message["content"]
    if kind == "comm_msg":
        data = content["data"]
        frame = data.get("content") or {}
        return bool(frame.get("add") or frame.get("all") or data.get("state", {}).get("value"))
    if kind in {"display_data", "update_display_data"}:
        return bool(content["data"].get("text/markdown"))
    return bool(kind == "stream")
