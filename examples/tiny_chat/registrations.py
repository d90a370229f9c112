"""Registrations of the tiny models, for a checkout in any folder.

Standard library only, so that tests, notebooks and the Makefile can use it::

    for registration in registrations():
        client.register_model("LLM", json.dumps(registration), persist=False)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
"""The folder with this file, the chat template and the model."""

NAMES = ("tiny-chat", "tiny-think", "tiny-text")
"""One that answers, one that reasons first, one that completes text; all share their weights."""


def registration(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Return the registration of one model, with its paths and chat template filled in."""
    folder = Path(folder).resolve()
    text = (folder / f"{name}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text.replace("{folder}", folder.as_posix()))
    if "chat_template" in content:
        template = (folder / "chat_template.jinja").read_text(encoding="utf-8")
        content["chat_template"] = content["chat_template"].replace("{chat_template}", template)
    return content


def registrations(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Return the registrations of all tiny models."""
    return [registration(name, folder) for name in NAMES]
