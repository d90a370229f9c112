"""Stored answers as a table."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from xinference_magics.data.store import Stored
from xinference_magics.display.tables import Column
from xinference_magics.notebook.results.rows import Rows
from xinference_magics.plain import shortened

_CHARS = 200
"""Characters of a prompt and an answer that are shown."""


class StoredAnswers(Rows[Stored]):
    """Answers from the answer store, newest first."""

    columns = (
        Column[Any]("Time", lambda row: f"{datetime.fromtimestamp(row.time):%Y-%m-%d %H:%M}"),  # noqa: DTZ006  # local
        Column[Any]("Model", lambda row: row.model),
        Column[Any]("Prompt", lambda row: shortened(row.prompt, _CHARS)),
        Column[Any]("Answer", lambda row: shortened(_text(row), _CHARS)),
    )
    empty = "The answer store has no such answers."


def _text(row: Stored) -> str:
    try:
        value = json.loads(row.answer)["value"]
    except (ValueError, LookupError, TypeError):
        return row.answer
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
