"""Getting a local server that answers, whatever state the last one is in.

`Start.run` looks at what is written down, does what its `Phase` asks for, and looks again: it
runs a keeper where there is none, waits for the end of a server that is ending, and then for the
answer of the one that runs. Any number of processes may do so at once.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from xinference_magics.errors import LocalServerError, XinferenceError
from xinference_magics.files import open_log
from xinference_magics.local_server import credentials, server_log, state
from xinference_magics.local_server.state import Phase, Running
from xinference_magics.remedies import Remedy
from xinference_magics.transport.endpoint import Timeouts
from xinference_magics.transport.sync import open_session

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = "xinference-local"
_START = 300.0  # seconds; 11-15 on an idle machine, two minutes on a busy one
END = 60.0  # seconds; a keeper forces a server to end within 24 of its own
_WORD = 10.0  # seconds between two words to the user
TICK = 0.25  # seconds
_ENDING = "is still stopping after"
_TOO_SLOW = "Local cluster failed to start"  # with no reason: Xinference 4.1's own time was over


class Start:
    """One process's wish for a local server.

    Args:
        folder: Where the server is written down.
        say: Shows one line to the user.
        port: Its port; None takes the last one's where that is free.
        command: The server's executable; None looks for one.
        kept: Whether the server is to go on without leases.
    """

    def __init__(
        self,
        folder: Path,
        say: Callable[[str], None],
        *,
        port: int | None,
        command: str | None,
        kept: bool,
    ) -> None:
        self._folder = folder
        self._say = say
        self._port = port
        self._command = command
        self._kept = kept
        self._joined: Running | None = None  # the server whose answer is waited for
        self._spawned = False
        self._waiting = Waiting("", 0.0)

    def run(self) -> Running:
        """Wait for a server that answers, and return what is written down about it.

        This process has a lease already, so that no keeper ends the server for want of one.

        Raises:
            LocalServerError: There is no command, the port is taken, the server ended while it
                was starting, or something takes too long.
        """
        while not (running := self._step()):
            time.sleep(TICK)
        return running

    def _step(self) -> Running | None:
        """Do what comes next; return the server that answers."""
        running = Running.load(self._folder)
        phase = running.phase if running else Phase.GONE
        if running is None or phase is Phase.GONE:
            self._spawn(running)
        elif phase is Phase.SERVING:
            return self._join(running)
        elif phase is Phase.ENDING:
            self._wait(_ENDING, running, END)
        else:
            self._wait("has had no keeper process for", running, END)
            keep(self._folder)
        return None

    def _spawn(self, last: Running | None) -> None:
        """Start a server, unless the one that was started here, or was stopped, has ended."""
        joined = (
            self._joined is not None and last is not None and last.server == self._joined.server
        )
        why = last.ending if last and joined else ""
        if self._spawned or why == "stopped":
            raise ended(self._folder, why)
        command = find_command(self._command)
        port = _free_port(self._port, last.port if last else 0)
        with state.lock(self._folder):
            credentials.ensure_secrets(self._folder)
        keep(self._folder, str(port), command)
        self._joined, self._spawned = Running.load(self._folder), True
        if self._joined:
            log = self._folder / "server.log"
            self._say(f"Starting Xinference at {self._joined.endpoint} (its log is {log}) ...")

    def _join(self, running: Running) -> Running | None:
        """Return the server if it answers."""
        if self._port not in {None, running.port}:
            raise LocalServerError(
                f"The local server is already running at {running.endpoint}.",
                hint=Remedy.STOP_FIRST(),
            )
        self._joined = running
        if self._kept:
            (self._folder / "keep").touch()
        if running.listens() and _answers(running.endpoint):
            return running
        self._wait("is still starting after", running, _START)
        return None

    def _wait(self, what: str, running: Running, longest: float) -> None:
        """Wait a little longer, and say so now and then.

        Raises:
            LocalServerError: It has taken `longest` seconds.
        """
        if self._waiting.what != what:
            self._waiting = Waiting(what, time.monotonic())
            if what == _ENDING and not self._joined:
                url = running.endpoint
                self._say(f"Waiting for the server at {url} to stop, then starting a new one ...")
        waited = self._waiting.seconds()
        if waited > longest:
            raise LocalServerError(
                f"The local server (pid {running.server.pid}, keeper {running.keeper.pid}) "
                f"{what} {longest:.0f} s.",
                hint=f"See its log: {self._folder / 'server.log'}.",
            )
        if self._waiting.is_due():
            self._say(f"... {what} {waited:.0f} s")


class Waiting:
    """How long something has taken.

    Args:
        what: What it is, in words that a duration follows.
        since: When it began, by the monotonic clock.
    """

    def __init__(self, what: str, since: float) -> None:
        self.what = what
        self._since = self._last_word = since

    def seconds(self) -> float:
        """Return how long it has taken."""
        return time.monotonic() - self._since

    def is_due(self) -> bool:
        """Tell, once in ten seconds, that the user should hear of it."""
        now = time.monotonic()
        due = now - self._last_word > _WORD
        if due:
            self._last_word = now
        return due


def keep(folder: Path, *start: str) -> None:
    """Run a keeper, which leaves itself behind and has then written down who runs.

    Args:
        folder: Where that is written down.
        start: Port and command of a server that may be started; without them one that has lost
            its keeper gets a new one.

    Raises:
        LocalServerError: It could not do so.
    """
    path = folder / "keeper.log"
    with os.fdopen(open_log(path), "ab") as log:
        before = log.tell()
        done = subprocess.run(  # noqa: S603  # this package's own module
            [sys.executable, "-m", "xinference_magics.local_server.keeper", str(folder), *start],
            cwd=Path(__file__).parents[2],  # found there, whatever this process's sys.path is
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            check=False,
        )
    if done.returncode:
        cause = server_log.cause(server_log.read_lines(path, before))
        words = cause or f"exit code {done.returncode}"
        raise LocalServerError(
            f"The local server could not be started: {words.rstrip('.')}.",
            hint=f"See the log of its keeper: {path}.",
        )


def find_command(command: str | None = None) -> str:
    """Return the path of the server's executable: `command`, beside this Python, or in the PATH.

    Raises:
        LocalServerError: There is none.
    """
    beside = Path(sys.executable).with_name(COMMAND)
    candidates = [command] if command else [str(beside), COMMAND]
    for candidate in candidates:
        found = shutil.which(Path(candidate).expanduser())
        if found:
            return found
    what = f"{command} cannot be run" if command else "No Xinference server is installed here"
    raise LocalServerError(
        f"{what}.",
        hint=Remedy.INSTALL_SERVER(),
    )


def _free_port(port: int | None, last: int) -> int:
    """Return `port`, or else the last one, which notebooks know, or else any that is free."""
    if port is not None:
        try:
            return _bound(port)
        except OSError as error:
            raise LocalServerError(
                f"Port {port} is not available: {error.strerror}.",
                hint=Remedy.ANY_PORT(),
            ) from None
    try:
        return _bound(last)
    except OSError:
        return _bound(0)


def _bound(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


def _answers(endpoint: str) -> bool:
    with open_session(endpoint, timeouts=Timeouts(2.0, 5.0)) as session:
        try:
            return bool(session.get(f"{endpoint}/v1/cluster/auth").json().get("auth"))
        except (XinferenceError, ValueError):
            return False


def ended(folder: Path, why: str) -> LocalServerError:
    """Return the error for a server that ended while it was starting, with the cause.

    Args:
        folder: Where its log is.
        why: What its keeper has written down.
    """
    if why in {"stopped", "unneeded"}:
        return LocalServerError(
            "The local server was stopped while it was starting.",
            hint=Remedy.START_AGAIN(),
        )
    if why == "signal 9":
        cause = "it was killed (SIGKILL), often because memory ran out"
    else:
        said = server_log.cause(server_log.read_lines(folder / "server.log"))
        cause = said.rstrip(".")
        if cause.endswith(_TOO_SLOW):
            cause += " within 120 s: this machine is too busy"
    what = (
        f"ended while it was starting: {cause}"
        if cause
        else f"{_how(why)} while starting, and printed nothing"
    )
    return LocalServerError(
        f"The local server {what}.", hint=f"See its log: {folder / 'server.log'}."
    )


def _how(why: str) -> str:
    """Say how a server ended: ``exit N`` and ``signal N`` are a keeper's words."""
    kind, _, number = why.partition(" ")
    ends = {"exit": f"exited with code {number}", "signal": f"was ended by signal {number}"}
    return ends.get(kind, "ended")
