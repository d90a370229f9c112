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
from xinference_magics.wire.parameters import checked

if TYPE_CHECKING:
    from xinference_magics.chat.question import Question


@dataclass(frozen=True)
class Fitted:
    """A question that fits.

    Attributes:
        question: With the turns that there is room for.
        left_out: How many of the oldest turns were left out.
        tokens: What it has, estimated.
    """

    question: Question
    left_out: int
    tokens: int

    @property
    def note(self) -> str:
        """What to tell of turns that were left out; empty where all fit."""
        turns = "turn" if self.left_out == 1 else f"{self.left_out} turns"
        return f"Left out the oldest {turns}: the model's context is full." if self.left_out else ""


def fitted(question: Question) -> Fitted:
    """Leave out the oldest turns until a question fits beside its answer.

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
        return Fitted(question, 0, tokens)
    room = context - min(reserved, context // 2)
    counts = [count_tokens_approximately(turn.messages) for turn in question.before]
    left_out = 0
    while tokens > room and left_out < len(counts):
        tokens -= counts[left_out]
        left_out += 1
    if tokens > room:
        raise PromptError(
            f"The prompt has about {tokens:,} tokens; {question.answerer.name} takes {room:,} "
            f"beside its answer.",
            hint="Shorten it, or allow a shorter answer with --max-tokens.",
        )
    return Fitted(replace(question, before=question.before[left_out:]), left_out, tokens)
