"""The prompt of a cell for each row: its columns are names, before the notebook's variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xinference_magics.data.rows import ROW
from xinference_magics.errors import PromptError
from xinference_magics.nearest import did_you_mean
from xinference_magics.notebook.chatting.prompting import hint_at_braces
from xinference_magics.notebook.prompt.expand import parsed
from xinference_magics.notebook.prompt.values import shown

if TYPE_CHECKING:
    from xinference_magics.data.rows import Data
    from xinference_magics.notebook.prompt.pictures import Block
    from xinference_magics.notebook.session.session import Session


class RowPrompt:
    """Makes the prompt of a row.

    Args:
        text: The prompt as typed.
        variables: The notebook's variables.
        rows: The data.

    Raises:
        PromptError: An expression does not parse, or every row would get the same prompt.
    """

    def __init__(self, text: str, variables: Mapping[str, Any], rows: Data) -> None:
        self._text = text
        self._parsed = parsed(text)
        self._variables = dict(variables)
        self._rows = rows
        if self._parsed.is_constant:
            columns = [name for name in rows.columns or () if name.isidentifier()]
            name = columns[0] if columns else ROW
            raise PromptError(
                "Every row would get the same prompt.",
                hint=f"{{{{{name}}}}} inserts {'a column' if columns else 'the row'}.",
            )

    def check(self, session: Session) -> None:
        """Make the prompt of the first row, because a misspelt name would fail in each.

        Raises:
            PromptError: It names something that is neither a column nor a variable.
        """
        hint_at_braces(
            session, self._text, {**self._variables, **dict.fromkeys(self._rows.columns or ())}
        )
        for row in self._rows.first(1):
            try:
                self(row)
            except PromptError as error:
                if isinstance(error.__cause__, NameError):
                    raise self._misspelt(error) from error.__cause__

    def _misspelt(self, error: PromptError) -> PromptError:
        """Return the error for a name that is neither a column nor a variable."""
        name = getattr(error.__cause__, "name", "") or ""
        columns = self._rows.columns or ()
        names = f"The columns are {', '.join(columns)}." if columns else f"{ROW} is the row."
        near = did_you_mean(name, [*columns, ROW, *self._variables], _NEAR)
        return PromptError(error.message, hint=near or names)

    def __call__(self, row: Any) -> str | list[Any]:
        """Return the prompt of a row: a text, or content blocks if it has a picture or sound."""
        columns = row if isinstance(row, Mapping) else {}
        prompt = self._parsed.filled({**self._variables, ROW: row, **columns}, put=_put)
        return prompt.blocks or prompt.text


def _put(value: Any, name: str) -> str | Block:
    """Convert a value; numbers are frequent in data, and need no look at what they may be."""
    return str(value) if type(value) in _PLAIN else shown(value, name)


_NEAR = 0.7
"""How similar a name must be: short names are soon alike."""
_PLAIN = {int, bool, type(None)}
