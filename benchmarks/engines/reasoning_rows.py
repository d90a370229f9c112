"""Reasoning models: when they reason, and where it arrives. Other models are not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from row import IGNORED, UNCLEAR, WORKS, Row

if TYPE_CHECKING:
    from asking import Model, Streamed, Whole

QUESTION = "What is 17 * 23?"
LONGEST = 400


def _where(answer: Whole | Streamed) -> str | None:
    """Return where the reasoning is; None if there is none."""
    if answer.reasoning:
        return "apart from the text" if answer.text else "the answer is marked as reasoning, too"
    return "in the text" if "</think>" in answer.text else None


def _streamed(model: Model, **parameters: bool) -> str | None:
    return _where(model.streamed(QUESTION, max_tokens=LONGEST, **parameters))


def _unasked(model: Model) -> str:
    return "on" if _streamed(model) else "off"


def _off(model: Model) -> str:
    return IGNORED if _streamed(model, enable_thinking=False) else WORKS


def _in_a_stream(model: Model) -> str:
    return _streamed(model, enable_thinking=True) or UNCLEAR


def _in_a_whole_answer(model: Model) -> str:
    whole = _where(model.whole(QUESTION, max_tokens=LONGEST, enable_thinking=True))
    if whole:
        return whole
    return "left out" if _streamed(model, enable_thinking=True) else UNCLEAR


SEPARATE = "reasoning is kept separate wherever it arrives"

REASONING_ROWS = (
    Row(
        "reasoning of hybrid models, unless asked for",
        _unasked,
        "`--think`, `--no-think`, `enable_thinking` in a call",
    ),
    Row("`enable_thinking=False`", _off),
    Row("reasoning, streamed", _in_a_stream, SEPARATE),
    Row(
        "reasoning of a non-streamed answer (`invoke`)",
        _in_a_whole_answer,
        "if reasoning is on, `invoke` reads a stream and returns it whole",
    ),
)
