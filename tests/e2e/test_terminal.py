"""A terminal IPython in a pseudo-terminal."""

import sys

import pexpect
import pytest


@pytest.fixture
def terminal(kernel_env, tiny_chat):
    """An IPython prompt with the extension loaded and a model taken up."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"],
        env=kernel_env,
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 200),
    )
    child.expect(r"In \[1\]: ")
    child.sendline("%load_ext xinference_magics")
    child.expect(r"In \[2\]: ")
    child.sendline("%xinference use tiny-pt")
    child.expect(r"Ready: llm is ChatXinference for tiny-pt")
    child.expect(r"In \[3\]: ")
    yield child
    child.close(force=True)


def test_the_answer_streams_into_the_terminal(terminal):
    terminal.sendline("%chat -t 0 Count from 1 to 300.")
    terminal.expect("1 2 3 4 5")
    terminal.expect("299 300")
    terminal.expect("tokens/s")
    terminal.expect(r"In \[4\]: ")


def test_ctrl_c_keeps_the_text_and_returns_to_the_prompt(terminal):
    terminal.sendline("%chat -t 0 Count from 1 to 300.")
    terminal.expect("1 2 3 4 5")
    terminal.sendintr()
    terminal.expect("KeyboardInterrupt: The turn was interrupted; what had arrived is kept.")
    terminal.expect(r"In \[4\]: ")
    terminal.sendline("1 + 1")
    terminal.expect("2")


def test_an_error_is_one_line(terminal):
    terminal.sendline("%chat -m nothing hi")
    terminal.expect("ModelNotFoundError: .*nothing")
    terminal.expect(r"In \[4\]: ")
    assert "Traceback" not in terminal.before
