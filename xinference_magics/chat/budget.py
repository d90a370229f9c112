"""What fits into a model's context: the oldest turns make room for the prompt.

The rule: a model whose context is known is sent at most that many tokens, less those that its
answer may have. Turns are left out from the oldest on, whole; the system prompt and the new
prompt stay. Where these alone are too long, nothing is sent. Tokens are estimated; the estimate is
corrected by what the model itself has counted.

The context that counts is the one that the server named when it refused a request, else the one
that the model was launched with, else the one that it is described with. Where a request is
refused nonetheless, it is sent once more, with fewer turns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

from xinference_magics.errors import PromptError
from xinference_magics.notes import note
from xinference_magics.remedies import Remedy
from xinference_magics.wire.parameters import checked
from xinference_magics.wire.tokens import estimated_message_tokens
from xinference_magics.wire.tools import tool_dicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage
    from langchain_core.tools import BaseTool

    from xinference_magics.chat.question import Question
    from xinference_magics.errors import ContextLengthError

_SHORTEN = Remedy.SHORTEN()
_SHORTEN_ANSWER = Remedy.SHORTEN_ANSWER()


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
    room, tokens = _room(question), _tokens(question)
    if room is None:
        return Fitted(question, tokens)
    fitting, tokens = _shortened(question, room)
    if tokens > _longest(question, room):
        raise PromptError(
            f"The prompt has about {tokens:,} tokens; {question.answerer.name} takes {room:,} "
            "besides its answer.",
            hint=_SHORTEN,
        )
    if left_out := len(question.before) - len(fitting.before):
        note(f"Left out {_turns(left_out)}: the context of {question.answerer.name} is full.")
    return Fitted(fitting, tokens)


def refitted(question: Question, error: ContextLengthError) -> Question | None:
    """Leave out the oldest turns of a question that the server has refused, noting that.

    Args:
        question: What was asked.
        error: The refusal, from which the context was learnt.

    Returns:
        The question to ask instead; None where leaving out turns does not help.
    """
    if question.learnt is None or not question.before or _asks_too_much(question, error):
        return None
    shorter = replace(question, before=question.before[_least(question, error) :])
    if (room := _room(question)) is not None:
        shorter, tokens = _shortened(shorter, room)
        if tokens > _longest(question, room):
            return None
    left_out = _turns(len(question.before) - len(shorter.before))
    limit = "" if error.limit is None else f" for its {error.limit:,} tokens"
    name = question.answerer.name
    note(f"{name} refused the prompt as too long{limit}; sent it again without {left_out}.")
    return shorter


def learn_of_count(question: Question, tokens: int) -> None:
    """Learn from the tokens that the model has counted in the prompt of a question.

    What a picture takes differs by the model, and says nothing of texts.
    """
    texts = all(isinstance(each.content, str) for each in question.messages)
    if question.learnt is not None and texts:
        question.learnt.count(estimated(question), tokens)


def learn_of_refusal(question: Question, error: ContextLengthError) -> None:
    """Learn a model's context from a refusal; the user is told what to do about it."""
    if question.learnt is not None:
        question.learnt.limit = error.limit or question.learnt.limit
        learn_of_count(question, error.asked or 0)
    remedy = _SHORTEN_ANSWER if _asks_too_much(question, error) else _SHORTEN
    error.hint = error.hint or remedy


def estimated(question: Question) -> int:
    """Estimate the tokens of what a question sends, before anything is learnt of its model."""
    return _estimate(question.messages, question.answerer.tools)


def _estimate(messages: Sequence[BaseMessage], tools: Sequence[BaseTool] = ()) -> int:
    return estimated_message_tokens(messages, tool_dicts(tools))


def _corrected(question: Question, tokens: int) -> int:
    return tokens if question.learnt is None else round(tokens * question.learnt.ratio)


def _tokens(question: Question) -> int:
    return _corrected(question, estimated(question))


def _room(question: Question) -> int | None:
    """Count the tokens that a prompt may have beside its answer; None where that is not known."""
    context = question.context
    if context is None:
        return None
    return int(context - min(_reserved(question), context // 2))


def _reserved(question: Question) -> int:
    """Count the tokens that the answer may have; 0 where that is left to the server."""
    asked = {**question.answerer.parameters, **question.parameters}.get("max_tokens")
    return int(checked({"max_tokens": asked}).get("max_tokens", 0))


def _asks_too_much(question: Question, error: ContextLengthError) -> bool:
    """Whether there was room for the prompt, and only the answer that was asked for is too long."""
    room = _room(question)
    if error.asked is None or error.limit is None or room is None:
        return False
    return _reserved(question) > 0 and error.asked <= room


def _longest(question: Question, room: int) -> int:
    """Count the tokens up to which a prompt without turns is sent.

    A server that has named its limit refuses by itself, and shortens the answer to what is left.
    """
    learnt = question.learnt
    return room if learnt is None or learnt.limit is None else learnt.limit


def _shortened(question: Question, room: int) -> tuple[Question, int]:
    """Leave out the oldest turns until there is room for the others, or none is left."""
    turns = [_corrected(question, _estimate(turn.messages)) for turn in question.before]
    tokens = _tokens(question)
    lengths = [tokens - dropped for dropped in accumulate(turns, initial=0)]
    left_out = next((n for n, length in enumerate(lengths) if length <= room), len(turns))
    return replace(question, before=question.before[left_out:]), lengths[left_out]


def _least(question: Question, error: ContextLengthError) -> int:
    """Count the turns to leave out at least: one, or half of them where no limit was named."""
    return 1 if error.limit is not None else (len(question.before) + 1) // 2


def _turns(count: int) -> str:
    return "the oldest turn" if count == 1 else f"the oldest {count} turns"
