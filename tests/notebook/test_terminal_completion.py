"""Tab at the prompt of a terminal IPython."""

import os
import sys

import pexpect
import pytest
from test_completion import running_server


@pytest.fixture
def terminal(tmp_path):
    """A terminal with the extension loaded, and a server for it to use."""
    with running_server() as server:
        child = loaded(tmp_path, server.endpoint)
        yield child
        child.close(force=True)


def loaded(folder, endpoint):
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--no-banner", "--colors=NoColor"],
        env={
            **os.environ,
            "IPYTHONDIR": str(folder),
            "XINFERENCE_MAGICS_STATE": str(folder / "state"),
            "XINFERENCE_ENDPOINT": endpoint,
            "TERM": "xterm",
            "PROMPT_TOOLKIT_NO_CPR": "1",
        },
        encoding="utf-8",
        timeout=120,
        dimensions=(50, 120),
    )
    child.expect("In .*1")
    child.send("%load_ext xinference_magics\r")
    child.expect("In .*2")
    return child


def tab_until(child, ending):
    """Press Tab until the word is completed, as a person does while a request is pending."""
    for _ in range(30):
        child.send("\t")
        if child.expect([ending, pexpect.TIMEOUT], timeout=1) == 0:
            return
    pytest.fail(f"not completed with {ending}")


def test_commands_options_and_values_are_completed(terminal):
    terminal.send("%xinference lau\t")
    terminal.expect("nch")
    terminal.send(" --model-n")
    tab_until(terminal, "ame")
    terminal.send(" qwen2.5-ins")
    tab_until(terminal, "truct")
    terminal.send(" -t embed\t")
    terminal.expect("ding")
    terminal.send(" -h\r")
    terminal.expect("usage: %xinference launch")
    terminal.send("%xinference terminate wri")
    tab_until(terminal, "ter")
