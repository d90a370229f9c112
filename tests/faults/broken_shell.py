"""A real shell whose server, and the connection to it, can be broken."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from urllib.parse import urlsplit

import psutil
import waiting
from faulty_proxy import WELL

HANG = 28  # seconds after which a cell counts as hanging: less than the 30 of a default


@dataclass
class Ran:
    """The result of a cell."""

    error: BaseException | None
    shown: str

    @property
    def lines(self):
        return [line for line in self.shown.splitlines() if line.strip()]


class Bench:
    """A shell with the extension, connected to a server that can be broken.

    Attributes:
        server: The server, which can be made to give bad answers.
        proxy: The proxy in front of it, which can break connections.
    """

    def __init__(self, shell, server, proxy):
        self.shell = shell
        self.server = server
        self.proxy = proxy
        self.session = shell.magics_manager.registry["XinferenceMagics"].session

    def run(self, code):
        """Run a cell; if it hangs, end it with a test error."""
        previous = signal.signal(signal.SIGALRM, _hangs)
        signal.alarm(HANG)
        try:
            with contextlib.redirect_stdout(io.StringIO()) as shown:
                result = self.shell.run_cell(code, store_history=True)
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, previous)
        error = result.error_before_exec or result.error_in_exec
        assert not isinstance(error, HangsError), code
        return Ran(error, shown.getvalue())

    def succeeds(self, code):
        """Run a cell that must succeed."""
        ran = self.run(code)
        assert ran.error is None, ran
        return ran

    def fails(self, code, kind, *parts):
        """Run a cell that must fail with a one-line `kind` that contains all `parts`."""
        ran = self.run(code)
        assert isinstance(ran.error, kind), ran
        line = ran.lines[-1]
        assert line.startswith(f"{type(ran.error).__name__}: "), ran.shown
        assert "Traceback" not in ran.shown
        assert ".py" not in ran.shown
        for part in parts:
            assert part in line, line
        return ran

    def mend(self):
        self.proxy.fault = WELL
        self.server.faults.clear()

    def is_tidy(self):
        """Return whether the cells left nothing open: no connection, no thread of the package.

        Garbage is not collected first: a call must close what it opened by the time it ends.
        """
        return not connections(self.proxy.endpoint) and not threads()

    def forget(self):
        """Drop everything the user has, as at the end of a notebook."""
        self.shell.run_line_magic("unload_ext", "xinference_magics")
        self.shell.reset(new_session=False)
        self.session = None
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            vars(sys).pop(name, None)
        gc.collect()

    @property
    def turns(self):
        return self.session.conversations.current.turns


class HangsError(BaseException):
    """A cell did not end."""


def _hangs(*_):
    raise HangsError


CHAT_CALLS = {
    "%%chat": "%%chat\nCount.",
    "invoke": "llm.invoke('Count.')",
    "ainvoke": "await llm.ainvoke('Count.')",
    "stream": "got = []\nfor each in llm.stream('Count.'): got.append(each.text)",
    "astream": "got = []\nasync for each in llm.astream('Count.'): got.append(each.text)",
}
CALLS = {
    "list": "%xinference list",
    "launch": "%xinference launch -n tiny-chat -u new --force --as new",
    **CHAT_CALLS,
}
"""What users call: a name, and the cell for it."""

EVERYWHERE = "FAULTS_LONG" in os.environ
"""Whether faults strike everywhere (`make faults-long`), not only in some places."""

SETTINGS = """
%config XinferenceMagics.connect_timeout = 0.5
%config XinferenceMagics.read_timeout = 0.5
"""


def connections(*endpoints):
    """Return this process's sockets connected to `endpoints`, as (local port, state).

    Other sockets do not count: JupyterLab keeps trying to reach kernels that have ended, and
    whichever process gets one of their ports receives those attempts.
    """
    ports = {urlsplit(each).port for each in endpoints}
    found = psutil.Process().net_connections("tcp")
    return {
        (each.laddr.port, each.status) for each in found if each.raddr and each.raddr.port in ports
    }


def threads():
    """Return the running threads of the package."""
    return {each for each in threading.enumerate() if each.name.startswith("xinference")}


def eventually(condition, what):
    """Wait until a condition is true; if it never is, report what the package's threads do."""
    waiting.eventually(condition, lambda: f"{what}: {_open()}")


def _open():
    return [*map(_doing, threads())], psutil.Process().net_connections("tcp")


def _doing(thread):
    frame = sys._current_frames().get(thread.ident)
    return thread.name, traceback.format_stack(frame) if frame else "it has ended"
