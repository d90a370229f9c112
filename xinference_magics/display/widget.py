"""The widget of a running turn. Importing this imports ipywidgets."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

_STATIC = Path(__file__).parent / "static"


class ChatWidget(anywidget.AnyWidget):
    """Shows a running turn in the page; all but its title comes as messages.

    Attributes:
        title: Who answers.
    """

    _esm = (_STATIC / "chat.js").read_text("utf-8")
    _css = (_STATIC / "chat.css").read_text("utf-8")
    title = traitlets.Unicode().tag(sync=True)
