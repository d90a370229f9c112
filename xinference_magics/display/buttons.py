"""Buttons of settled answers: plain HTML that does nothing by itself.

They are hidden until a module of ours (`static/buttons.js`) shows and serves them. An answer cannot
imitate them, because none of its own HTML is kept.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xinference_magics.chat.turn import Turn


def copy_button(turn: Turn) -> str:
    """Return a button that copies an answer as Markdown."""
    return _button("copy", "Copy", turn.id)


def again_button(turn: Turn) -> str:
    """Return a button that runs the cell of a turn again."""
    return _button("again", "Ask again", turn.id)


def keep_button(turn: Turn) -> str:
    """Return a button that continues the conversation with this turn of a comparison."""
    return _button("keep", "Keep", turn.id)


def code_button() -> str:
    """Return a button that copies the block of code in the same element."""
    return _button("copy-code", "Copy")


def _button(action: str, label: str, turn_id: str = "") -> str:
    value = f' value="{escape(turn_id)}"' if turn_id else ""
    kind = f"xm-button xm-{action}"
    return f'<button type="button" class="{kind}"{value} hidden>{label}</button>'
