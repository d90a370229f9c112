"""The keeper: a small process that stops the local server when nobody needs it any more.

    python -m xinference_magics.cluster.keeper FOLDER [PORT COMMAND]

starts COMMAND as a server on PORT (without them the server that already runs is taken over),
writes down who runs, and leaves the keeper behind. Keeper and server belong to sessions of
their own, so that a signal to a notebook's processes does not reach them. The keeper stops
the server, and with it every model process, ten seconds after the last process with a lease
has ended, killed ones included, unless the folder says to keep it; and on SIGTERM.
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

from xinference_magics.cluster.state import Running, leased
from xinference_magics.errors import XinferenceError
from xinference_magics.transport.private import read_private
from xinference_magics.transport.process import ProcessIdentity

GRACE = 10.0  # seconds: restarting a kernel takes less
_TICK = 1.0
_PATIENCE = 20.0  # seconds for a server to end by itself
_AFTERWARDS = 2.0  # seconds for the processes that it leaves behind
_LONGEST_LOG = 20_000_000  # bytes; the server keeps rotated logs of its own


def spawn(folder: Path, port: int, command: str) -> ProcessIdentity:
    """Start the server, its output into the folder, and return its identity."""
    log = os.open(folder / "server.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
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


def _reap() -> None:
    with suppress(ChildProcessError):  # a server that was taken over is not a child
        os.waitpid(-1, os.WNOHANG)


def end(server: psutil.Process) -> None:
    """Stop the server and all its descendants, by force where asking does not help."""
    try:
        family = [server, *server.children(recursive=True)]
        server.terminate()
    except psutil.NoSuchProcess:
        return
    _await_end([server], _PATIENCE)
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
    """

    def __init__(self, folder: Path, running: Running) -> None:
        self._folder = folder
        self._running = running
        self._told_to_stop = False
        self._needed = time.monotonic()

    def run(self) -> None:
        """Wait until the server is not needed, stop it, and tidy up."""
        signal.signal(signal.SIGTERM, self._stop)
        server = self._running.server
        while server.process() and not self._told_to_stop and self._is_needed():
            self._trim_log()
            _reap()
            time.sleep(_TICK)
        if process := server.process():
            end(process)
        self._running.forget(self._folder)

    def _stop(self, *_: object) -> None:
        self._told_to_stop = True

    def _is_needed(self) -> bool:
        if (self._folder / "keep").exists() or leased(self._folder):
            self._needed = time.monotonic()
        return time.monotonic() - self._needed < GRACE

    def _trim_log(self) -> None:
        log = self._folder / "server.log"
        if log.exists() and log.stat().st_size > _LONGEST_LOG:
            os.truncate(log, 0)


def begin(folder: Path, *start: str) -> Running:
    """Start the server, or find the one that runs, and write down that this process keeps it."""
    keeper = ProcessIdentity.of(os.getpid())
    if start:
        port, command = start
        running = Running(f"http://127.0.0.1:{port}", spawn(folder, int(port), command), keeper)
    elif found := Running.load(folder):
        running = replace(found, keeper=keeper)
    else:
        sys.exit("no server to keep")
    try:
        running.save(folder)
    except XinferenceError as error:
        if start and (server := running.server.process()):
            end(server)  # nobody would ever find it
        sys.exit(str(error))
    return running


def main(folder: Path, *start: str) -> None:
    """Fork off a keeper, which is nobody's child then, and return when it has written itself down.

    The server becomes the keeper's child: somewhere has to be a parent that collects it, and in
    containers process 1 often does not.
    """
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        os.read(reading, 1)  # returns when the keeper has closed its end, by dying too
        return
    os.close(reading)
    running = begin(folder, *start)
    os.close(writing)
    Keeper(folder, running).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
