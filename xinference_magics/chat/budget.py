"""Fit questions into a model's context window by leaving out the oldest turns.

If the context window is known, a prompt gets at most that many tokens, minus those reserved for
the answer. Whole turns are left out, oldest first; the system prompt and the new prompt stay. If
those alone are too long, nothing is sent. Token counts are estimates, corrected by the counts that
the model itself has reported.

The context window is the one the server reported when it refused a request, else the one the model
was launched with, else the one in its description. If a request is refused anyway, it is sent once
more with fewer turns.
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
    """A question that fits the context window.

    Attributes:
        question: The question, with as many earlier turns as fit.
        tokens: Its estimated tokens.
    """

    question: Question
    tokens: int


def fitted(question: Question) -> Fitted:
    """Leave out the oldest turns until the question and its answer fit, and add a note.

    Raises:
        PromptError: The prompt by itself is too long.
        BadRequestError: `max_tokens` isn't a number that can be sent.
    """
    room, tokens = _room(question), _tokens(question)
    if room is None:
        return Fitted(question, tokens)
    fitting, tokens = _shortened(question, room)
    if tokens > _longest(question, room):
        raise PromptError(
            f"The prompt has about {tokens:,} tokens; {question.responder.name} has room for "
            f"{room:,}, not counting its answer.",
            hint=_SHORTEN,
        )
    if left_out := len(question.before) - len(fitting.before):
        note(f"Left out {_turns(left_out)}: the context of {question.responder.name} is full.")
    return Fitted(fitting, tokens)


def refitted(question: Question, error: ContextLengthError) -> Question | None:
    """Leave out the oldest turns of a question that the server refused, and add a note.

    Args:
        question: The refused question.
        error: The refusal, from which the context window was learnt.

    Returns:
        The question to ask instead; None if leaving out turns does not help.
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
    name = question.responder.name
    note(f"{name} refused the prompt as too long{limit}; sent it again without {left_out}.")
    return shorter


def learn_of_count(question: Question, tokens: int) -> None:
    """Learn from the model's own token count of a question's prompt.

    Only text counts: the tokens of an image depend on the model and say nothing about text.
    """
    texts = all(isinstance(each.content, str) for each in question.messages)
    if question.learnt is not None and texts:
        question.learnt.count(estimated(question), tokens)


def learn_of_refusal(question: Question, error: ContextLengthError) -> None:
    """Learn a model's context window from a refusal, and add a hint for the user to the error."""
    if question.learnt is not None:
        question.learnt.limit = error.limit or question.learnt.limit
        learn_of_count(question, error.asked or 0)
    remedy = _SHORTEN_ANSWER if _asks_too_much(question, error) else _SHORTEN
    error.hint = error.hint or remedy


def estimated(question: Question) -> int:
    """Estimate the tokens a question sends, without the correction learnt for its model."""
    return _estimate(question.messages, question.responder.tools)


def _estimate(messages: Sequence[BaseMessage], tools: Sequence[BaseTool] = ()) -> int:
    return estimated_message_tokens(messages, tool_dicts(tools))


def _corrected(question: Question, tokens: int) -> int:
    return tokens if question.learnt is None else round(tokens * question.learnt.ratio)


def _tokens(question: Question) -> int:
    return _corrected(question, estimated(question))


def _room(question: Question) -> int | None:
    """Return the tokens left for the prompt after reserving the answer's; None if unknown."""
    context = question.context
    if context is None:
        return None
    return int(context - min(_reserved(question), context // 2))


def _reserved(question: Question) -> int:
    """Return how many tokens are reserved for the answer; 0 if that is left to the server."""
    asked = {**question.responder.parameters, **question.parameters}.get("max_tokens")
    return int(checked({"max_tokens": asked}).get("max_tokens", 0))


def _asks_too_much(question: Question, error: ContextLengthError) -> bool:
    """Whether there was room for the prompt, and only the requested answer is too long."""
    room = _room(question)
    if error.asked is None or error.limit is None or room is None:
        return False
    return _reserved(question) > 0 and error.asked <= room


def _longest(question: Question, room: int) -> int:
    """Return the maximum tokens of a prompt that is sent without earlier turns.

    A server that has reported its limit refuses longer prompts itself, and shortens the answer to
    the tokens that are left.
    """
    learnt = question.learnt
    return room if learnt is None or learnt.limit is None else learnt.limit


def _shortened(question: Question, room: int) -> tuple[Question, int]:
    """Leave out the oldest turns until the rest fits or none is left; also return its tokens."""
    turns = [_corrected(question, _estimate(turn.messages)) for turn in question.before]
    tokens = _tokens(question)
    lengths = [tokens - dropped for dropped in accumulate(turns, initial=0)]
    left_out = next((n for n, length in enumerate(lengths) if length <= room), len(turns))
    return replace(question, before=question.before[left_out:]), lengths[left_out]


def _least(question: Question, error: ContextLengthError) -> int:
    """Return the minimum turns to leave out: one, or half if the server reported no limit."""
    return 1 if error.limit is not None else (len(question.before) + 1) // 2


def _turns(count: int) -> str:
    return "the oldest turn" if count == 1 else f"the oldest {count} turns"
