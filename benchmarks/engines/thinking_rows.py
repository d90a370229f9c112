"""Models that think: when they do, and where the thought arrives. Asked of such models only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from row import IGNORED, UNCLEAR, Row

if TYPE_CHECKING:
    from asking import Model, Streamed, Whole

QUESTION = "What is 17 * 23?"
LONGEST = 400


def _where(answer: Whole | Streamed) -> str | None:
    """Say where a thought is; None where there is none."""
    if answer.thought:
        return "apart from the text" if answer.text else "all of it is called a thought"
    return "in the text" if "</think>" in answer.text else None


def _streamed(model: Model, **parameters: bool) -> str | None:
    return _where(model.streamed(QUESTION, max_tokens=LONGEST, **parameters))


def _unasked(model: Model) -> str:
    return "thinks" if _streamed(model) else "does not think"


def _off(model: Model) -> str:
    return IGNORED if _streamed(model, enable_thinking=False) else "does not think"


def _in_a_stream(model: Model) -> str:
    return _streamed(model, enable_thinking=True) or UNCLEAR


def _in_a_whole_answer(model: Model) -> str:
    whole = _where(model.whole(QUESTION, max_tokens=LONGEST, enable_thinking=True))
    if whole:
        return whole
    return "left out" if _streamed(model, enable_thinking=True) else UNCLEAR


APART = "thoughts are kept apart wherever they arrive"

THINKING_ROWS = (
    Row("a model that may think, not asked to", _unasked, "`--think`, `--no-think`"),
    Row("`enable_thinking=False`", _off),
    Row("the thought, streamed", _in_a_stream, APART),
    Row(
        "the thought of a whole answer",
        _in_a_whole_answer,
        "where thinking is on, `invoke` reads a stream and returns it whole",
    ),
)
