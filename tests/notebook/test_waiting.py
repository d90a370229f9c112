"""Waiting with the user for a server to finish, and interrupts meanwhile."""

import os
import signal

import pytest

from xinference_magics.display import progress, views
from xinference_magics.notebook.commands.waiting import followed


class Interrupting(progress.LaunchView):
    """A view that is interrupted while it opens."""

    def __init__(self):
        self.seen = []

    def open(self, title):
        os.kill(os.getpid(), signal.SIGINT)
        self.seen.append(title)

    def update(self, stage, fraction, note="", parts=()):
        self.seen.append(stage)

    def close(self, outcome, ok):
        self.seen.append((outcome, ok))

    def ready(self, uid, facts, details):
        self.seen.append(uid)


def test_a_view_opens_completely_before_an_interrupt_closes_it(monkeypatch):
    view = Interrupting()
    monkeypatch.setattr(views, "choose_launch_view", lambda **_: view)
    unfinished = "It goes on."
    with (
        pytest.raises(KeyboardInterrupt, match=unfinished),
        followed("It", "done", unfinished),
    ):
        pytest.fail("the interrupt comes before the work")
    assert view.seen == ["It", ("continues", False)]
