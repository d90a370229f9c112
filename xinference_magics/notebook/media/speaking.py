"""``%%speech``: a model speaks the text of a cell."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from xinference_magics.notebook.chatting.responders import model_meant
from xinference_magics.notebook.media.texts import only_text
from xinference_magics.notebook.prompt.attachments import media
from xinference_magics.notebook.session.namespace import SPEAKS
from xinference_magics.notes import collected_notes, show

if TYPE_CHECKING:
    from xinference_magics.media.speech import Speech
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.media.options import SpeechOptions


def speak(cell: CellContext, options: SpeechOptions, text: str) -> Speech:
    """Speak a text, and return the sound; ``--out`` keeps it.

    Raises:
        XinferenceError: It failed.
    """
    with collected_notes() as notes:
        said = text if options.raw else only_text(text, cell.variables, "What to say")
    show(notes)
    given: dict[str, Any] = {}
    if options.reference is not None:
        block = media("audio", options.reference, cell.variables, "--reference")
        given["reference"] = base64.b64decode(block["base64"])
    uid = model_meant(options.model, cell.variables)
    model = cell.session.model_in_use(uid, SPEAKS, options.endpoint)
    speech: Speech = model.speak(said, **given, **options.parameters)
    speech = replace(speech, embedded_bytes=round(cell.settings.embed_limit * 1e6))
    if options.out:
        cell.namespace[options.out] = speech
    return speech
