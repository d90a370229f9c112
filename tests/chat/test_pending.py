"""A turn in the background: waited for, stopped, failed, queued behind another."""

import asyncio
import os
import signal
import threading
import warnings
from contextlib import nullcontext

import pytest
import recorded
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from scripted_server import ScriptedServer, Stream

from xinference_magics.chat.background import Background
from xinference_magics.chat.conversation import Conversation, Execution
from xinference_magics.chat.learnt import Lessons
from xinference_magics.chat.pending import PendingTurn
from xinference_magics.chat.question import Question
from xinference_magics.chat.turn import Turn
from xinference_magics.chat_models import ChatXinference
from xinference_magics.errors import IgnoredByEngineWarning, PromptError, StreamError
from xinference_magics.notes import note

A1, B2, C3 = Execution(1, "A"), Execution(2, "B"), Execution(3, "C")


class Gated:
    """Answers "Hello", then the rest once the gate is open."""

    name, engine, parameters, context, tools = "gated", None, {}, None, ()

    def __init__(self, error=None, remark=""):
        self.gate = threading.Event()
        self.asked = threading.Event()
        self.messages = None
        self.error, self.remark = error, remark

    async def events(self, messages, parameters):
        self.messages = [each.text for each in messages]
        if self.remark:
            note(self.remark)
        yield AIMessageChunk("Hello")
        self.asked.set()
        while not self.gate.is_set():  # noqa: ASYNC110  # the test opens it
            await asyncio.sleep(0.005)
        if self.error:
            raise self.error
        yield AIMessageChunk(", Alice.")


class Record:
    """A view that records what it is given; setting `stopped` presses its button."""

    def __init__(self, *, in_page=True):
        self.in_page, self.stopped = in_page, False
        self.lines, self.closed, self.threads = [], None, set()

    def poll(self):
        return self.stopped

    def open(self, lives):
        self.threads.add(threading.current_thread().name)

    def repaint(self, lives):
        self.threads.add(threading.current_thread().name)

    def tell(self, lines):
        self.lines += lines

    def close(self, turn):
        self.closed = turn


@pytest.fixture
def background():
    made = Background()
    yield made
    made.stop()


@pytest.fixture
def begin(background):
    """Start a turn: `begin(responder, prompt, run, **options)`."""

    def start(responder, prompt="Hi", run=A1, *, view=None, **options):
        question = Question(responder=responder, prompt=prompt)
        turn = PendingTurn(question, view or Record(), frame_seconds=0.01, **options)
        background.start(turn, run)
        return turn

    return start


def test_it_can_be_waited_for_and_is_shown_by_its_own_thread(begin):
    responder, view, kept = Gated(), Record(), []
    turn = begin(responder, view=view, keep=kept.append)
    assert responder.asked.wait(10)
    assert not turn.done
    with pytest.raises(TimeoutError, match=r"gated did not answer within 0\.01 s"):
        turn.result(0.01)
    assert repr(turn) == "PendingTurn('gated', answering, 1 token so far)"
    responder.gate.set()
    assert turn.result(10).text == "Hello, Alice."
    assert turn.done
    assert kept == [turn.result()] == [view.closed]
    assert repr(turn) == "PendingTurn('gated', done: 'Hello, Alice.')"
    assert view.threads == {"MainThread", "xinference-magics-turn"}


async def test_it_is_awaited_while_the_loop_runs(begin):
    responder = Gated()
    turn = begin(responder)
    asyncio.get_running_loop().call_later(0.02, responder.gate.set)
    assert (await turn).text == "Hello, Alice."


def test_a_failure_is_raised_and_the_partial_answer_is_shown(begin):
    responder, view, kept = Gated(StreamError("The answer broke off.")), Record(), []
    responder.gate.set()
    turn = begin(responder, view=view, keep=kept.append)
    for _ in range(2):
        with pytest.raises(StreamError, match="broke off"):
            turn.result(10)
    assert (view.closed.status, view.closed.text) == ("failed", "Hello")
    assert repr(turn) == "PendingTurn('gated', failed: 'The answer broke off.')"


def by_itself(turn, _view):
    turn.stop()


def by_its_button(_turn, view):
    view.stopped = True


@pytest.mark.parametrize("stop", [by_itself, by_its_button])
def test_a_stop_keeps_the_partial_answer(begin, stop):
    responder, view = Gated(), Record()
    turn = begin(responder, view=view)
    assert responder.asked.wait(10)
    stop(turn, view)
    assert turn.result(10).status == "stopped"
    assert turn.result().text == "Hello"


def test_an_interrupt_ends_the_wait_but_not_the_turn(begin):
    class Interrupting(Record):
        """Interrupts the waiting thread the first time that it polls the button."""

        looked = False

        def poll(self):
            waits = threading.current_thread() is threading.main_thread()
            if waits and not self.looked:
                self.looked = True
                os.kill(os.getpid(), signal.SIGINT)
            return super().poll()

    responder = Gated()
    turn = begin(responder, view=Interrupting())
    with pytest.raises(KeyboardInterrupt, match="gated is still answering in the background"):
        turn.result(10)
    assert not turn.done
    responder.gate.set()
    assert turn.result(10).status == "done"


def test_one_waits_for_another_and_continues_it(begin):
    first, second, talk = Gated(), Gated(), Conversation()
    second.gate.set()
    one = begin(first, "one", keep=lambda turn: talk.add(turn, A1))
    prepared = threading.Event()

    def prepare(question):
        prepared.set()
        return Question(responder=second, prompt=question.prompt, before=tuple(talk.before(B2)))

    two = begin(second, "two", B2, after=[one], prepare=prepare)
    assert first.asked.wait(10)
    assert repr(two) == "PendingTurn('gated', waiting)"
    assert not prepared.is_set()
    first.gate.set()
    assert two.result(10).status == "done"
    assert second.messages == ["one", "Hello, Alice.", "two"]


def test_a_waiting_turn_is_stopped_before_it_is_sent(begin):
    first, second, view = Gated(), Gated(), Record()
    one = begin(first)
    two = begin(second, after=[one], view=view)
    two.stop()
    assert two.result(10).status == "stopped"
    assert second.messages is None
    assert view.closed.empty
    assert not one.done


@pytest.mark.parametrize("kind", [PromptError, RuntimeError])
def test_a_prompt_that_cannot_be_sent_fails_the_turn(begin, kind):
    def prepare(_question):
        raise kind("The prompt is too long.")

    view, kept = Record(), []
    turn = begin(Gated(), view=view, prepare=prepare, keep=kept.append)
    with pytest.raises(kind, match="too long"):
        turn.result(10)
    assert view.closed.error == "The prompt is too long."


def test_an_error_is_stored_in_one_line(begin):
    view, responder = Record(), Gated(ValueError("two\nlines \x1b[31m"))
    responder.gate.set()
    with pytest.raises(ValueError, match="two"):
        begin(responder, view=view).result(10)
    assert view.closed.error == "two lines \N{SYMBOL FOR ESCAPE}[31m"


def test_an_error_in_the_view_is_raised_by_result(begin):
    class Broken(Record):
        def close(self, turn):
            raise RuntimeError("the page is gone")

    responder = Gated()
    responder.gate.set()
    with pytest.raises(RuntimeError, match="the page is gone"):
        begin(responder, view=Broken()).result(10)


def test_a_view_is_closed_even_if_the_turn_cannot_be_kept(begin):
    def keep(_turn):
        raise RuntimeError("the conversation is broken")

    view, responder = Record(), Gated(remark="The engine ignores seed.")
    responder.gate.set()
    with pytest.raises(RuntimeError, match="the conversation is broken"):
        begin(responder, view=view, keep=keep).result(10)
    assert view.closed.text == "Hello, Alice."
    assert view.lines == ["Note: The engine ignores seed."]


def test_a_view_is_closed_even_if_the_pieces_do_not_fit_together(begin):
    class Odd(Gated):
        async def events(self, messages, parameters):
            yield AIMessageChunk("Hello", additional_kwargs={"a": 1.5})
            yield AIMessageChunk("", additional_kwargs={"a": "text"})

    view = Record()
    turn = begin(Odd(), view=view)
    with pytest.raises(TypeError) as caught:
        turn.result(10)
    assert (view.closed.status, view.closed.error) == (
        "failed",
        " ".join(str(caught.value).split()),
    )
    assert turn.done


def test_a_turn_of_a_deleted_cell_does_not_come_back(begin, background):
    """Its thread is adding it to the conversation when the cell is found to be deleted."""
    talk, keeping, go_on = Conversation(), threading.Event(), threading.Event()

    def keep(turn):
        keeping.set()
        go_on.wait(10)
        talk.add(turn, A1)

    def forget():
        background.discard(B2, ["A"])
        talk.forget_cells(["A"])

    responder = Gated()
    responder.gate.set()
    turn = begin(responder, keep=keep)
    assert keeping.wait(10)
    forgetting = threading.Thread(target=forget)
    forgetting.start()
    forgetting.join(0.2)  # it waits for the turn that is being added
    go_on.set()
    forgetting.join(10)
    assert turn.result(10).text == "Hello, Alice."
    assert talk.turns == []


def test_notes_go_where_the_turn_is_shown(begin, capsys):
    view, seed = Record(), "The engine ignores seed."
    shown, unseen = Gated(remark=seed), Gated(remark=seed)
    for each in (shown, unseen):
        each.gate.set()
    begin(shown, view=view).result(10)
    assert view.lines == [f"Note: {seed}"]
    assert capsys.readouterr() == ("", "")
    turn = begin(unseen, view=Record(in_page=False))
    for _ in range(2):
        turn.result(10)
    assert capsys.readouterr() == (f"Note: {seed}\n", "")


def test_a_user_may_silence_notes(begin):
    view, responder = Record(), Gated(remark="The engine ignores seed.")
    responder.gate.set()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*seed", IgnoredByEngineWarning)
        begin(responder, view=view).result(10)
    assert view.lines == []


def test_a_cell_that_is_run_again_or_deleted_ends_its_turn(begin, background):
    kept = []
    turns = [begin(Gated(), run=run, keep=kept.append) for run in (A1, B2, C3)]
    background.discard(Execution(4, "B"), ["C"])
    for each in turns[1:]:
        assert each.result(10).status == "stopped"
    assert kept == []
    assert not turns[0].done


def test_all_are_stopped_at_the_end(begin, background):
    turns = [begin(Gated()) for _ in range(3)]
    background.stop()
    assert [each.result(10).status for each in turns] == ["stopped"] * 3


def test_later_turns_wait_and_earlier_ones_do_not(begin):
    talk = Conversation()
    first = begin(done := Gated())
    done.gate.set()
    talk.add(first.result(10), A1)
    turn = begin(responder := Gated(), run=B2)
    talk.expect(turn, B2)
    assert talk.awaited(C3) == talk.awaited(B2) == talk.pending == [turn]
    assert talk.awaited(Execution(4, "A")) == []  # its cell comes first
    responder.gate.set()
    turn.result(10)
    assert talk.awaited(C3) == talk.pending == []


async def test_a_question_from_code_keeps_its_place_while_other_cells_run():
    class Notebook:
        run = A1
        system = "Be brief."
        server_version = None
        lessons = Lessons()

        def execution(self):
            return self.run

    talk, go_on = Conversation(host=Notebook()), asyncio.Event()

    class Waiting(ChatXinference):
        async def _astream(self, messages, *_, **__):
            assert messages[0].content == "Be brief."  # the notebook's own, as in a cell
            await go_on.wait()
            yield ChatGenerationChunk(message=AIMessageChunk("Yes."))

    asking = asyncio.ensure_future(talk.aask("Well?", model=Waiting(model="tiny")))
    await asyncio.sleep(0)
    talk.host.run = B2
    talk.add(Turn("Hi", AIMessage("Hello"), "tiny"), B2)
    go_on.set()
    await asking
    assert [run for run, _ in talk._entries] == [B2, A1]
    again = Execution(3, "A")
    talk.add(Turn("Well!", AIMessage("No."), "tiny"), again)
    assert [turn.prompt for turn in talk.turns] == ["Hi", "Well!"]
    talk.add(Turn("Well?", AIMessage("Late."), "tiny"), A1)
    assert [turn.prompt for turn in talk.turns] == ["Hi", "Well!", "Well?"]


@pytest.mark.parametrize("error", [None, StreamError("The answer broke off.")])
async def test_a_question_from_code_waits_too_but_leaves_notes_and_errors(begin, capsys, error):
    talk, note_ = Conversation(), "The engine ignores seed."
    turn = begin(
        responder := Gated(error, note_),
        view=Record(in_page=False),
        keep=lambda turn: talk.add(turn, A1),
    )
    talk.expect(turn, A1)
    with ScriptedServer(Stream(recorded.llama("Yes."))) as server:
        asking = asyncio.ensure_future(
            talk.aask("Well?", model=ChatXinference(server.endpoint, "tiny"))
        )
        assert await asyncio.to_thread(responder.asked.wait, 10)
        assert server.bodies == []
        responder.gate.set()
        assert (await asking).text == "Yes."
        assert server.bodies[0]["messages"][0]["content"] == "Hi"
    assert [each.text for each in talk.turns] == [turn._turn.text, "Yes."]
    assert capsys.readouterr().out == ""
    with pytest.raises(StreamError) if error else nullcontext():
        turn.result()
    assert capsys.readouterr().out == f"Note: {note_}\n"
