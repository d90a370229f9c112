"""The keeper: a small process that starts the local server, and ends it when nobody needs it.

    python -m xinference_magics.local_server.keeper FOLDER [PORT COMMAND]

takes over the server that is written down and has lost its keeper, or else starts COMMAND on
PORT, writes down who runs, and leaves the keeper behind; it does nothing where a keeper lives.
Keeper and server belong to sessions of their own, so that a signal to a notebook's processes
does not reach them. The keeper stops the server, and with it every model process, two minutes
after the last process with a lease has ended, killed ones included, unless the folder says to
keep it; when it is written down that the server ends; and on SIGTERM.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from xinference_magics.errors import XinferenceError
from xinference_magics.files import open_log, read_private
from xinference_magics.local_server.state import Phase, Running, leased, lock
from xinference_magics.process import ProcessIdentity

GRACE = 120.0  # seconds without a lease: a notebook is restarted, and read, in less
_TICK = 1.0
_PATIENCE = 20.0  # seconds for a server to end by itself
_AFTERWARDS = 2.0  # seconds for the processes that it leaves behind
_LONGEST_LOG = 20_000_000  # bytes; the server keeps rotated logs of its own


def spawn(folder: Path, port: int, command: str) -> ProcessIdentity:
    """Start the server, its output into the folder, and return its identity."""
    log = open_log(folder / "server.log")
    os.truncate(log, 0)
    process = subprocess.Popen(  # noqa: S603  # the command was found or given by the user
        [command, "-H", "127.0.0.1", "-p", str(port)],
        env=environment(folder),
        cwd=Path.home(),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    os.close(log)
    return ProcessIdentity.of(process.pid)


def environment(folder: Path) -> dict[str, str]:
    """Return the server's environment: accounts, databases and logs apart, models shared.

    Names are those of Xinference 4.1's constants. Its home, and so the downloaded models and
    persistent registrations, stay as they are; what it starts by itself is in its history.
    """
    secrets = read_private(folder / "secrets.json")
    databases = ("AUTH", "LAUNCH_HISTORY", "DOWNLOAD_TASK", "MONITOR_CONFIG", "TOKEN_ROUTER")
    return {
        **{name: value for name, value in os.environ.items() if name != "XINFERENCE_API_KEY"},
        **{f"XINFERENCE_{each}_DB_PATH": str(folder / f"{each.lower()}.db") for each in databases},
        "XINFERENCE_LOG_DIR": str(folder / "logs"),
        "XINFERENCE_LOG_CONSOLE": "true",  # the setup token is read from what it prints
        "XINFERENCE_LOG_FORMAT": "text",
        "XINFERENCE_AUTH_ADVANCED": "1",
        "XINFERENCE_OIDC_ENABLED": "0",
        "XINFERENCE_AUTH_JWT_SECRET_KEY": secrets["jwt_key"],
        "XINFERENCE_AUTH_ENCRYPTION_KEY": secrets["encryption_key"],
    }


def end(server: psutil.Process) -> None:
    """Stop the server and all its descendants, by force where asking does not help."""
    try:
        family = [server, *server.children(recursive=True)]
        server.terminate()
    except psutil.NoSuchProcess:
        return
    _await_end([server], _PATIENCE)
    _finish(family)


def end_orphans(server: ProcessIdentity) -> None:
    """Stop what a server that was killed has left behind: it has had a session of its own."""
    family = [each for each in psutil.process_iter() if _session(each) == server.pid]
    for process in list(family):
        with suppress(psutil.NoSuchProcess):
            family += process.children(recursive=True)
            process.terminate()
    _finish(family)


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def _finish(family: list[psutil.Process]) -> None:
    """Wait a moment for the processes to end, and kill those that do not."""
    _await_end(family, _AFTERWARDS)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _await_end(family, _AFTERWARDS)


def _await_end(processes: list[psutil.Process], patience: float) -> None:
    """Wait until all have ended, or `patience` seconds; zombies have, whoever reaps them."""
    deadline = time.monotonic() + patience
    while any(map(_lives, processes)) and time.monotonic() < deadline:
        time.sleep(_TICK / 10)


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


class Keeper:
    """Watch over one server.

    Args:
        folder: Where leases are looked for.
        running: The server.
        grace: Seconds that it goes on without a lease.
    """

    def __init__(self, folder: Path, running: Running, grace: float = GRACE) -> None:
        self._folder = folder
        self._running = running
        self._grace = grace
        self._told_to_stop = False
        self._needed = time.monotonic()
        self._status = ""

    def run(self) -> None:
        """Wait until the server is to end, end it, and write down why it has."""
        signal.signal(signal.SIGTERM, self._stop)
        server = self._running.server
        while server.process() and not self._decides_to_end():
            self._trim_log()
            self._reap()
            time.sleep(_TICK)
        if process := server.process():
            end(process)
        end_orphans(server)
        self._reap()
        with suppress(XinferenceError), lock(self._folder):
            self._note(self._status or "ended")

    def _stop(self, *_: object) -> None:
        self._told_to_stop = True

    def _decides_to_end(self) -> bool:
        """Decide under the lock, so that who takes a lease sees what was decided, or is seen.

        What cannot be written down, for want of the folder or of space, is done all the same:
        no lease can be taken there either.
        """
        reason = self._reason()
        if not reason:
            return False
        with suppress(XinferenceError), lock(self._folder):
            reason = self._reason()
            if reason:
                self._note(reason)
        return bool(reason)

    def _reason(self) -> str:
        """Return why the server is to end; empty for a server that goes on."""
        found = Running.load(self._folder)
        if found and found.server == self._running.server and found.ending:
            return found.ending
        if self._told_to_stop:
            return "stopped"
        if (self._folder / "keep").exists() or leased(self._folder):
            self._needed = time.monotonic()
        return "" if time.monotonic() - self._needed < self._grace else "unneeded"

    def _note(self, reason: str) -> None:
        """Write down why this server ends, unless that is known or another is written down."""
        found = Running.load(self._folder)
        if found and found.server == self._running.server and not found.ending:
            replace(found, ending=reason).save(self._folder)

    def _reap(self) -> None:
        """Collect the server, if it has ended, and keep how; one taken over is not a child."""
        with suppress(ChildProcessError):
            pid, status = os.waitpid(self._running.server.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self._status = f"signal {-code}" if code < 0 else f"exit {code}"

    def _trim_log(self) -> None:
        log = self._folder / "server.log"
        if log.exists() and log.stat().st_size > _LONGEST_LOG:
            os.truncate(log, 0)


def begin(folder: Path, *start: str) -> Running | None:
    """Take the server over that has lost its keeper, or start one, and write that down.

    Args:
        folder: Where it is written down.
        start: Port and command of a server that may be started.

    Returns:
        What to keep; None where another keeper lives, or nothing is to be started.
    """
    with lock(folder):
        found = Running.load(folder)
        phase = found.phase if found else Phase.GONE
        if found and phase is Phase.UNKEPT:
            running = replace(found, keeper=ProcessIdentity.of(os.getpid()))
        elif start and phase is Phase.GONE:
            running = _started(folder, *start)
        else:
            return None
        try:
            running.save(folder)
        except XinferenceError as error:
            if phase is Phase.GONE and (server := running.server.process()):
                end(server)  # nobody would ever find it
            sys.exit(str(error))
    return running


def _started(folder: Path, port: str, command: str) -> Running:
    (folder / "keep").unlink(missing_ok=True)
    server = spawn(folder, int(port), command)
    return Running(f"http://127.0.0.1:{port}", server, ProcessIdentity.of(os.getpid()))


def main(folder: Path, *start: str) -> None:
    """Fork off a keeper, which is nobody's child then; return when it has written itself down.

    The server becomes the keeper's child: somewhere has to be a parent that collects it, and in
    containers process 1 often does not.

    Raises:
        SystemExit: It has died before, and its log says why.
    """
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        if not os.read(reading, 1):  # it has closed its end, by dying
            sys.exit(1)
        return
    os.close(reading)
    grace = float(os.environ.get("XINFERENCE_MAGICS_GRACE") or GRACE)
    running = begin(folder, *start)
    os.write(writing, b"1")
    os.close(writing)
    if running:
        Keeper(folder, running, grace).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
