"""The local server: a private Xinference on this machine, shared by its user's notebooks.

`find` looks for a running one; `start` starts one if there is none. It listens only on the
loopback address, requires credentials that are created and stored here, shares downloaded models
with the user's other servers, and is stopped by its keeper when the last notebook that leased it
is gone.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil

from xinference_magics.auth.login import Login, Tokens
from xinference_magics.errors import LocalServerError, XinferenceError
from xinference_magics.local_server import credentials, server_log, starting, state
from xinference_magics.local_server.keeper import end
from xinference_magics.remedies import Remedy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class LocalServer:
    """The local server of this user and machine, as returned by `find` and `start`.

    Args:
        running: The record of the server.
        folder: The folder with the record, the secrets and the log.
    """

    def __init__(self, running: state.Running, folder: Path) -> None:
        self.endpoint = running.endpoint
        self.pid = running.server.pid
        self.folder = folder
        self._running = running
        self._login = credentials.login(folder, running.endpoint)

    def __repr__(self) -> str:
        return f"LocalServer({self.endpoint!r}, pid={self.pid})"

    @property
    def log(self) -> Path:
        """The file with everything the server has printed since it was started."""
        return self.folder / "server.log"

    @property
    def api_key(self) -> str:
        """An API key that can use the models and do nothing else."""
        return credentials.api_key(self.folder)

    @property
    def alive(self) -> bool:
        """Whether it is running, has its port, and is not being stopped."""
        written = self._written()
        return written is not None and written.serves()

    @property
    def kept(self) -> bool:
        """Whether it keeps running when no notebook needs it."""
        return (self.folder / "keep").exists()

    def token(self) -> str:
        """Return a login token that can manage the server, renewing it if due.

        Raises:
            LocalServerError: The server is gone; whatever has its port now gets no password.
        """
        if not self.alive:
            raise gone(self.endpoint)
        return self._login()

    def lease(self) -> None:
        """Keep the server running while this process lives.

        Raises:
            LocalServerError: It is gone or being stopped.
        """
        with state.lock(self.folder):
            state.take_lease(self.folder)
            alive = self.alive
        if not alive:
            self.release()
            raise gone(self.endpoint)

    def release(self) -> None:
        """Give up this process's lease on the server."""
        state.drop_lease(self.folder)

    def stop(self) -> None:
        """Stop the server and all its models, but no server that has since replaced it.

        Raises:
            LocalServerError: It is still running after a minute.
        """
        with state.lock(self.folder):
            if (written := self._written()) and not written.ending:
                (self.folder / "keep").unlink(missing_ok=True)
                replace(written, ending="stopped").save(self.folder)
        if keeper := self._running.keeper.process():
            with suppress(psutil.NoSuchProcess):
                keeper.terminate()  # in case it cannot read the record
        self._await_end()

    def _written(self) -> state.Running | None:
        """Return the current record, if it is about this server."""
        written = state.Running.load(self.folder)
        return written if written and written.server == self._running.server else None

    def _await_end(self) -> None:
        deadline = time.monotonic() + starting.END
        while (written := self._written()) and written.phase is not state.Phase.GONE:
            if time.monotonic() > deadline:
                raise LocalServerError(f"The local server (pid {self.pid}) did not stop.")
            if written.phase is state.Phase.UNKEPT and (server := written.server.process()):
                end(server)  # its keeper died before it could do so
            time.sleep(starting.TICK)


def find() -> LocalServer | None:
    """Return the local server if one is ready, without any network request.

    A server that is starting or stopping, or whose port another process has, does not count.
    """
    folder = state.find_folder()
    running = state.Running.load(folder)
    ready = running and running.serves() and credentials.api_key(folder)
    return LocalServer(running, folder) if running and ready else None


def gone(endpoint: str) -> LocalServerError:
    """Return the error for a local server that has ended."""
    return LocalServerError(f"The local server at {endpoint} is gone.", hint=Remedy.START_AGAIN())


def is_at(endpoint: str) -> bool:
    """Return whether `endpoint` is the local server's."""
    found = find()
    return found is not None and found.endpoint == endpoint


def read_log() -> list[str]:
    """Return the local server's output, even after it has ended; empty if there was no server."""
    return server_log.read_lines(state.find_folder() / "server.log")


def stop() -> bool:
    """Stop the local server, whether ready, starting or stopping; return whether there was one."""
    folder = state.find_folder()
    running = state.Running.load(folder)
    if running is None or running.phase is state.Phase.GONE:
        return False
    LocalServer(running, folder).stop()
    return True


def start(
    *,
    port: int | None = None,
    command: str | None = None,
    keep: bool = False,
    on_line: Callable[[str], None] | None = None,
) -> LocalServer:
    """Return the local server, starting it if necessary, and lease it for this process.

    If a server is being stopped, wait for it to end and then start another.

    Args:
        port: Its port; None uses its last one, or a free one.
        command: The server's executable; None looks next to this Python, then in the PATH.
        keep: Keep it running when the last notebook is gone.
        on_line: Called with a line for the user when a start or a wait begins, and every ten
            seconds while it lasts.

    Raises:
        LocalServerError: No server is installed, it ended at once, or the port is taken.
        KeyboardInterrupt: The wait was interrupted; the server continues to start, and the next
            `start` picks it up.
    """
    if os.name != "posix":
        raise LocalServerError(
            "Local servers can be started only on Linux and macOS.",
            hint=Remedy.START_YOURSELF(command=starting.COMMAND),
        )
    folder = state.open_folder()
    with state.lock(folder):
        new = state.take_lease(folder)
    try:
        say = on_line or _silence
        begun = starting.Start(folder, say, port=port, command=command, kept=keep)
        return _ready(begun.run(), folder)
    except XinferenceError:
        if new:
            state.drop_lease(folder)
        raise


def _ready(running: state.Running, folder: Path) -> LocalServer:
    """Create the accounts of a server that responds, and return it."""
    with state.lock(folder):
        credentials.prepare(folder, running.endpoint)
        key = Tokens.of_key(credentials.api_key(folder), running.server)
        Login(running.endpoint).keep(key)
    return LocalServer(running, folder)


def _silence(_: str) -> None:
    pass
