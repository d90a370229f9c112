"""Start a local server and wait until it responds, whatever state the last one is in.

`Start.run` reads the record, does what its `Phase` requires, and repeats: it runs a keeper if
there is none, waits for a stopping server to end, and then for the running one to respond. Any
number of processes may do so at once.
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
_START_SECONDS = 300.0  # seconds; 11-15 on an idle machine, two minutes on a busy one
END = 60.0  # seconds; a keeper forces its server to end within 24
_MESSAGE_SECONDS = 10.0  # seconds between two messages to the user
TICK = 0.25  # seconds
_ENDING = "is still stopping after"
_TOO_SLOW = "Local cluster failed to start"  # without a reason: Xinference 4.1's own timeout


class Start:
    """One process's request for a local server.

    Args:
        folder: The folder with the server's record.
        say: Shows one line to the user.
        port: Its port; None uses the last server's if that is free.
        command: The server's executable; None looks for one.
        kept: Whether the server keeps running without leases.
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
        self._joined: Running | None = None  # the server that this waits for
        self._spawned = False
        self._waiting = Waiting("", 0.0)

    def run(self) -> Running:
        """Wait for a server that responds, and return its record.

        This process already has a lease, so no keeper stops the server for lack of one.

        Raises:
            LocalServerError: There is no command, the port is taken, the server ended while it
                was starting, or something takes too long.
        """
        while not (running := self._step()):
            time.sleep(TICK)
        return running

    def _step(self) -> Running | None:
        """Do the next step; return the server if it responds."""
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
        """Start a server; raise if this process's own has ended or the joined one was stopped."""
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
        """Return the server if it responds."""
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
        self._wait("is still starting after", running, _START_SECONDS)
        return None

    def _wait(self, what: str, running: Running, longest: float) -> None:
        """Keep track of a wait, and report it to the user now and then.

        Raises:
            LocalServerError: The wait has taken `longest` seconds.
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
    """A wait for something, and how long it has taken.

    Args:
        what: A description to be followed by a duration.
        since: When it began, by the monotonic clock.
    """

    def __init__(self, what: str, since: float) -> None:
        self.what = what
        self._since = self._last_word = since

    def seconds(self) -> float:
        """Return how many seconds it has taken."""
        return time.monotonic() - self._since

    def is_due(self) -> bool:
        """Return whether to notify the user, which is True once every ten seconds."""
        now = time.monotonic()
        due = now - self._last_word > _MESSAGE_SECONDS
        if due:
            self._last_word = now
        return due


def keep(folder: Path, *start: str) -> None:
    """Run a keeper, which moves to the background once it has recorded the server and itself.

    Args:
        folder: The folder with the record.
        start: Port and command of a server that may be started; without them, a server whose
            keeper has died gets a new one.

    Raises:
        LocalServerError: The keeper failed.
    """
    path = folder / "keeper.log"
    with os.fdopen(open_log(path), "ab") as log:
        before = log.tell()
        done = subprocess.run(  # noqa: S603  # this package's own module
            [sys.executable, "-m", "xinference_magics.local_server.keeper", str(folder), *start],
            cwd=Path(__file__).parents[2],  # where the package is, whatever sys.path is here
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
    """Return the path of the server's executable: `command`, next to this Python, or in the PATH.

    Raises:
        LocalServerError: No executable was found.
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
    """Return `port` if given, else the last port, which notebooks know, else any free one."""
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
        folder: The folder with its log.
        why: The reason that its keeper recorded.
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
    """Describe how a server ended, from the keeper's ``exit N`` or ``signal N``."""
    kind, _, number = why.partition(" ")
    ends = {"exit": f"exited with code {number}", "signal": f"was ended by signal {number}"}
    return ends.get(kind, "ended")
