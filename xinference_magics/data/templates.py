"""Prompts for the rows of data: a text with ``{{column}}`` in it, or a function of the row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from xinference_magics.data.rows import ROW
from xinference_magics.errors import PromptError
from xinference_magics.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLACE = re.compile(r"\\\{\{|\{\{(.*?)\}\}", re.DOTALL)


class Template:
    r"""A text with the names of columns in double braces; nothing in it is evaluated.

    Args:
        text: The text; ``\{{`` is a literal ``{{``, and ``{{row}}`` the row itself.

    Raises:
        PromptError: There is nothing between two braces.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._pieces: list[str] = []
        self.names: list[str] = []
        end = 0
        literal = ""
        for place in _PLACE.finditer(text):
            literal += text[end : place.start()]
            end = place.end()
            if place[1] is None:
                literal += "{{"
                continue
            name = place[1].strip()
            if not name:
                raise PromptError("{{}} in the prompt names no column.")
            self._pieces.append(literal)
            self.names.append(name)
            literal = ""
        self._pieces.append(literal + text[end:])

    def check(self, columns: Sequence[str] | None) -> None:
        """Reject names that are not columns, before anything is sent.

        Raises:
            PromptError: A name is not a column.
        """
        if columns is None:
            return
        for name in self.names:
            if name not in columns and name != ROW:
                near = did_you_mean(name, columns) or f"The columns are {', '.join(columns)}."
                raise PromptError(f"{{{{{name}}}}}: the data has no column {name!r}.", hint=near)

    def __call__(self, row: Any) -> str:
        """Return the prompt for a row."""
        parts = [self._pieces[0]]
        for name, piece in zip(self.names, self._pieces[1:], strict=True):
            parts.append(self._value(name, row))
            parts.append(piece)
        return "".join(parts)

    def _value(self, name: str, row: Any) -> str:
        if isinstance(row, Mapping) and name in row:
            value = row[name]
        elif name == ROW:
            value = row
        else:
            raise PromptError(f"{{{{{name}}}}}: the row has no {name!r}.")
        return value if isinstance(value, str) else str(value)


def prompt_for(prompt: Any, columns: Sequence[str] | None) -> Callable[[Any], Any]:
    """Return what makes the prompt of a row.

    Args:
        prompt: A text with names of columns, or a function of the row.
        columns: The columns of the data, if they are known.

    Raises:
        PromptError: The prompt is neither, or names something that is not a column.
    """
    if isinstance(prompt, str):
        template = Template(prompt)
        template.check(columns)
        return template
    if callable(prompt):
        return prompt  # type: ignore[no-any-return]
    raise PromptError(
        f"A value of type {type(prompt).__name__} is not a prompt.",
        hint="Pass a text with {{column}} in it, or a function of the row.",
    )
