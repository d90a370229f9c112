"""The keeper: a small process that starts the local server and stops it once nobody needs it.

    python -m xinference_magics.local_server.keeper FOLDER [PORT COMMAND]

takes over the recorded server if its keeper has died, or else starts COMMAND on PORT, records
server and keeper, and leaves the keeper in the background. If a keeper is alive, it does nothing.
Keeper and server run in sessions of their own, so a signal to a notebook's processes does not
reach them. The keeper stops the server, and with it every model process: two minutes after the
last process with a lease has ended or was killed, unless the folder says to keep the server; when
the record says that the server is to end; and on SIGTERM.
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

GRACE = 120.0  # seconds without a lease: restarting a notebook, and reading it, takes less
_TICK_SECONDS = 1.0  # seconds between two looks at the leases, or a tenth of a short grace
_END_TICK_SECONDS = 0.05  # seconds between two looks at processes that are ending
_END_SECONDS = 20.0  # seconds for a server to end by itself
_LEFTOVERS_SECONDS = 2.0  # seconds for the processes it leaves behind
_MAX_LOG_BYTES = 20_000_000  # bytes; the server has its own rotated logs


def spawn(folder: Path, port: int, command: str) -> ProcessIdentity:
    """Start the server with its output logged to the folder, and return its identity."""
    log = open_log(folder / "server.log")
    os.truncate(log, 0)
    process = subprocess.Popen(  # noqa: S603  # we found the command, or the user gave it
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
    """Return the server's environment: separate accounts, databases and logs, shared models.

    The names are those of Xinference 4.1's constants. Its home, and with it the downloaded models
    and persistent registrations, is unchanged; what it starts by itself is in its history.
    """
    secrets = read_private(folder / "secrets.json")
    databases = ("AUTH", "LAUNCH_HISTORY", "DOWNLOAD_TASK", "MONITOR_CONFIG", "TOKEN_ROUTER")
    return {
        **{name: value for name, value in os.environ.items() if name != "XINFERENCE_API_KEY"},
        **{f"XINFERENCE_{each}_DB_PATH": str(folder / f"{each.lower()}.db") for each in databases},
        "XINFERENCE_LOG_DIR": str(folder / "logs"),
        "XINFERENCE_LOG_CONSOLE": "true",  # the setup token is read from its output
        "XINFERENCE_LOG_FORMAT": "text",
        "XINFERENCE_AUTH_ADVANCED": "1",
        "XINFERENCE_OIDC_ENABLED": "0",
        "XINFERENCE_AUTH_JWT_SECRET_KEY": secrets["jwt_key"],
        "XINFERENCE_AUTH_ENCRYPTION_KEY": secrets["encryption_key"],
    }


def end(server: psutil.Process) -> None:
    """Stop the server and all its descendants, killing those that do not end by themselves."""
    try:
        family = [server, *server.children(recursive=True)]
        server.terminate()
    except psutil.NoSuchProcess:
        return
    _await_end([server], _END_SECONDS)
    _finish(family)


def end_orphans(server: ProcessIdentity) -> None:
    """Stop the processes that a killed server left behind, found by the server's own session."""
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
    _await_end(family, _LEFTOVERS_SECONDS)
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _await_end(family, _LEFTOVERS_SECONDS)


def _await_end(processes: list[psutil.Process], patience: float) -> None:
    """Wait up to `patience` seconds for all to end; zombies count as ended, whoever reaps them."""
    deadline = time.monotonic() + patience
    while any(map(_lives, processes)) and time.monotonic() < deadline:
        time.sleep(_END_TICK_SECONDS)


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


class Keeper:
    """The watcher of one server.

    Args:
        folder: The folder with the leases.
        running: The server.
        grace: Seconds for which it continues without a lease.
    """

    def __init__(self, folder: Path, running: Running, grace: float = GRACE) -> None:
        self._folder = folder
        self._running = running
        self._grace = grace
        self._told_to_stop = False
        self._needed = time.monotonic()
        self._status = ""

    def run(self) -> None:
        """Wait until the server is to end, end it, and record why."""
        signal.signal(signal.SIGTERM, self._stop)
        server = self._running.server
        while server.process() and not self._decides_to_end():
            self._trim_log()
            self._reap()
            time.sleep(max(_END_TICK_SECONDS, min(_TICK_SECONDS, self._grace / 10)))
        if process := server.process():
            end(process)
        end_orphans(server)
        self._reap()
        with suppress(XinferenceError), lock(self._folder):
            self._note(self._status or "ended")

    def _stop(self, *_: object) -> None:
        self._told_to_stop = True

    def _decides_to_end(self) -> bool:
        """Decide under the lock, so a process taking a lease sees the decision or is seen by it.

        If the decision cannot be recorded, because the folder is gone or the disk is full, it is
        carried out all the same: no lease can be taken there either.
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
        """Return why the server is to end; empty if it continues."""
        found = Running.load(self._folder)
        if found and found.server == self._running.server and found.ending:
            return found.ending
        if self._told_to_stop:
            return "stopped"
        if (self._folder / "keep").exists() or leased(self._folder):
            self._needed = time.monotonic()
        return "" if time.monotonic() - self._needed < self._grace else "unneeded"

    def _note(self, reason: str) -> None:
        """Record why this server ends, unless a reason or another server is already recorded."""
        found = Running.load(self._folder)
        if found and found.server == self._running.server and not found.ending:
            replace(found, ending=reason).save(self._folder)

    def _reap(self) -> None:
        """Reap the server if it has ended, and store how; one taken over isn't a child process."""
        with suppress(ChildProcessError):
            pid, status = os.waitpid(self._running.server.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self._status = f"signal {-code}" if code < 0 else f"exit {code}"

    def _trim_log(self) -> None:
        log = self._folder / "server.log"
        if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
            os.truncate(log, 0)


def begin(folder: Path, *start: str) -> Running | None:
    """Take over the server whose keeper has died, or start one, and record it.

    Args:
        folder: The folder with the record.
        start: Port and command of a server that may be started.

    Returns:
        The server to watch; None if another keeper is alive, or there is nothing to start.
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
                end(server)  # unrecorded, it would never be found
            sys.exit(str(error))
    return running


def _started(folder: Path, port: str, command: str) -> Running:
    (folder / "keep").unlink(missing_ok=True)
    server = spawn(folder, int(port), command)
    return Running(f"http://127.0.0.1:{port}", server, ProcessIdentity.of(os.getpid()))


def main(folder: Path, *start: str) -> None:
    """Fork a keeper that outlives this process; return once it has recorded itself.

    The server becomes the keeper's child, as some parent must reap it, and in containers process 1
    often does not.

    Raises:
        SystemExit: The keeper died before that; its log says why.
    """
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        if not os.read(reading, 1):  # it has died, which closed its end
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
