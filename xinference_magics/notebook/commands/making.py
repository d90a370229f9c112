"""Pictures and sounds: image and transcribe, which are also magics of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xinference_magics import interrupts
from xinference_magics.notebook.command_line.option import Option, given, other_letters
from xinference_magics.notebook.command_line.readers import literal, pair
from xinference_magics.notebook.commands.command import UID, Command, PromptCommand, ThereOptions
from xinference_magics.notebook.commands.launch_options import LaunchOptions
from xinference_magics.notebook.media.options import (
    ImageOptions,
    OcrOptions,
    SpeechOptions,
    TranscribeOptions,
)
from xinference_magics.notebook.session.namespace import FLEXIBLE

if TYPE_CHECKING:
    from xinference_magics.media.pictures import Images
    from xinference_magics.media.speech import Speech
    from xinference_magics.media.transcript import Transcript
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.session.session import Session


def image(cell: CellContext, options: ImageOptions, text: str) -> Images:
    """Paint a prompt."""
    with interrupts.deferred_sigint():
        from xinference_magics.notebook.media import painting
    return painting.paint(cell, options, text)


def speech(cell: CellContext, options: SpeechOptions, text: str) -> Speech:
    """Speak a text."""
    with interrupts.deferred_sigint():
        from xinference_magics.notebook.media import speaking
    return speaking.speak(cell, options, text)


def transcribe(cell: CellContext, options: TranscribeOptions, text: str) -> Transcript | None:
    """Write down what is said in a sound."""
    with interrupts.deferred_sigint():
        from xinference_magics.notebook.media import transcribing
    return transcribing.transcribe(cell, options, text)


def ocr(cell: CellContext, options: OcrOptions, text: str) -> str:
    """Read the text in an image."""
    with interrupts.deferred_sigint():
        from xinference_magics.notebook.media import reading
    return reading.read(cell, options, text)


@dataclass(frozen=True, kw_only=True)
class InferOptions(ThereOptions):
    """The options of ``%xinference infer``."""

    uid: str = given(UID)  # its own, because it comes before the arguments
    arguments: list[str] | None = given(
        Option(
            ("arguments",),
            help="The arguments of the call: values, and KEY=VALUE for those with names.",
            metavar="ARGUMENTS",
            repeat=True,
        )
    )


def infer(session: Session, options: InferOptions) -> Any:
    """Call a flexible model, and return its JSON."""
    running = session.connector.visit(options.endpoint).describe(options.uid)
    model = session.askable(running, FLEXIBLE)
    words = options.arguments or []
    named = dict(pair(word) for word in words if _NAMED.match(word))
    return model.infer(*(literal(word) for word in words if not _NAMED.match(word)), **named)


_NAMED = re.compile(r"[A-Za-z_]\w*=")

COMMANDS = (
    PromptCommand(
        "image",
        "Let an image model paint a prompt; %image and %%image are the same.",
        image,
        ImageOptions,
        (
            "%%image --size 512x512 -n 2\nA lighthouse in {{season}}",
            "again = %image --seed 42 --steps 20 A lighthouse in winter",
            "%%image --from photo.jpg --strength 0.6\nThe same as a drawing",
        ),
        note=other_letters(ImageOptions, "%xinference launch", LaunchOptions),
        acts=False,
    ),
    PromptCommand(
        "speech",
        "Let a model speak a text; %speech and %%speech are the same.",
        speech,
        SpeechOptions,
        (
            "%%speech --voice ef_dora\nGood evening, {{name}}.",
            "sound = %speech -f wav --speed 1.2 Good evening.",
        ),
        acts=False,
    ),
    PromptCommand(
        "transcribe",
        "Write down what is said in a sound file, or in a value of the notebook.",
        transcribe,
        TranscribeOptions,
        (
            "%transcribe interview.mp3",
            "transcript = %transcribe --language fr --words recording",
            "%transcribe -f vtt interview.mp3",
        ),
        acts=False,
        takes_cell=False,
    ),
    PromptCommand(
        "ocr",
        "Read the text in an image file, or in a picture of the notebook.",
        ocr,
        OcrOptions,
        ("%ocr invoice.png", 'text = %ocr --prompt "Read the total." scan'),
        acts=False,
    ),
    Command(
        "infer",
        "Call a flexible model; %infer is the same.",
        infer,
        InferOptions,
        ("result = %infer my-flexible-model {{values}} top_k=3",),
    ),
)
