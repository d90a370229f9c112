"""Messages, turns and documents in a prompt or an option: their text, and nothing around it."""

import pytest
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.prompt_values import ChatPromptValue, StringPromptValue

from xinference_magics.chat.comparison import Comparison
from xinference_magics.chat.conversation import Conversation, Execution
from xinference_magics.chat.pending import PendingTurn
from xinference_magics.chat.question import Question
from xinference_magics.chat.turn import Turn
from xinference_magics.errors import PromptError, StreamError
from xinference_magics.notebook.command_line.tokenize import split_line
from xinference_magics.notebook.prompt.expand import expand

LONG = "A long answer, of which the repr of a turn shows only the beginning. " * 9
CALL = {"name": "add", "args": {"a": 1}, "id": "1"}
IMAGE = {"type": "image", "base64": "AAAA", "mime_type": "image/png"}
ASKED = [SystemMessage("Be brief."), HumanMessage("1 + 1?")]
CALLED = [AIMessage("", tool_calls=[CALL]), ToolMessage("2", tool_call_id="1"), AIMessage("2.")]


def turn(text, **fields):
    return Turn("A question?", AIMessage(text), "tiny", **fields)


class Answers:
    """A responder that gives one message, or fails."""

    name, engine, parameters, context = "tiny", None, {}, None

    def __init__(self, answer):
        self.answer = answer

    async def events(self, messages, parameters):
        if isinstance(self.answer, Exception):
            raise self.answer
        yield AIMessageChunk(self.answer)


class Unseen:
    """A view that nobody sees."""

    in_page = True

    def __getattr__(self, name):
        return lambda *_given: None


def pending(answer):
    begun = PendingTurn(Question(responder=Answers(answer), prompt="x"), Unseen())
    begun.start()
    return begun


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (turn(LONG), LONG),
        (turn([{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Yes"}]), "Yes"),
        (turn("", parsed={"città": 1}), '{"città": 1}'),
        (AIMessage(LONG), LONG),
        (AIMessageChunk("Hello"), "Hello"),
        (
            HumanMessage([{"type": "text", "text": "What is this?"}, IMAGE]),
            "What is this?\n[image]",
        ),
        (StringPromptValue(text="Hello"), "Hello"),
        (ChatPromptValue(messages=ASKED), "System: Be brief.\nHuman: 1 + 1?"),
        (ASKED, "System: Be brief.\n\nHuman: 1 + 1?"),
        (CALLED, "AI: [calls add({'a': 1})]\n\nTool: 2\n\nAI: 2."),
        ({"messages": tuple(CALLED[1:])}, "Tool: 2\n\nAI: 2."),
        (Document("A page"), "A page"),
        (
            [Document("A page", metadata={"source": "a.pdf"}), Document("Another")],
            "A page\n(metadata: {'source': 'a.pdf'})\n\nAnother",
        ),
        (Comparison(("a", "b"), [turn("one"), turn("two")]), "a (tiny):\none\n\nb (tiny):\ntwo"),
    ],
)
def test_the_text_is_inserted(value, text):
    assert expand("{{value}}", {"value": value}).text == text
    assert expand("{{Out[3]}}", {"Out": {3: value}}).text == text
    assert split_line("--system {{value}} -m $value", "%chat", {"value": value}) == [
        "--system",
        text,
        "-m",
        text,
    ]


def test_a_conversation_is_its_messages():
    talk = Conversation("talk")
    talk.add(turn("An answer."), Execution(1, "A"))
    assert expand("{{talk}}", {"talk": talk}).text == "Human: A question?\n\nAI: An answer."


def test_calls_without_text_are_shown_as_they_are():
    assert "add" in expand("{{value}}", {"value": CALLED[0]}).text


def test_other_lists_and_dicts_are_inserted_as_printed():
    assert expand("{{value}}", {"value": []}).text == "[]"
    assert expand("{{value}}", {"value": {"messages": [1]}}).text == "{'messages': [1]}"
    assert expand("{{value}}", {"value": {"a": object}}).text == "{'a': <class 'object'>}"


def test_items_of_lists_and_dicts_are_inserted_as_text():
    assert expand("{{[turn, 1]}}", {"turn": turn(LONG)}).text == f"[{LONG!r},\n 1]"
    mixed = {"a": [1, AIMessage("x")], "b": (Document("A page"),), "c": ASKED}
    text = "{'a': [1, 'x'], 'b': 'A page', 'c': 'System: Be brief.\\n\\nHuman: 1 + 1?'}"
    assert expand("{{mixed}}", {"mixed": mixed}).text == text
    assert "has no text" not in expand("{{[turn]}}", {"turn": turn("", status="stopped")}).text


def test_a_pending_answer_is_awaited():
    assert expand("{{value}}", {"value": pending(LONG)}).text == LONG
    with pytest.raises(PromptError, match=r"in line 1 .* failed: StreamError: It broke"):
        expand("{{value}}", {"value": pending(StreamError("It broke"))})


def test_a_turn_without_an_answer_is_rejected():
    with pytest.raises(PromptError, match="This turn of tiny has no text to insert"):
        expand("{{value}}", {"value": turn("", status="stopped")})
