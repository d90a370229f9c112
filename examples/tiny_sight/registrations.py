"""The registration of tiny-sight, for a checkout in any folder.

Standard library only, so that tests and notebooks can use it::

    client.register_model("LLM", json.dumps(registration()), persist=False)
    client.launch_model("tiny-sight", model_engine="llama.cpp", multimodal_projector=PROJECTOR)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
"""The folder with this file and the model; tiny-chat's, with the template, is next to it."""

PROJECTOR = "mmproj.gguf"
"""A launch must name it, or the model neither sees nor hears."""


def registration(folder: Path = FOLDER) -> dict[str, Any]:
    """Return the registration, with its path and chat template filled in."""
    folder = Path(folder).resolve()
    template = (folder.parent / "tiny_chat" / "chat_template.jinja").read_text(encoding="utf-8")
    text = (folder / "tiny-sight.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text.replace("{folder}", folder.as_posix()))
    return {**content, "chat_template": template}
