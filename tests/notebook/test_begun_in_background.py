"""`%%chat --bg` and an interrupt that comes just as the turn begins."""

import os
import signal

import pytest
from langchain_core.runnables import RunnableLambda

from xinference_magics.display.background import UnseenView
from xinference_magics.notebook.shell_cell import ShellScreen


class Interrupting(UnseenView):
    """Interrupts the cell in which it is opened."""

    def open(self, live):
        super().open(live)
        os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_loses_nothing_of_a_turn_that_begins(shell, magics, monkeypatch):
    monkeypatch.setattr(ShellScreen, "background_view", lambda _self: Interrupting())
    shell.user_ns["chain"] = RunnableLambda(lambda text: f"You said {text}")
    with pytest.raises(KeyboardInterrupt, match="chain is still answering in the background"):
        shell.run_cell_magic("chat", "--bg -m chain -o answer", "Hello")
    assert shell.user_ns["answer"].result(10).text == "You said Hello"
    assert [turn.prompt for turn in magics.session.conversations.current.turns] == ["Hello"]
