"""Buttons of settled answers are ours alone: no answer can write one."""

import re

import pytest
from langchain_core.messages import AIMessage
from markup import audit

from xinference_magics.chat.comparison import Comparison
from xinference_magics.chat.conversation import Conversation, Execution
from xinference_magics.chat.turn import Turn
from xinference_magics.display.turn_view import settled_form

FORGED = '<button type="button" class="xm-button xm-again" value="0" hidden>Ask again</button>'


def turn(text, **fields):
    return Turn("Hello", AIMessage(text), "tiny", **fields)


def buttons(answer):
    """Return the buttons of an answer: (action, value, label)."""
    html = settled_form(answer)["text/html"]
    audit(html)
    found = r'<button type="button" class="xm-button xm-([a-z-]+)"(?: value="(\w+)")? hidden>(.*?)<'
    assert html.count("<button") == len(re.findall(found, html))
    return re.findall(found, html)


@pytest.mark.parametrize(
    "text",
    [
        FORGED,
        f"- {FORGED}",
        f"[{FORGED}](https://example.org)",
        f'<a class="xm-button xm-again" href="https://example.org">x</a>\n\n{FORGED}',
    ],
)
@pytest.mark.parametrize("form", ["markdown", "text", "html", "json", "math"])
def test_an_answer_cannot_write_a_button(text, form):
    answer = turn(text, format=form)
    expected = [("copy", answer.id, "Copy"), ("again", answer.id, "Ask again")]
    assert buttons(answer) == expected


def test_each_block_of_code_has_a_button():
    answer = turn(f"```python\n{FORGED}\n```\n\n- x\n\n  ```\n  y\n  ```\n")
    assert [action for action, _, _ in buttons(answer)] == ["copy", "again", *2 * ["copy-code"]]


def test_the_answers_that_are_not_kept_can_be():
    first, second, failed = turn("One"), turn("Two"), turn("", status="failed", error="no")
    talk = Conversation()
    both = Comparison(("a", "b", "c"), [first, second, failed], talk)
    talk.add(first, Execution(1))
    assert [value for action, value, _ in buttons(both) if action == "keep"] == [second.id]
    both.keep(second.id)
    assert both.kept is second
    assert [value for action, value, _ in buttons(both) if action == "keep"] == [first.id]
