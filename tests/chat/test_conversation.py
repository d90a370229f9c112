"""Re-running a cell replaces its turns and keeps its place."""

from threading import Thread

import pytest
from langchain_core.messages import AIMessage

from xinference_magics.chat.conversation import Conversation, Execution
from xinference_magics.chat.turn import Turn


def turn(text):
    return Turn(text, AIMessage(text.upper()), "m")


def texts(turns):
    return [each.prompt for each in turns]


def conversation(*runs):
    made = Conversation()
    for execution, text in runs:
        made.add(turn(text), execution)
    return made


A1, B2, C3 = Execution(1, "A"), Execution(2, "B"), Execution(3, "C")


def test_cells_append():
    made = conversation((A1, "a"), (B2, "b"))
    assert texts(made.turns) == ["a", "b"]
    assert [m.content for m in made.messages] == ["a", "A", "b", "B"]


def test_a_turn_added_concurrently_moves_no_boundary():
    """A background thread adds it while a re-run cell looks up the turns that it continues."""
    again, adding = Execution(4, "B"), []

    class Meanwhile(Conversation):
        def _place(self, execution):
            if execution == again:
                adding.append(Thread(target=self.add, args=(turn("a2"), A1)))
                adding[0].start()
                adding[0].join(0.2)  # it waits for the lookup
            return super()._place(execution)

    made = Meanwhile()
    made.add(turn("a"), A1)
    made.add(turn("b"), B2)
    assert texts(made.before(again)) == ["a"]
    adding[0].join()
    assert texts(made.turns) == ["a", "a2", "b"]


def test_a_rerun_replaces_in_place_and_keeps_what_follows():
    made = conversation((A1, "a"), (B2, "b"), (C3, "c"))
    again = Execution(4, "B")
    assert texts(made.before(again)) == ["a"]
    made.add(turn("b2"), again)
    assert texts(made.turns) == ["a", "b2", "c"]


def test_all_turns_of_one_execution_are_kept():
    made = conversation((A1, "a"), (B2, "b1"), (B2, "b2"), (C3, "c"))
    assert texts(made.turns) == ["a", "b1", "b2", "c"]
    again = Execution(4, "B")
    made.add(turn("x1"), again)
    assert texts(made.before(again)) == ["a", "x1"]
    made.add(turn("x2"), again)
    assert texts(made.turns) == ["a", "x1", "x2", "c"]


def test_without_cell_ids_turns_are_appended():
    made = conversation((Execution(1), "a"), (Execution(2), "b"), (Execution(1), "c"))
    assert texts(made.turns) == ["a", "c", "b"]
    assert texts(made.before(Execution(3))) == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("count", "dropped"),
    [(1, ["c"]), (2, ["b", "c"]), (9, ["a", "b", "c"]), (0, []), (-1, [])],
)
def test_the_last_turns_are_undone(count, dropped):
    made = conversation((A1, "a"), (B2, "b"), (C3, "c"))
    assert texts(made.undo(count)) == dropped
    assert texts(made.turns) == ["a", "b", "c"][: 3 - len(dropped)]


def test_deleting_cells_removes_their_turns():
    made = conversation((A1, "a"), (B2, "b"))
    made.forget_cells(["A"])
    assert texts(made.turns) == ["b"]
