"""The options of the magics that make pictures and sounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from xinference_magics.notebook.chatting.options import MODEL, OUT, PARAMETER, RAW
from xinference_magics.notebook.command_line.option import API_KEY, ENDPOINT, Option, Values, given
from xinference_magics.notebook.command_line.readers import count, not_empty, number, one_of

SOUNDS = ("mp3", "wav", "flac", "ogg", "opus", "aac", "pcm")
"""The formats of sounds that OpenAI's interface names; models know some of them."""

FORMATS = ("table", "text", "vtt", "srt", "json")
"""How ``%transcribe`` can show a transcript."""


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """The options of ``%%image``."""

    model: str | None = given(replace(MODEL, values=Values.PAINTS))
    n: int = given(
        Option(("-n", "--count"), help="Number of pictures.", metavar="N", type=count, default=1)
    )
    size: str | None = given(
        Option(
            ("--size",), help="Width and height in pixels.", metavar="WIDTHxHEIGHT", type=not_empty
        )
    )
    seed: int | None = given(
        Option(
            ("--seed",),
            help="Seed of the first picture; each next one has the next seed (default: random).",
            metavar="N",
            type=number,
        )
    )
    steps: int | None = given(
        Option(("--steps",), help="Number of steps from noise to picture.", metavar="N", type=count)
    )
    guidance: float | None = given(
        Option(
            ("--guidance",), help="How closely to follow the prompt.", metavar="SCALE", type=float
        )
    )
    negative: str | None = given(
        Option(("--negative",), help="What must not be in the picture.", metavar="TEXT")
    )
    sampler: str | None = given(
        Option(("--sampler",), help="The sampler, such as 'Euler a'.", metavar="NAME")
    )
    start: str | None = given(
        Option(
            ("--from",),
            help="Begin with this picture: an expression, a file or a URL.",
            metavar="IMAGE",
            type=not_empty,
        )
    )
    mask: str | None = given(
        Option(
            ("--mask",),
            help="Paint --from again only where this picture is white.",
            metavar="IMAGE",
            type=not_empty,
        )
    )
    strength: float | None = given(
        Option(
            ("--strength",),
            help="How much to change --from: above 0 and up to 1.",
            metavar="S",
            type=float,
        )
    )
    parameter: list[tuple[str, Any]] | None = given(PARAMETER)
    out: str | None = given(replace(OUT, help="Variable to keep the pictures in."))
    raw: bool | None = given(RAW)
    endpoint: str | None = given(ENDPOINT)
    api_key: None = given(API_KEY)

    implied_prompt = ""

    @property
    def conflict(self) -> str:
        """Which options contradict each other, and what to do; empty if none do."""
        if self.start is None and (self.mask is not None or self.strength is not None):
            named = "--mask" if self.mask is not None else "--strength"
            return f"{named} needs the picture to begin with: add --from IMAGE"
        return ""

    @property
    def parameters(self) -> dict[str, Any]:
        """What the model is asked for, by the names in diffusers."""
        given = {
            "size": self.size,
            "num_inference_steps": self.steps,
            "guidance_scale": self.guidance,
            "negative_prompt": self.negative,
            "sampler_name": self.sampler,
            "strength": self.strength,
        }
        named = {name: value for name, value in given.items() if value is not None}
        return {**dict(self.parameter or ()), **named}


@dataclass(frozen=True, kw_only=True)
class SpeechOptions:
    """The options of ``%%speech``."""

    model: str | None = given(replace(MODEL, values=Values.SPEAKS))
    voice: str | None = given(
        Option(
            ("--voice",), help="The voice (default: the model's).", metavar="NAME", type=not_empty
        )
    )
    format: str = given(
        Option(
            ("--format", "-f"),
            help="Format of the sound.",
            metavar="FORMAT",
            type=partial(one_of, SOUNDS, "format"),
            default="mp3",
            values=SOUNDS,
        )
    )
    speed: float | None = given(
        Option(("--speed",), help="How fast to speak; 1 is normal.", metavar="X", type=float)
    )
    seed: int | None = given(
        Option(("--seed",), help="Seed, if the model takes one.", metavar="N", type=number)
    )
    reference: str | None = given(
        Option(
            ("--reference",),
            help="Imitate the voice in this sound: an expression or a file.",
            metavar="SOUND",
            type=not_empty,
        )
    )
    reference_text: str | None = given(
        Option(("--reference-text",), help="What is said in --reference.", metavar="TEXT")
    )
    parameter: list[tuple[str, Any]] | None = given(PARAMETER)
    out: str | None = given(replace(OUT, help="Variable to keep the speech in."))
    raw: bool | None = given(RAW)
    endpoint: str | None = given(ENDPOINT)
    api_key: None = given(API_KEY)

    implied_prompt = ""

    @property
    def conflict(self) -> str:
        """Which options contradict each other, and what to do; empty if none do."""
        if self.reference_text is not None and self.reference is None:
            return "--reference-text needs the sound that says it: add --reference SOUND"
        return ""

    @property
    def parameters(self) -> dict[str, Any]:
        """What the model is asked for, by the names of its parameters."""
        given = {
            "voice": self.voice,
            "speed": self.speed,
            "seed": self.seed,
            "prompt_text": self.reference_text,
        }
        named = {name: value for name, value in given.items() if value is not None}
        return {**dict(self.parameter or ()), **named, "response_format": self.format}


@dataclass(frozen=True, kw_only=True)
class TranscribeOptions:
    """The options of ``%transcribe``."""

    model: str | None = given(replace(MODEL, values=Values.HEARS))
    language: str | None = given(
        Option(
            ("--language",),
            help="The language that is spoken, such as fr (default: the model recognizes it).",
            metavar="LANGUAGE",
            type=not_empty,
        )
    )
    words: bool | None = given(Option(("--words",), help="Tell when each word is said.", words=0))
    translate: bool | None = given(
        Option(("--translate",), help="Write it down in English, whatever is spoken.", words=0)
    )
    format: str = given(
        Option(
            ("--format", "-f"),
            help="How to show it.",
            metavar="FORMAT",
            type=partial(one_of, FORMATS, "format"),
            default="table",
            values=FORMATS,
        )
    )
    parameter: list[tuple[str, Any]] | None = given(PARAMETER)
    out: str | None = given(replace(OUT, help="Variable to keep the transcript in."))
    endpoint: str | None = given(ENDPOINT)
    api_key: None = given(API_KEY)

    conflict = ""
    implied_prompt = ""


@dataclass(frozen=True, kw_only=True)
class OcrOptions:
    """The options of ``%ocr``."""

    model: str | None = given(replace(MODEL, values=Values.READS))
    prompt: str | None = given(
        Option(("--prompt",), help="What to do with the image.", metavar="TEXT", type=not_empty)
    )
    pages: str | None = given(
        Option(
            ("--pages",),
            help="The pages of a PDF, such as 1-3.",
            metavar="PAGES",
            type=not_empty,
        )
    )
    parameter: list[tuple[str, Any]] | None = given(PARAMETER)
    out: str | None = given(replace(OUT, help="Variable to keep the text in."))
    endpoint: str | None = given(ENDPOINT)
    api_key: None = given(API_KEY)

    conflict = ""
    implied_prompt = ""
