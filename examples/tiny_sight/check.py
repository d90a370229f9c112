"""Show a running server images, sounds and videos, and count the exact answers.

    python check.py http://127.0.0.1:9997 tiny-sight

The model must be running already, on llama.cpp with its projector. Needs only the
standard library; videos are left out if ffmpeg is missing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import urllib.request
from base64 import b64encode
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from samples import HERTZ, RGB, has_ffmpeg, mp4, png, wav

if TYPE_CHECKING:
    from collections.abc import Iterator

Part = dict[str, Any]
Question = tuple[str, list[Part], str]
"""A name for the report, the messages, and the right answer."""

SHAPES = ((48, 48), (1, 1), (60, 20), (20, 60), (640, 480))


def encoded(data: bytes) -> str:
    """Return the data in base64."""
    return b64encode(data).decode()


def text(content: str) -> Part:
    """A text part."""
    return {"type": "text", "text": content}


def image(color: str, *shape: int) -> Part:
    """An image part."""
    url = f"data:image/png;base64,{encoded(png(color, *shape))}"
    return {"type": "image_url", "image_url": {"url": url}}


def sound(*tones: str, seconds: float = 2.0) -> Part:
    """A sound part, as llama.cpp expects it."""
    data = encoded(wav(*tones, seconds=seconds))
    return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}


def video(folder: Path, *colors: str, seconds: float = 1.0) -> Part:
    """A video part."""
    url = f"data:video/mp4;base64,{encoded(mp4(folder, *colors, seconds=seconds))}"
    return {"type": "video_url", "video_url": {"url": url}}


def user(*parts: Part) -> Part:
    """A user's message."""
    return {"role": "user", "content": list(parts)}


def images() -> Iterator[Question]:
    """Questions about one image, two, and one earlier in the conversation."""
    for color in RGB:
        answer = f"The image is {color}."
        for shape in SHAPES:
            yield "image", [user(text("What color is the image?"), image(color, *shape))], answer
        yield "image", [user(image(color), text("Describe this image."))], answer
        yield "image", [user(image(color))], answer
    for first, second in permutations(RGB, 2):
        both = [image(first), image(second)]
        answer = f"The images are {first} and {second}."
        yield "images", [user(text("Compare the images."), *both)], answer
        before = [
            user(text("What color is the image?"), image(first)),
            {"role": "assistant", "content": f"The image is {first}."},
        ]
        again = user(text("What color was the image?"))
        yield "history", [*before, again], f"The image was {first}."
        other = user(text("What color is the image?"), image(second))
        yield "history", [*before, other], f"The image is {second}."


def sounds() -> Iterator[Question]:
    """Questions about a tone of various lengths, tones in a row, silence, and an image as well."""
    for tone in HERTZ:
        for seconds in (1, 2, 5, 30):
            asked = user(text("What do you hear?"), sound(tone, seconds=seconds))
            yield "sound", [asked], f"I hear a {tone} tone."
        for color in RGB:
            asked = user(text("What do you see and hear?"), image(color), sound(tone))
            yield "both", [asked], f"The image is {color}. I hear a {tone} tone."
    for first, second in permutations(HERTZ):
        answer = f"I hear a {first} tone, then a {second} tone."
        yield "sound", [user(text("Describe this audio:"), sound(first, second))], answer
    yield "sound", [user(text("What do you hear?"), sound("silence"))], "I hear no sound."


def videos(folder: Path) -> Iterator[Question]:
    """Questions about a color that stays, and one that turns into another."""
    asked = text("What happens in the video?")
    for color in RGB:
        yield "video", [user(asked, video(folder, color))], f"The video is {color}."
    for first, second in permutations(RGB, 2):
        answer = f"The video goes from {first} to {second}."
        yield "video", [user(asked, video(folder, first, second))], answer


def nothing() -> Iterator[Question]:
    """Questions about what was not sent."""
    for asked, answer in (
        ("What do you see?", "I see no image."),
        ("What color is the image?", "I see no image."),
        ("What do you hear?", "I hear no sound."),
        ("What happens in the video?", "I see no video."),
        ("What do you see and hear?", "I see no image and hear no sound."),
        ("Hello", "Hello! Show me an image, a sound or a video."),
        ("What is the capital of France?", "I only know images, sounds and videos."),
    ):
        yield "nothing", [user(text(asked))], answer


def ask(endpoint: str, uid: str, messages: list[Part]) -> str:
    """Send messages and return the answer's text, or the error."""
    body = {"model": uid, "messages": messages, "temperature": 0, "max_tokens": 60}
    request = urllib.request.Request(  # noqa: S310  (the user's own endpoint)
        f"{endpoint}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=600) as response:  # noqa: S310
            return str(json.loads(response.read())["choices"][0]["message"]["content"])
    except (OSError, ValueError) as error:
        return repr(error)


def main() -> None:
    """Read the command line, ask everything, and print the wrong answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("endpoint")
    parser.add_argument("uid")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        questions = [*images(), *sounds(), *nothing()]
        if has_ffmpeg():
            questions += videos(Path(folder))
    wrong = 0
    for name, messages, answer in questions:
        given = ask(options.endpoint.rstrip("/"), options.uid, messages)
        if given != answer:
            wrong += 1
            print(f"  {name}: wanted {answer!r}, got {given!r}")
    print(f"{len(questions) - wrong} of {len(questions)} exact")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
