"""The local server: a private Xinference on this machine, shared by its user's notebooks.

`find` looks for one that runs, `start` starts one where there is none. It listens on the
loopback address only, wants credentials that are made and kept here, shares the downloaded
models with the user's other servers, and is stopped by its keeper when the last notebook that
leased it has gone.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from xinference_magics.cluster import credentials, state
from xinference_magics.cluster.keeper import end
from xinference_magics.errors import LocalServerError, XinferenceError
from xinference_magics.transport.endpoint import Timeouts
from xinference_magics.transport.login import Login, Tokens
from xinference_magics.transport.private import locked, open_private
from xinference_magics.transport.sync import open_session

if TYPE_CHECKING:
    from collections.abc import Callable

_COMMAND = "xinference-local"
_START = 300.0  # seconds; 11-15 on an idle machine, two minutes on a busy one
_STOP = 60.0  # seconds
_WORD = 10.0  # seconds between two words to the user
_TICK = 0.25  # seconds
_SAID = 3  # lines of the log that go into an error


class LocalServer:
    """The local server of this user and machine, as `find` and `start` return it.

    Args:
        running: What is written down about it.
        folder: Where that, its secrets and its log are.
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
        """What the server has printed since it was started."""
        return self.folder / "server.log"

    @property
    def api_key(self) -> str:
        """A key that can use the models and do nothing else."""
        return credentials.api_key(self.folder)

    @property
    def alive(self) -> bool:
        """Whether its process runs, and has its port."""
        return self._running.listens()

    @property
    def kept(self) -> bool:
        """Whether it goes on when no notebook needs it."""
        return (self.folder / "keep").exists()

    def token(self) -> str:
        """Return a login token that can manage the server, renewed where it is due.

        Raises:
            LocalServerError: The server is gone; what has its port now gets no password.
        """
        if not self.alive:
            raise _gone(self.endpoint)
        return self._login()

    def lease(self) -> None:
        """Keep the server while this process lives."""
        state.take_lease(self.folder)

    def release(self) -> None:
        """Let the server go, as far as this process is concerned."""
        state.drop_lease(self.folder)

    def stop(self) -> None:
        """Stop the server and all its models; of a server that has gone nothing is touched.

        Raises:
            LocalServerError: It still runs after a minute.
        """
        (self.folder / "keep").unlink(missing_ok=True)
        if keeper := self._running.keeper.process():
            with suppress(psutil.NoSuchProcess):
                keeper.terminate()
        self._await_end()

    def _await_end(self) -> None:
        deadline = time.monotonic() + _STOP
        while (server := self._running.server.process()) or self._running.keeper.process():
            if time.monotonic() > deadline:
                raise LocalServerError(f"The local server (pid {self.pid}) does not end.")
            if server and not self._running.keeper.process():
                end(server)  # its keeper was gone, or died before it could
            time.sleep(_TICK)
        self._running.forget(self.folder)


def find() -> LocalServer | None:
    """Return the local server if one is ready; asks nothing over the network.

    A server that is still starting, or whose port a stranger has, does not count.
    """
    folder = state.find_folder()
    running = state.Running.load(folder)
    ready = running and running.listens() and credentials.api_key(folder)
    return LocalServer(running, folder) if running and ready else None


def _gone(endpoint: str) -> LocalServerError:
    return LocalServerError(
        f"The local server at {endpoint} is gone.", hint="%xinference serve starts it again."
    )


def is_at(endpoint: str) -> bool:
    """Tell whether `endpoint` is the local server's."""
    found = find()
    return found is not None and found.endpoint == endpoint


def read_log() -> list[str]:
    """Return the lines that the local server has printed, also after its end; none without one."""
    return without_secrets(_lines(state.find_folder() / "server.log"))


def stop() -> bool:
    """Stop the local server, ready or still starting; return whether there was one."""
    folder = state.find_folder()
    running = state.Running.load(folder)
    if running:
        LocalServer(running, folder).stop()
    return running is not None


def start(
    *,
    port: int | None = None,
    command: str | None = None,
    keep: bool = False,
    on_line: Callable[[str], None] | None = None,
) -> LocalServer:
    """Return the local server, started where none runs, and lease it for this process.

    Args:
        port: Its port; None takes a free one.
        command: The server's executable; None looks beside this Python, then in the PATH.
        keep: Let it go on when the last notebook has gone.
        on_line: Called with a line for the user when a start begins, and every ten seconds
            while it lasts.

    Raises:
        LocalServerError: No server is installed, it ended at once, or the port is taken.
        KeyboardInterrupt: The waiting was interrupted; it goes on starting, and the next
            `start` takes it up.
    """
    if os.name != "posix":
        raise LocalServerError(
            "A local server can be started on Linux and macOS only.",
            hint=f"Start {_COMMAND} yourself, then %xinference connect.",
        )
    folder = state.open_folder()
    say = on_line or _silence
    with locked(folder / "lock"):
        state.take_lease(folder)
        running = _running(folder, port) or _spawn(folder, port, command, say)
        if keep:
            (folder / "keep").touch()
    _await_start(running, folder, say)
    with locked(folder / "lock"):
        credentials.prepare(folder, running.endpoint)
        key = Tokens.of_key(credentials.api_key(folder), running.server)
        Login(running.endpoint).keep(key)
    return LocalServer(running, folder)


def _running(folder: Path, port: int | None) -> state.Running | None:
    """Return the server that runs or is starting, with a new keeper if it has lost its own."""
    running = state.Running.load(folder)
    if running is None:
        return None
    if port not in {None, running.port}:
        raise LocalServerError(
            f"The local server already runs at {running.endpoint}.",
            hint="%xinference stop, then start it with the other port.",
        )
    return running if running.keeper.process() else _keep(folder)


def _spawn(
    folder: Path, port: int | None, command: str | None, say: Callable[[str], None]
) -> state.Running:
    executable = find_command(command)
    chosen = _free_port(port)
    credentials.ensure_secrets(folder)
    (folder / "keep").unlink(missing_ok=True)
    running = _keep(folder, str(chosen), executable)
    say(f"Starting Xinference at {running.endpoint} (its log is {folder / 'server.log'}) ...")
    return running


def find_command(command: str | None = None) -> str:
    """Return the path of the server's executable: `command`, beside this Python, or in the PATH.

    Raises:
        LocalServerError: There is none.
    """
    beside = Path(sys.executable).with_name(_COMMAND)
    candidates = [command] if command else [str(beside), _COMMAND]
    for candidate in candidates:
        found = shutil.which(Path(candidate).expanduser())
        if found:
            return found
    what = f"{command} cannot be run" if command else "No Xinference server is installed here"
    raise LocalServerError(
        f"{what}.",
        hint="pip install xinference, or %xinference connect URL for a server elsewhere.",
    )


def _free_port(port: int | None) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port or 0))
        except OSError as error:
            raise LocalServerError(
                f"Port {port} cannot be had: {error.strerror}.",
                hint="%xinference serve without a port takes a free one.",
            ) from None
        return int(probe.getsockname()[1])


def _keep(folder: Path, *start: str) -> state.Running:
    """Run the keeper, which leaves itself behind and has then written down who runs."""
    with open_private(folder / "keeper.log") as log:
        subprocess.run(  # noqa: S603  # this package's own module
            [sys.executable, "-m", "xinference_magics.cluster.keeper", str(folder), *start],
            cwd=Path(__file__).parents[2],  # found there, whatever this process's sys.path is
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            check=False,
        )
    running = state.Running.load(folder)
    if running is None:
        raise _ended(folder)
    return running


def _await_start(running: state.Running, folder: Path, say: Callable[[str], None]) -> None:
    """Wait until the server answers, with a word to the user now and then."""
    started = last_word = time.monotonic()
    while not (running.listens() and _answers(running.endpoint)):
        now = time.monotonic()
        if running.server.process() is None:
            raise _ended(folder)
        if now - started > _START:
            raise LocalServerError(
                f"The local server does not answer after {_START:.0f} s.",
                hint=f"Its log is {folder / 'server.log'}.",
            )
        if now - last_word > _WORD:
            say(f"... still starting after {now - started:.0f} s")
            last_word = now
        time.sleep(_TICK)


def _silence(_: str) -> None:
    pass


def _answers(endpoint: str) -> bool:
    with open_session(endpoint, timeouts=Timeouts(2.0, 5.0)) as session:
        try:
            return bool(session.get(f"{endpoint}/v1/cluster/auth").json().get("auth"))
        except (XinferenceError, ValueError):
            return False


def _ended(folder: Path) -> LocalServerError:
    """Return the error for a server that ended while it was starting, with its last words."""
    words = _last_words(folder / "server.log") or _last_words(folder / "keeper.log")
    return LocalServerError(
        f"The local server ended while it was starting: {words or 'without a word'}.",
        hint=f"Its log is {folder / 'server.log'}.",
    )


def _last_words(log: Path) -> str:
    """Return the end of a log as one line."""
    said = [line.strip() for line in without_secrets(_lines(log)) if line.strip()]
    return " / ".join(said[-_SAID:])


def without_secrets(lines: list[str]) -> list[str]:
    """Leave out the line of a server's log that has a secret in it."""
    return [line for line in lines if "Setup token" not in line]


def _lines(log: Path) -> list[str]:
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
