"""``--show-prompt``: what would be sent for the first row, and an estimate for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.data.failures import line
from xinference_magics.errors import NotebookError
from xinference_magics.wire.tokens import estimated_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xinference_magics.data.asking import Asker
    from xinference_magics.data.rows import Data
    from xinference_magics.notebook.session.session import Session

_LOOKED_AT = 100
"""Rows from which the tokens of all are estimated."""


def show_prompt(
    session: Session, askers: Sequence[Asker], prompt: Callable[[Any], Any], rows: Data
) -> None:
    """Show the first row's prompt, and estimate the tokens of all rows.

    Raises:
        NotebookError: There are no rows.
    """
    first = rows.first(_LOOKED_AT)
    if not first:
        raise NotebookError("The data has no rows.")
    asker = askers[0]
    texts, failed = [], 0
    for row in first:
        try:
            texts.append(asker.full_text(asker.asked(prompt(row))))
        except Exception as error:  # noqa: BLE001  # the row's own error, as in a run
            failed += 1
            if not texts and failed == 1:
                session.say(f"The first row has no prompt: {line(error)}")
    if texts:
        session.say(f"{texts[0]}\n")
    mean = sum(map(estimated_tokens, texts)) / max(len(texts), 1)
    names = ", ".join(each.name for each in askers)
    if rows.size is None:
        session.say(f"About {mean:,.0f} tokens a row for {names}; the number of rows is unknown.")
    else:
        tokens = f"{mean * rows.size:,.0f}"
        session.say(f"About {tokens} tokens in {rows.size:,} rows for {names}, without answers.")
