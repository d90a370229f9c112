"""`%%chat --bg`: an interrupt that arrives as the turn begins, and a turn that fails."""

import os
import signal

import pytest
from langchain_core.runnables import RunnableLambda

from xinference_magics.display.background import UnseenView
from xinference_magics.notebook.shell_cell import ShellScreen


class Interrupting(UnseenView):
    """Interrupt the cell that opens the view."""

    def open(self, live):
        super().open(live)
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_does_not_lose_a_turn_that_is_beginning(shell, magics, monkeypatch, capsys):
    monkeypatch.setattr(ShellScreen, "background_view", lambda _self: Interrupting())
    shell.user_ns["chain"] = RunnableLambda(lambda text: f"You said {text}")
    with pytest.raises(KeyboardInterrupt, match="chain is still answering in the background"):
        shell.run_cell_magic("chat", "--bg -m chain -o answer", "Hello")
    assert shell.user_ns["answer"].result(10).text == "You said Hello"
    said = capsys.readouterr().out
    assert "chain answers in the background: answer.result() waits for the answer" in said
    assert [turn.prompt for turn in magics.session.conversations.current.turns] == ["Hello"]


@pytest.mark.parametrize("fails", [True, False])
def test_only_an_answer_leaves_a_new_conversation_behind(shell, magics, fails):
    def answer(text):
        if fails:
            raise ValueError(text)
        return text

    shell.user_ns["chain"] = RunnableLambda(answer)
    shell.run_cell_magic("chat", "--bg -m chain -o answer -c new", "Hello")
    assert shell.user_ns["answer"].wait(10)
    assert ("new" in magics.session.conversations.names) is not fails


def test_a_failed_turn_does_not_end_a_conversation_in_use(shell, magics):
    magics.session.conversations.switch("mine")
    magics.session.conversations.switch("default")
    shell.user_ns["chain"] = RunnableLambda(int)
    shell.run_cell_magic("chat", "--bg -m chain -o answer -c mine", "Hello")
    assert shell.user_ns["answer"].wait(10)
    assert "mine" in magics.session.conversations.names
