"""The parts of the questions: each fills a table on a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from answer_rows import ANSWER_ROWS
from form_rows import FORM_ROWS
from object_rows import OBJECT_ROWS
from parameter_rows import PARAMETER_ROWS
from reasoning_rows import REASONING_ROWS
from standard_rows import STANDARD_ROWS, SUITE
from tool_rows import TOOL_ROWS

from xinference_magics import ChatXinference

if TYPE_CHECKING:
    from collections.abc import Callable

    from asking import Model
    from row import Row


@dataclass(frozen=True)
class Part:
    """A table on a page.

    Args:
        page: The page's file.
        rows: The questions.
        asked: Makes what the rows ask from a model.
        fits: Returns whether a model can be asked at all.
        suite: The name and version of the tests that the rows run, if they run any.
    """

    page: str
    rows: tuple[Row, ...]
    asked: Callable[[Model], Any] = lambda model: model
    fits: Callable[[Model], bool] = lambda _: True
    suite: str = ""


def _as_object(model: Model) -> ChatXinference:
    return ChatXinference(model.endpoint, model.uid, temperature=0, max_tokens=150)


PARTS = {
    "requests": Part("engines.md", (*PARAMETER_ROWS, *FORM_ROWS, *TOOL_ROWS, *ANSWER_ROWS)),
    "reasoning": Part("engines.md", REASONING_ROWS, fits=lambda model: model.reasons),
    "objects": Part("langchain.md", OBJECT_ROWS, _as_object),
    "standard": Part("langchain.md", STANDARD_ROWS, suite=SUITE),
}
