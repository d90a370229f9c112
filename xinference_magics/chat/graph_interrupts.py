"""What a LangGraph graph asks a person before it continues, and how to answer.

Shapes as of langgraph 1.2 and langchain 1.5: an interrupt has a `value` and an `id`. Interrupts of
`HumanInTheLoopMiddleware` hold the calls to decide on, either all calls of a message in one
interrupt (``batched``) or each in its own (``per_call``); the user's own nodes may ask anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xinference_magics.chat.toolbox import as_text
from xinference_magics.errors import NotebookError
from xinference_magics.transport.error_details import one_line, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.remedies import Advice

INTERRUPT = "__interrupt__"
"""The key of the interrupts in a graph's stream."""

_LONGEST_VALUE = 80
"""Maximum characters of an argument in the question."""


def unanswered(name: str, interrupts: Sequence[Any], hint: str | Advice) -> NotebookError:
    """Return an error that shows what a graph asks.

    Args:
        name: The name of the user's variable.
        interrupts: What is asked; empty if the graph stopped at a breakpoint.
        hint: How to answer.
    """
    if not interrupts:
        return NotebookError(f"{name} stopped at one of its breakpoints.", hint=hint)
    asked = shortened(one_line("; ".join(map(_question, interrupts))))
    return NotebookError(f"{name} is waiting for your decision: {asked}", hint=hint)


def answer_in_code(name: str, interrupts: Sequence[Any], config: Mapping[str, Any] | None) -> str:
    """Return a hint with the code that answers what a graph asks.

    Args:
        name: The name of the user's variable.
        interrupts: What is asked; empty if the graph stopped at a breakpoint.
        config: The config the graph was run with; None if it has no checkpointer to resume from.
    """
    if config is None:
        return "Give it a checkpointer, such as InMemorySaver(): without one it cannot resume."
    if not interrupts:
        return f"Continue in code: await {name}.ainvoke(None, {dict(config)!r})"
    given = one_line(repr(_answer(interrupts)))
    return (
        "Answer in code: from langgraph.types import Command; "
        f"await {name}.ainvoke(Command(resume={given}), {dict(config)!r})"
    )


def _question(interrupt: Any) -> str:
    value = interrupt.value
    if not (calls := _calls(value)):
        return as_text(value)
    decisions = dict.fromkeys(d for call in calls for d in _decisions(interrupt, call))
    return f"{', '.join(map(_as_code, calls))} ({' / '.join(decisions) or 'approve'})."


def _answer(interrupts: Sequence[Any]) -> Any:
    """Return a sample answer of the right form, which approves if that is allowed."""
    answers = {each.id: _answer_to(each) for each in interrupts}
    [first, *rest] = interrupts
    alone = not rest and not _is_one_call(first.value)
    return answers[first.id] if alone else answers


def _answer_to(interrupt: Any) -> Any:
    decided = [_decision(interrupt, call) for call in _calls(interrupt.value)]
    if not decided:
        return "..."
    return decided[0] if _is_one_call(interrupt.value) else {"decisions": decided}


def _decision(interrupt: Any, call: Mapping[str, Any]) -> dict[str, Any]:
    allowed = _decisions(interrupt, call) or ["approve"]
    kind = "approve" if "approve" in allowed else allowed[0]
    needed: dict[str, Any] = {
        "edit": {"edited_action": {"name": call["name"], "args": "..."}},
        "respond": {"message": "..."},
    }
    return {"type": kind, **needed.get(kind, {})}


def _calls(value: object) -> list[Mapping[str, Any]]:
    """Return the calls that wait for a decision; an empty list if something else is asked."""
    asked = value.get("action_requests") if isinstance(value, Mapping) else None
    listed = asked if isinstance(asked, list) else [value] if _is_one_call(value) else []
    return [call for call in listed if isinstance(call, Mapping) and "name" in call]


def _is_one_call(value: object) -> bool:
    return isinstance(value, Mapping) and value.get("type") == "tool_approval"


def _decisions(interrupt: Any, call: Mapping[str, Any]) -> list[str]:
    """Return the decisions allowed for a call, in the middleware's order."""
    if _is_one_call(interrupt.value):
        schema = getattr(interrupt, "response_schema", None) or {}
        return list(schema.get("discriminator", {}).get("mapping", {}))
    reviews = interrupt.value.get("review_configs")
    for each in reviews if isinstance(reviews, list) else ():
        if isinstance(each, Mapping) and each.get("action_name") == call["name"]:
            allowed = each.get("allowed_decisions")
            return [str(one) for one in allowed] if isinstance(allowed, list | tuple) else []
    return []


def _as_code(call: Mapping[str, Any]) -> str:
    args = call.get("args")
    given = args.items() if isinstance(args, Mapping) else ()
    return f"{call['name']}({', '.join(f'{name}={_short(value)}' for name, value in given)})"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
