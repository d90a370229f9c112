"""IPython in a pseudo-terminal."""

import pytest
from terminal_driver import terminal

pytestmark = pytest.mark.long


@pytest.fixture
def ipython(kernel_env, tiny_chat):
    """An IPython prompt with the extension loaded and a model selected."""
    with terminal(kernel_env) as made:
        made.run("%load_ext xinference_magics")
        made.run(f"%xinference use {tiny_chat.pt}", "Ready: llm is a ChatXinference for tiny-pt")
        yield made


def test_the_answer_streams_into_the_terminal(ipython):
    ipython.run("%chat -t 0 Count from 1 to 100.", "1 2 3 4 5", "99 100", "tokens/s")
    ipython.await_prompt()


def test_an_unstreamed_answer_is_printed_when_it_is_complete(ipython):
    ipython.run("%chat -t 0 --stream false Count from 1 to 20.", "18 19 20", "tokens/s")
    ipython.await_prompt()


def test_ctrl_c_keeps_the_text_and_returns_to_the_prompt(ipython, slow_endpoint):
    ipython.run(f"%xinference connect {slow_endpoint}")
    ipython.run("%xinference use tiny-gguf", "Ready: llm is a ChatXinference")
    ipython.run("%chat -t 0 Count from 1 to 300.", "1 2 3 4 5")
    ipython.child.sendintr()
    ipython.expect("KeyboardInterrupt: The turn was interrupted; the partial answer was kept.")
    ipython.run("1 + 1", "2")


def test_an_error_is_one_line(ipython):
    ipython.run("%chat -m nothing hi", "ModelNotFoundError: .*nothing")
    ipython.await_prompt()
    assert "Traceback" not in ipython.child.before
