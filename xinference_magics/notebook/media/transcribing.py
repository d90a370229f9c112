"""``%transcribe``: a model writes down what is said in a file or a value."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from xinference_magics.notebook.chatting.responders import model_meant
from xinference_magics.notebook.prompt.attachments import media
from xinference_magics.notebook.session.namespace import HEARS
from xinference_magics.wire.uploads import Upload

if TYPE_CHECKING:
    from xinference_magics.media.transcript import Transcript
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.media.options import TranscribeOptions


def transcribe(cell: CellContext, options: TranscribeOptions, named: str) -> Transcript | None:
    """Write down what is said in `named`, a file or an expression; ``--out`` keeps it.

    Returns:
        The transcript, which shows a table; None if it was printed in another format.

    Raises:
        PromptError: `named` is no sound.
        XinferenceError: The model could not do it.
    """
    named = named.strip()
    block = media("audio", named, cell.variables, "%transcribe")
    audio = Upload(
        base64.b64decode(block["base64"]),
        block["mime_type"],
        block.get("extras", {}).get("name", named),
    )
    uid = model_meant(options.model, cell.variables)
    model = cell.session.model_in_use(uid, HEARS, options.endpoint)
    transcript: Transcript = model.transcribe(
        audio,
        language=options.language,
        words=bool(options.words),
        translate=bool(options.translate),
        **dict(options.parameter or ()),
    )
    if options.out:
        cell.namespace[options.out] = transcript
    if options.format == "table":
        return transcript
    cell.session.say(_written(transcript, options.format))
    return None


def _written(transcript: Transcript, format_: str) -> str:
    if format_ == "vtt":
        return transcript.to_vtt()
    if format_ == "srt":
        return transcript.to_srt()
    if format_ == "json":
        return json.dumps(asdict(transcript), ensure_ascii=False, indent=2)
    return transcript.text
