"""Pictures and sounds: image and transcribe, which are also magics of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics import interrupts
from xinference_magics.notebook.command_line.option import other_letters
from xinference_magics.notebook.commands.command import PromptCommand
from xinference_magics.notebook.commands.launch_options import LaunchOptions
from xinference_magics.notebook.media.options import ImageOptions, TranscribeOptions

if TYPE_CHECKING:
    from xinference_magics.media.pictures import Images
    from xinference_magics.media.transcript import Transcript
    from xinference_magics.notebook.cell_context import CellContext


def image(cell: CellContext, options: ImageOptions, text: str) -> Images:
    """Paint a prompt."""
    with interrupts.deferred_sigint():
        from xinference_magics.notebook.media import painting
    return painting.paint(cell, options, text)


def transcribe(cell: CellContext, options: TranscribeOptions, text: str) -> Transcript | None:
    """Write down what is said in a sound."""
    with interrupts.deferred_sigint():
        from xinference_magics.notebook.media import transcribing
    return transcribing.transcribe(cell, options, text)


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
    ),
)
