"""A turn ends as it should: by itself, by its button, by an interrupt, by an error."""

import asyncio
import contextvars
import os
import signal
import threading
import time

from langchain_core.messages import AIMessageChunk

from xinference_magics.chat import runner
from xinference_magics.chat.live import LiveTurn
from xinference_magics.chat.main_thread import MainThread

WHO = contextvars.ContextVar("WHO", default="nobody")


class Recorder:
    """A view of one turn that records what it was shown and may request a stop."""

    def __init__(self, stop_after=None):
        self.seen = ""
        self.threads = set()
        self.stop_after = stop_after
        self._position = 0

    def poll(self):
        return self.stop_after is not None and len(self.seen) >= self.stop_after

    def open(self, lives):
        self.threads.add(threading.current_thread())

    def repaint(self, lives):
        [live] = lives
        self.threads.add(threading.current_thread())
        self.seen += "".join(delta.text for delta in live.deltas[self._position :])
        self._position = len(live.deltas)


def interrupt():
    """Interrupt this process, as its user would."""
    os.kill(os.getpid(), signal.SIGINT)


def streaming(count=20, seconds=0.005, *, closed=None, error=None, interrupt_at=None):
    """Return a stream of `count` chunks, one every `seconds`, that records its end in `closed`."""

    async def stream():
        try:
            for number in range(count):
                await asyncio.sleep(seconds)
                yield AIMessageChunk(f"{number} ")
                if number == interrupt_at:
                    interrupt()
            if error:
                raise error
        finally:
            if closed is not None:
                closed.append(WHO.get())

    return stream


def run(stream, view):
    live = LiveTurn("m")
    [outcome] = runner.run([(stream, live)], view, frame_seconds=0.01)
    return live, outcome


def test_a_turn_runs_to_its_end():
    view = Recorder()
    live, outcome = run(streaming(), view)
    assert outcome.status == "done"
    assert view.seen == live.message().content == "".join(f"{n} " for n in range(20))
    assert view.threads == {threading.main_thread()}
    assert 0 < live.first_token_seconds < outcome.seconds
    assert live.tokens == 20


def test_the_button_closes_the_stream_and_keeps_the_text():
    closed = []
    live, outcome = run(streaming(10_000, closed=closed), Recorder(stop_after=10))
    assert outcome.status == "stopped"
    assert live.message().content.startswith("0 1 2 3")
    assert closed == ["nobody"]


def test_an_interrupt_is_a_status_and_not_an_exception():
    closed = []
    before = signal.getsignal(signal.SIGINT)
    live, outcome = run(streaming(10_000, closed=closed, interrupt_at=10), Recorder())
    assert outcome.status == "interrupted"
    assert live.message().content.startswith("0 1 2 3")
    assert closed == ["nobody"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_outlasts_a_frame_does_not_end_the_frames():
    main_thread = MainThread()
    late = threading.Timer(10, main_thread.wake)
    before = signal.signal(signal.SIGALRM, lambda *_: time.sleep(0.05))
    late.start()
    signal.setitimer(signal.ITIMER_REAL, 0.005)
    main_thread.work(0.02, lambda: False)
    signal.signal(signal.SIGALRM, before)
    assert late.is_alive()  # nobody had to wake it
    late.cancel()


def test_an_error_keeps_the_partial_answer():
    live, outcome = run(streaming(3, error=ValueError("broken")), Recorder())
    assert outcome.status == "failed"
    assert str(outcome.error) == "broken"
    assert live.message().content == "0 1 2 "


def test_a_stream_that_never_answers_can_be_stopped():
    async def silent():
        interrupt()
        await asyncio.sleep(1000)
        yield AIMessageChunk("never")

    live, outcome = run(silent, Recorder())
    assert outcome.status == "interrupted"
    assert live.message().content == ""


def test_context_variables_travel_and_threads_end():
    WHO.set("alice")
    closed = []
    run(streaming(2, closed=closed), Recorder())
    assert closed == ["alice"]
    deadline = time.monotonic() + 60
    while "xinference-magics-stream" in {t.name for t in threading.enumerate()}:
        assert time.monotonic() < deadline
    WHO.set("nobody")


async def test_a_user_s_running_loop_is_not_touched():
    ticks = []

    async def tick():
        while True:
            ticks.append(1)
            await asyncio.sleep(0.001)

    task = asyncio.create_task(tick())
    await asyncio.sleep(0.01)
    _, outcome = run(streaming(3), Recorder())
    assert outcome.status == "done"
    assert not task.done()
    task.cancel()


class Watcher:
    """A view of several turns that requests a stop when `stop` returns true."""

    def __init__(self, stop=lambda _: False):
        self.lives = ()
        self._stop = stop

    def poll(self):
        return self._stop(self.lives)

    def open(self, lives):
        self.lives = lives

    def repaint(self, lives):
        self.lives = lives


def run_together(*streams, view=None):
    lives = [LiveTurn(f"m{number}") for number in range(len(streams))]
    view = view or Watcher()
    paired = list(zip(streams, lives, strict=True))
    return lives, runner.run(paired, view, frame_seconds=0.01)


def test_concurrent_turns_end_independently():
    lives, outcomes = run_together(
        streaming(3), streaming(2, error=ValueError("broken")), streaming(40, seconds=0.01)
    )
    assert [outcome.status for outcome in outcomes] == ["done", "failed", "done"]
    assert lives[1].message().content == "0 1 "
    assert str(lives[1].error) == "broken"
    assert all(live.ended for live in lives)
    assert outcomes[0].seconds < outcomes[2].seconds


def test_the_button_stops_only_running_turns():
    closed = []
    endless = [streaming(100_000, closed=closed) for _ in range(2)]
    view = Watcher(lambda lives: lives[0].ended and all(live.tokens > 3 for live in lives[1:]))
    _, outcomes = run_together(streaming(3), *endless, view=view)
    assert [outcome.status for outcome in outcomes] == ["done", "stopped", "stopped"]
    assert closed == ["nobody", "nobody"]


def test_an_interrupt_ends_running_turns_and_leaves_ended_ones():
    def interrupt(lives):
        if lives[0].ended and lives[1].tokens > 3:
            os.kill(os.getpid(), signal.SIGINT)
        return False

    _, outcomes = run_together(streaming(3), streaming(100_000), view=Watcher(interrupt))
    assert [outcome.status for outcome in outcomes] == ["done", "interrupted"]
