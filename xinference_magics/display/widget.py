"""Widgets for running turns and launches. Importing this imports ipywidgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets


def _static(*names: str) -> str:
    folder = Path(__file__).parent / "static"
    return "".join((folder / name).read_text("utf-8") for name in names)


class _Widget(anywidget.AnyWidget):
    """A widget shown until plain output replaces it."""

    def bundle(self, text: str) -> dict[str, Any]:
        """Describe it as an output; `text` is shown where widgets are not supported."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": text}

    def close(self) -> None:
        """Close it and all its comms: every ipywidget has a layout with a comm of its own."""
        layout = self.layout
        super().close()
        layout.close()


class ChatWidget(_Widget):
    """Shows running turns in the page, one or several side by side; text arrives in messages.

    Attributes:
        titles: Who is answering, one for each turn.
        background: Whether other cells run meanwhile, which an interrupt would hit.
    """

    _esm = _static("kernel.js", "chat.js")
    _css = _static("chat.css")
    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    background = traitlets.Bool().tag(sync=True)


class LaunchWidget(_Widget):
    """Shows a running launch, with a Cancel button.

    Attributes:
        state: Everything that is shown; `launch.js` documents its fields.
    """

    _esm = _static("kernel.js", "launch.js")
    _css = _static("chat.css", "launch.css")
    state = traitlets.Dict().tag(sync=True)
