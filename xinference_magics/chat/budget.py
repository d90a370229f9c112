"""What fits into a model's context: the oldest turns make room for the prompt.

The rule: a model whose context is known is sent at most that many tokens, less those that its
answer may have. Turns are left out from the oldest on, whole; the system prompt and the new
prompt stay. Where these alone are too long, nothing is sent. Tokens are estimated, at about four
characters each; a picture counts as 85.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from langchain_core.messages.utils import count_tokens_approximately

from xinference_magics.errors import PromptError
from xinference_magics.notes import note
from xinference_magics.wire.parameters import checked

if TYPE_CHECKING:
    from xinference_magics.chat.question import Question


@dataclass(frozen=True)
class Fitted:
    """A question that fits.

    Attributes:
        question: With the turns that there is room for.
        tokens: What it has, estimated.
    """

    question: Question
    tokens: int


def fitted(question: Question) -> Fitted:
    """Leave out the oldest turns until a question fits beside its answer, noting that.

    Raises:
        PromptError: The prompt by itself is too long.
        BadRequestError: `max_tokens` is no number that could be sent.
    """
    answerer = question.answerer
    context = answerer.context
    asked = {**answerer.parameters, **question.parameters}.get("max_tokens")
    reserved = checked({"max_tokens": asked}).get("max_tokens", 0)
    tokens = count_tokens_approximately(question.messages)
    if context is None:
        return Fitted(question, tokens)
    room = context - min(reserved, context // 2)
    counts = [count_tokens_approximately(turn.messages) for turn in question.before]
    left_out = 0
    while tokens > room and left_out < len(counts):
        tokens -= counts[left_out]
        left_out += 1
    if tokens > room:
        raise PromptError(
            f"The prompt has about {tokens:,} tokens; {answerer.name} takes {room:,} "
            f"beside its answer.",
            hint="Shorten it, or allow a shorter answer with --max-tokens.",
        )
    if left_out:
        turns = "turn" if left_out == 1 else f"{left_out} turns"
        note(f"Left out the oldest {turns}: the context of {answerer.name} is full.")
    return Fitted(replace(question, before=question.before[left_out:]), tokens)
