"""Real kernels, driven the way a frontend drives them."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from queue import Empty

from growing_page import GrowingPage
from jupyter_client.manager import KernelManager

PATIENCE = 240  # seconds, on a busy machine

CONVERSATION = "get_ipython().find_line_magic('chat').__self__.session.conversations.current"
"""An expression for a kernel's current conversation."""

FRAMES = """
import traceback
def frames(error):
    while error is not None:
        yield repr(error) + repr(vars(error))
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "/xinference_magics/" in frame.f_code.co_filename:
                yield repr(dict(frame.f_locals))
        error = error.__cause__ or error.__context__
"""
"""Code that defines `frames(error)`: all that the package's frames held when it was raised."""


def environment(folder, **own):
    """Return the environment of a kernel whose user keeps everything in `folder`."""
    return {
        **os.environ,
        "XINFERENCE_MAGICS_STATE": str(folder / "state"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        **own,
    }


@dataclass
class Reply:
    """The result of one execution: its outputs as a notebook would save them."""

    outputs: list = field(default_factory=list)
    frames: list = field(default_factory=list)
    """The messages sent to widgets while they ran."""
    status: str = ""
    error: str = ""
    payload: list = field(default_factory=list)
    """Requests to the frontend, such as putting text into the next cell."""
    questions: list = field(default_factory=list)
    """The questions to the user: (prompt, whether the input is hidden)."""

    @property
    def stdout(self):
        return "".join(each["text"] for each in self.outputs if each["type"] == "stream")

    @property
    def displays(self):
        """The MIME bundles on display, with updates applied."""
        return [each["data"] for each in self.outputs if each["type"] != "stream"]

    def streamed(self, kind="text", column=0):
        """Return what the page has received of a turn: its text, or its deltas of another kind."""
        pieces = []
        for frame in self.frames:
            if frame.get("column", 0) == column:
                pieces = frame["all"] if "all" in frame else [*pieces, *frame.get("add", ())]
        parts = groupby(pieces, key=itemgetter(0))
        return "".join(shown(changes) for each, changes in parts if each == kind)

    @property
    def settled(self):
        """The one MIME bundle that a successful cell leaves in the notebook."""
        assert self.status == "ok", self
        [bundle] = self.displays
        return bundle

    @property
    def failure(self):
        """The one line that a failed cell leaves in the notebook, as an error output."""
        assert self.status == "error", self
        assert self.outputs[-1].get("name") == "error", self
        lines = [line for line in self.stdout.splitlines() if line.strip()]
        assert len(lines) == 1, self.stdout
        return lines[0]


class Kernel:
    """A running IPython kernel."""

    def __init__(self, env, name="python3"):
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel(env=env)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)

    @classmethod
    def loaded(cls, env):
        """Start a kernel and load the extension."""
        made = cls(env)
        assert made.run("%load_ext xinference_magics").status == "ok"
        return made

    def send(self, code, *, cell_id=None, deleted=(), allow_stdin=True):
        """Send one execution with the metadata that JupyterLab sends, without waiting for it."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": allow_stdin,
            "stop_on_error": True,
        }
        metadata = {"cellId": cell_id, "deletedCells": list(deleted)} if cell_id else {}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def collect(self, msg_id, *, timeout=PATIENCE, until=None, answers=(), reply=None):
        """Collect the outputs of one execution until it ends or `until(reply)` is true.

        Questions are answered with `answers`, in order. An earlier `reply` of the same
        execution is continued.
        """
        reply = reply or Reply()
        answers = list(answers)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self._answer(reply, answers)
            try:
                message = self.client.get_iopub_msg(timeout=0.1 if answers else 1)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != msg_id:
                continue
            if take(reply, message):
                return self._replied(reply, msg_id)
            if until is not None and until(reply):
                return reply
        raise TimeoutError(f"the cell did not end in {timeout} s: {reply}")

    def run(self, code, **options):
        """Execute `code` and return its outputs."""
        timeout = options.pop("timeout", PATIENCE)
        answers = options.pop("answers", ())
        return self.collect(self.send(code, **options), timeout=timeout, answers=answers)

    def _answer(self, reply, answers):
        while self.client.stdin_channel.msg_ready():
            content = self.client.get_stdin_msg(timeout=1)["content"]
            reply.questions.append((content["prompt"], content["password"]))
            self.client.input(answers.pop(0))

    def value(self, expression):
        """Return the repr of an expression in the kernel."""
        reply = self.run(expression)
        assert reply.status == "ok", reply
        return reply.displays[-1]["text/plain"] if reply.displays else "None"

    def is_renewed(self, code):
        """Return whether the kernel is running and `code` could reset it; otherwise close it."""
        if self.manager.has_kernel and self.manager.is_alive():
            while self.client.iopub_channel.msg_ready():
                self.client.get_iopub_msg(timeout=1)
            with suppress(TimeoutError):
                if self.run(code, timeout=30).status == "ok":
                    return True
        self.close()
        return False

    def close(self):
        """Kill the kernel; a second call does nothing."""
        if self.manager.has_kernel:
            self.client.stop_channels()
            # A killed kernel could not write the data that `make coverage` needs.
            self.manager.shutdown_wait_time = 60
            self.manager.shutdown_kernel(now="COVERAGE_PROCESS_CONFIG" not in os.environ)

    def _replied(self, reply, msg_id):
        while True:
            message = self.client.get_shell_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") == msg_id:
                content = message["content"]
                reply.status = content["status"]
                reply.payload = content.get("payload", [])
                reply.error = f"{content.get('ename', '')}: {content.get('evalue', '')}"
                return reply


def shown(changes):
    """Return the text that a page shows for one part of a turn."""
    page = GrowingPage()
    for _, change in changes:
        page.take(change)
    return page.text


def take(reply, message):
    """Process one message from the kernel; return whether the execution is over."""
    kind, content = message["msg_type"], message["content"]
    if kind == "stream":
        reply.outputs.append({"type": "stream", "text": content["text"], "name": content["name"]})
    elif kind in {"display_data", "execute_result"}:
        reply.outputs.append(
            {
                "type": kind,
                "data": content["data"],
                "id": content.get("transient", {}).get("display_id"),
            }
        )
    elif kind == "update_display_data":
        for output in reply.outputs:
            if output.get("id") == content["transient"]["display_id"]:
                output["data"] = content["data"]
    elif kind == "comm_msg":
        reply.frames.append(content["data"].get("content") or {})
    elif kind == "error":
        text = "\n".join(content["traceback"])
        reply.outputs.append({"type": "stream", "text": text, "name": "error"})
    return kind == "status" and content["execution_state"] == "idle"
