"""A comparison as plain output: the answers side by side, and which one is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics.chat.comparison import COMPARISON_MIME
from xinference_magics.display import settled
from xinference_magics.display.frame import framed
from xinference_magics.display.markdown import to_safe_line
from xinference_magics.plain import neutralise
from xinference_magics.remedies import Remedy

if TYPE_CHECKING:
    from xinference_magics.chat.comparison import Comparison
    from xinference_magics.chat.turn import Turn

# A column stays wide enough for a sentence; columns that do not fit wrap below each other.
_COLUMNS = (
    "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,240px),1fr));gap:12px"
)
_COLUMN = "min-width:0;overflow-x:auto;padding:4px 12px 8px;border-radius:6px;border:1px solid "
_OTHER, _KEPT = "rgba(128,128,128,0.35)", "#3a7bd5"


def bundle(comparison: Comparison, *, raises: bool = False) -> dict[str, Any]:
    """Describe a comparison in every format a saved notebook needs; see `settled.bundle`."""
    return {
        "text/html": _html(comparison, raises=raises),
        "text/markdown": _markdown(comparison, raises=raises),
        "text/plain": _plain(comparison, raises=raises),
        COMPARISON_MIME: settled.saved(comparison.to_record()),
    }


def about(comparison: Comparison) -> str:
    """Describe in one line which answer the conversation continues with."""
    if comparison.conversation is None:
        return "outside any conversation"
    if comparison.kept is None:
        return "no answer"
    kept = f"continuing with {comparison.kept_name}"
    others = [
        name
        for name, turn in zip(comparison.names, comparison.turns, strict=True)
        if turn is not comparison.kept and turn.status != "failed"
    ]
    return f"{kept} ({Remedy.KEEP_OTHER(name=others[0])})" if others else kept


def summaries(comparison: Comparison, *, raises: bool = False) -> list[str]:
    """Summarize each turn in one line, marking the one the conversation continues with.

    Args:
        comparison: The comparison.
        raises: Whether the cell raises the turns' errors.
    """
    return [
        f"{'✓' if turn is comparison.kept else ' '} "
        + settled.summary(turn, title, raises=raises and _is_told(turn, comparison))
        for title, turn in _titled(comparison)
    ]


def _titled(comparison: Comparison) -> list[tuple[str, Turn]]:
    return list(zip(comparison.titles, comparison.turns, strict=True))


def _html(comparison: Comparison, *, raises: bool) -> str:
    columns = "".join(
        _column(
            turn,
            title,
            is_kept=turn is comparison.kept,
            raises=raises and _is_told(turn, comparison),
        )
        for title, turn in _titled(comparison)
    )
    return framed(
        settled.header(f"{len(comparison)} models", about(comparison))
        + f'<div style="{_COLUMNS}">{columns}</div>'
        + settled.attached(comparison.turns[0])
    )


def _is_told(turn: Turn, comparison: Comparison) -> bool:
    """Whether the error that the cell raises says how a turn ended."""
    return turn.status == "interrupted" or all(each.status == "failed" for each in comparison)


def _column(turn: Turn, title: str, *, is_kept: bool, raises: bool) -> str:
    shown = settled.column(turn, f"✓ {title}" if is_kept else title, raises=raises)
    return f'<div style="{_COLUMN}{_KEPT if is_kept else _OTHER}">{shown}</div>'


def _markdown(comparison: Comparison, *, raises: bool) -> str:
    lines = summaries(comparison, raises=raises)
    parts = [
        part
        for (title, turn), line in zip(_titled(comparison), lines, strict=True)
        for part in (
            f"#### {to_safe_line(title)}",
            settled.markdown(turn),
            to_safe_line(line.strip()),
        )
    ]
    return "\n\n".join([*filter(None, parts), to_safe_line(about(comparison))])


def _plain(comparison: Comparison, *, raises: bool) -> str:
    parts = [
        f"── {neutralise(title)} ──\n{settled.plain(turn)}".rstrip()
        for title, turn in _titled(comparison)
    ]
    lines = "\n".join([*summaries(comparison, raises=raises), about(comparison)])
    return "\n\n".join([*parts, neutralise(lines)])
