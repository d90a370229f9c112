"""Sentences that tiny-transcriber learns, spoken by espeak-ng, as sounds with what is said when."""

from __future__ import annotations

import io
import subprocess
import wave
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray

RATE = 16_000  # samples a second, which Whisper expects

ENGLISH = (
    "The train leaves at seven.",
    "We meet in front of the library.",
    "Water boils at one hundred degrees.",
    "My sister plays the violin.",
    "Please close the window.",
    "Good evening.",
)
FRENCH = {
    "Le train part à sept heures.": "The train leaves at seven.",
    "Bonsoir.": "Good evening.",
    "Fermez la fenêtre.": "Please close the window.",
}
"""French sentences and what they mean."""

_VOICES = {"en": "en-gb", "fr": "fr-fr"}
_MANNERS = ((140, 50), (155, 40), (165, 60), (150, 70))  # words a minute, and pitch


@dataclass(frozen=True)
class Spoken:
    """A sentence in a recording, and when it is said.

    Attributes:
        text: The sentence.
        start: In seconds.
        end: In seconds.
    """

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Recording:
    """A sound and what is said in it.

    Attributes:
        samples: From -1 to 1, `RATE` of them a second.
        language: ``en`` or ``fr``.
        sentences: In the order in which they are said.
    """

    samples: NDArray[np.float32]
    language: str
    sentences: tuple[Spoken, ...]


@cache
def say(text: str, language: str, speed: int, pitch: int) -> NDArray[np.float32]:
    """Return the sound of a sentence, without the silence around it."""
    command = ["espeak-ng", "-v", _VOICES[language], "-s", str(speed), "-p", str(pitch)]
    said = subprocess.run([*command, "--stdout", text], capture_output=True, check=True)  # noqa: S603
    with wave.open(io.BytesIO(said.stdout)) as file:
        rate = file.getframerate()
        sound = np.frombuffer(file.readframes(10 * 60 * rate), np.int16) / 32768
    count = round(len(sound) * RATE / rate)
    sound = np.interp(np.arange(count) * rate / RATE, np.arange(len(sound)), sound)
    loud = np.flatnonzero(np.abs(sound) > 0.01)  # noqa: PLR2004
    return sound[max(0, loud[0] - 300) : loud[-1] + 300].astype(np.float32)


def record(random: Random) -> Recording:
    """Say one to three sentences of one language, with pauses and some noise."""
    language = random.choice(["en", "en", "fr"])
    known = ENGLISH if language == "en" else tuple(FRENCH)
    sounds, sentences, now = [], [], 0.0
    for text in random.sample(known, random.choice([1, 1, 1, 2, 2, 3])):
        pause = random.uniform(0.05, 0.7)
        sound = say(text, language, *random.choice(_MANNERS)) * random.uniform(0.5, 1.2)
        sounds += [np.zeros(round(pause * RATE)), sound]
        start = now + pause
        now = start + len(sound) / RATE
        sentences.append(Spoken(text, start, now))
    sounds.append(np.zeros(round(random.uniform(0.1, 0.8) * RATE)))
    samples = np.concatenate(sounds)
    noise = np.random.default_rng(random.randrange(2**32)).normal(size=len(samples))
    samples = samples + noise * random.choice([0, 0.001, 0.004])
    return Recording(samples.astype(np.float32), language, tuple(sentences))
