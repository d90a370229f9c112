"""`%%chat --bg` and an interrupt that arrives as the turn begins."""

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


def test_an_interrupt_does_not_lose_a_turn_that_is_beginning(shell, magics, monkeypatch):
    monkeypatch.setattr(ShellScreen, "background_view", lambda _self: Interrupting())
    shell.user_ns["chain"] = RunnableLambda(lambda text: f"You said {text}")
    with pytest.raises(KeyboardInterrupt, match="chain is still answering in the background"):
        shell.run_cell_magic("chat", "--bg -m chain -o answer", "Hello")
    assert shell.user_ns["answer"].result(10).text == "You said Hello"
    assert [turn.prompt for turn in magics.session.conversations.current.turns] == ["Hello"]
