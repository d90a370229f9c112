"""Prompts that may only be text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.errors import PromptError
from xinference_magics.notebook.prompt.expand import expand

if TYPE_CHECKING:
    from collections.abc import Mapping


def only_text(text: str, variables: Mapping[str, Any], what: str) -> str:
    """Insert values into a prompt.

    Args:
        text: The prompt as typed.
        variables: The notebook's variables.
        what: What the prompt is, for errors.

    Raises:
        PromptError: An expression fails, or its value is a picture or a sound.
    """
    prompt = expand(text, variables)
    if prompt.blocks is not None:
        raise PromptError(f"{what} can only be text, not {prompt.text!r}.")
    return prompt.text
