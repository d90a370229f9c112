"""A row of a table, the words for its outcomes, and what several rows need.

A question that needs the model's help, such as a tool call, has the outcome `UNCLEAR` if the
model did not provide it: nothing was observed, so nothing is claimed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema

if TYPE_CHECKING:
    from collections.abc import Callable

    from asking import Model, Whole

WORKS, IGNORED, REFUSED, UNCLEAR = "works", "ignored", "refused", "not seen"
NOT_RUN = "not run"

SENTENCE = "Write one short sentence about a cat."
ASK_WEATHER = "What is the weather in Paris?"
JOKE = "Tell me a joke about cats."
ASK_PERSON = "Ada is 36 years old. Describe her."


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Args:
        title: The question, in Markdown.
        see: Asks a `Model`, or a `ChatXinference` in the table of objects, and returns the
            outcome.
        done: How ChatXinference or `%%chat` handles it, in Markdown.
        warned: What the body of such a request contains, if a warning is promised for engines that
            ignore it.
    """

    title: str
    see: Callable[[Any], str]
    done: str = ""
    warned: dict[str, Any] | None = None


def steady(model: Model, prompt: str, **parameters: Any) -> Whole:
    """Ask until the same answer comes twice in a row, at most four times.

    Rounding alone can change a word when a prompt comes from a cache for the first time.
    """
    answer = model.whole(prompt, **parameters)
    for _ in range(3):
        again = model.whole(prompt, **parameters)
        if again.text == answer.text:
            break
        answer = again
    return again


def form(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the `response_format` that asks for a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def fits(text: str, schema: dict[str, Any]) -> bool:
    """Return whether a text is JSON that matches a schema."""
    try:
        jsonschema.validate(json.loads(text), schema)
    except (ValueError, jsonschema.ValidationError):
        return False
    return True
