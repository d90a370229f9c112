"""Record the sounds that tests and examples have written down: what tiny-transcriber knows.

Needs espeak-ng and soundfile::

    python make_sounds.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from speech import RATE, say

FOLDER = Path(__file__).resolve().parent / "sounds"

SOUNDS = {
    "station": ("en", ("The train leaves at seven.", "Good evening.")),
    "gare": ("fr", ("Bonsoir.",)),
}


def main() -> None:
    """Write each recording as Ogg Vorbis."""
    FOLDER.mkdir(exist_ok=True)
    pause = np.zeros(RATE // 2, np.float32)
    for name, (language, texts) in SOUNDS.items():
        parts = [pause]
        for text in texts:
            parts += [say(text, language, 155, 40), pause]
        soundfile.write(FOLDER / f"{name}.ogg", np.concatenate(parts), RATE)


if __name__ == "__main__":
    main()
