"""Dialogues about images, sounds and videos, made by rule.

A medium appears in the text as a run of signs, ``<red>`` or ``<low>``: one for every vector
that the projector makes of it. A sign is a row of the model's embedding that the projector
writes; ``<nothing>`` is the zero vector.
"""

from __future__ import annotations

import random
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

from shared import Dialogue, read

if TYPE_CHECKING:
    from collections.abc import Sequence

COLORS = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "yellow": (1, 1, 0),
    "cyan": (0, 1, 1),
    "magenta": (1, 0, 1),
    "white": (1, 1, 1),
    "black": (0, 0, 0),
}
TONES = ("low", "high")
SIGNS = ("nothing", *COLORS, *TONES)
SIGN = re.compile("|".join(f"<{name}>" for name in SIGNS))

GRID = 4
"""The number of patches in the width and the height of an image."""
SECONDS = 30
"""The number of one-second steps in a clip; a longer sound takes several clips."""

STAMPED = 20
"""The number of frames between written times: five seconds at four frames per second."""

GREETING = "Hello! Show me an image, a sound or a video."
UNKNOWN = "I only know images, sounds and videos."

IMAGE_PROMPTS = (
    "What color is the image?",
    "What colour is the image?",
    "What color is it?",
    "What color is this?",
    "What is in the image?",
    "What is this?",
    "What do you see?",
    "What is shown in the picture?",
    "Describe the image.",
    "Describe this image.",
    "Describe this picture.",
    "Give a concise description of this image.",
    "describe the weather in this image",
    "what's your favorite color in this image",
)
IMAGES_PROMPTS = (
    "What do you see?",
    "What colors are the images?",
    "Compare the images.",
    "Compare these two images.",
    "Describe the images.",
)
SOUND_PROMPTS = (
    "What do you hear?",
    "What is this sound?",
    "Is the tone low or high?",
    "Describe this audio:",
    "Describe the sound.",
    "Describe this sound.",
    "Transcribe this audio.",
    "Listen!",
)
BOTH_PROMPTS = ("What do you see and hear?", "Describe the image and the sound.", "Describe both.")
VIDEO_PROMPTS = (
    "What happens in the video?",
    "What is in the video?",
    "Describe the video.",
    "Describe this video.",
)
SEEN_PROMPTS = ("What color was the image?", "What did you see?", "What was in the image?")
HEARD_PROMPTS = ("What did you hear?", "What was the sound?", "How was the tone?")
CAMERA_PROMPTS = (
    "get a random diagram using the tool and give it a concise description",
    "Take a photo and describe it.",
    "Take a picture. What do you see?",
)
CAMERAS = ("random_image", "take_photo", "get_image")
SYSTEM_PROMPTS = ("You are a helpful assistant.", "you're a good assistant", "Be brief.")


def listed(words: Sequence[str], link: str = "and") -> str:
    """``red``, ``red and blue``, ``red, blue and green``."""
    *first, last = words
    return f"{', '.join(first)} {link} {last}" if first else last


def seen(colors: Sequence[str]) -> str:
    """Return the answer about images."""
    one = len(colors) == 1
    return f"The image is {colors[0]}." if one else f"The images are {listed(colors)}."


def heard(tones: Sequence[str], verb: str = "hear") -> str:
    """Return the answer about the tones in a sound, one after the other."""
    runs = [tone for tone, _ in groupby(tones)]
    if not runs:
        return f"I {verb} no sound."
    if len(runs) > len(TONES):
        return f"I {verb} many tones."
    return f"I {verb} {', then '.join(f'a {tone} tone' for tone in runs)}."


class Teacher:
    """Make dialogues with a seeded random generator."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  (no secrets)
        others = [
            d.prompt[-1]["content"]
            for name in ("documentation", "smalltalk", "unknown")
            for d in read(name)
            if d.prompt[-1]["role"] == "user"
        ]
        self.others = [text for text in others if len(text) < 80]  # noqa: PLR2004
        self.words = sorted({word for text in self.others for word in text.split()})
        self.lessons = (
            (self.image, 20),
            (self.images, 14),
            (self.motley, 2),
            (self.sound, 20),
            (self.image_and_sound, 8),
            (self.video, 15),
            (self.nothing, 8),
            (self.afterwards, 10),
            (self.photograph, 8),
            (self.favorite, 4),
            (self.smalltalk, 8),
        )

    def make(self) -> Dialogue:
        """One dialogue, sometimes after a system prompt or another dialogue."""
        lessons, weights = zip(*self.lessons, strict=True)
        dialogue: Dialogue = self.random.choices(lessons, weights)[0]()
        if self.chance(0.2):
            before = self.random.choice((self.image, self.sound, self.nothing, self.smalltalk))()
            dialogue.messages = before.messages + dialogue.messages
        if self.chance(0.2):
            system = {"role": "system", "content": self.random.choice(SYSTEM_PROMPTS)}
            dialogue.messages = [system, *dialogue.messages]
        return dialogue

    def chance(self, probability: float) -> bool:
        """Return true with the given probability."""
        return self.random.random() < probability

    # Media as runs of signs

    def color(self) -> str:
        """A color's name."""
        return self.random.choice(tuple(COLORS))

    def picture(self, color: str) -> str:
        """An image of one color; if it is not square, the edges show nothing."""
        wide, high = GRID, GRID
        if self.chance(0.3):
            wide = self.random.randint(1, GRID)
        elif self.chance(0.3):
            high = self.random.randint(1, GRID)
        left, top = (GRID - wide + self.random.randint(0, 1)) // 2, (GRID - high) // 2
        return "".join(
            f"<{color}>" if left <= x < left + wide and top <= y < top + high else "<nothing>"
            for y in range(GRID)
            for x in range(GRID)
        )

    def tones(self) -> list[str]:
        """Mostly one tone, otherwise two or a few in a row, sometimes none."""
        return self.random.choices(TONES, k=self.random.choices((0, 1, 2, 4), (1, 6, 5, 1))[0])

    def clip(self, tones: Sequence[str]) -> str:
        """Tones, each for some seconds, and silence at the end."""
        longest = SECONDS // max(1, len(tones))
        signs = [
            f"<{tone}>"
            for tone in tones
            for _ in range(self.random.choice((1, 1, 2, 2, 3, self.random.randint(1, longest))))
        ][:SECONDS]
        return "".join(signs) + "<nothing>" * (SECONDS - len(signs))

    def film(self, first: str, last: str) -> str:
        """Frames, with the times that llama.cpp writes between them."""
        count = self.random.choice((2, 3, 3, 4, 4, 4, 5, 6, 6, 8, 8, 9, 12, 22))
        change = self.random.randint(1, count - 1)
        shape = self.picture("frame")
        frames = [shape.replace("frame", first if n < change else last) for n in range(count)]
        for number, place in enumerate(range(self.random.randint(0, 1), count, STAMPED)):
            frames[place] = f"[0m{number * 5}.00s]{frames[place]}"
        return "Video:" + "".join(frames)

    # Messages

    def asked(self, prompts: Sequence[str], *media: str) -> dict[str, Any]:
        """A user's message: a prompt before, between or after media."""
        prompt = self.random.choice(prompts)
        if media and self.chance(0.15):
            prompt = self.nonsense()
        if self.chance(0.1):
            prompt = prompt.lower().rstrip("?.!:")
        if media and self.chance(0.05):
            prompt = ""
        parts = list(media)
        parts.insert(
            self.random.choice((0, 0, len(parts), self.random.randint(0, len(parts)))), prompt
        )
        return {"role": "user", "content": "".join(parts)}

    def nonsense(self) -> str:
        """Words in random order."""
        return " ".join(self.random.choices(self.words, k=self.random.randint(1, 6)))

    def answered(self, message: dict[str, Any], answer: str) -> Dialogue:
        """A question and its answer."""
        return Dialogue([message, {"role": "assistant", "content": answer}])

    # Lessons

    def image(self) -> Dialogue:
        """One image."""
        color = self.color()
        return self.answered(self.asked(IMAGE_PROMPTS, self.picture(color)), seen([color]))

    def images(self) -> Dialogue:
        """Two images or three, sometimes each with a title."""
        colors = [self.color() for _ in range(self.random.choice((2, 2, 3)))]
        pictures = [self.picture(color) for color in colors]
        if self.chance(0.2):
            titles = ("First:", "Second:", "Third:")
            pictures = [title + each for title, each in zip(titles, pictures, strict=False)]
        return self.answered(self.asked(IMAGES_PROMPTS, *pictures), seen(colors))

    def motley(self) -> Dialogue:
        """An image in which no color covers half."""
        signs = [f"<{self.random.choice(('nothing', *COLORS))}>" for _ in range(GRID * GRID)]
        picture = "".join(signs)
        return self.answered(self.asked(IMAGE_PROMPTS, picture), "The image has many colors.")

    def sound(self) -> Dialogue:
        """A sound, sometimes two with a tone in each."""
        tones = self.tones()
        if len(tones) == len(TONES) and self.chance(0.4):
            clips = [self.clip(tones[:1]), self.clip(tones[1:])]
        else:
            clips = [self.clip(tones)]
        return self.answered(self.asked(SOUND_PROMPTS, *clips), heard(tones))

    def image_and_sound(self) -> Dialogue:
        """An image and a sound, in any order."""
        color, tones = self.color(), self.random.choices(TONES, k=1)
        media = [self.picture(color), self.clip(tones)]
        self.random.shuffle(media)
        return self.answered(self.asked(BOTH_PROMPTS, *media), f"{seen([color])} {heard(tones)}")

    def video(self) -> Dialogue:
        """A video of one color, or of one that turns into another."""
        first = self.color()
        last = first if self.chance(0.3) else self.color()
        answer = f"The video goes from {first} to {last}."
        if first == last:
            answer = f"The video is {first}."
        return self.answered(self.asked(VIDEO_PROMPTS, self.film(first, last)), answer)

    def nothing(self) -> Dialogue:
        """A question about what was not sent."""
        questions = (
            ((*IMAGE_PROMPTS, *IMAGES_PROMPTS), "I see no image."),
            (SOUND_PROMPTS, "I hear no sound."),
            (VIDEO_PROMPTS, "I see no video."),
            (BOTH_PROMPTS[:2], "I see no image and hear no sound."),
        )
        prompts, answer = self.random.choice(questions)
        return self.answered(self.asked(prompts), answer)

    def afterwards(self) -> Dialogue:
        """A question about what was seen or heard before."""
        before = self.random.choice((self.image, self.sound))()
        said = before.messages[-1]["content"]
        if "hear" in said:
            prompts, answer = HEARD_PROMPTS, said.replace("hear", "heard")
        else:
            prompts, answer = SEEN_PROMPTS, said.replace(" is ", " was ")
        between = self.smalltalk().messages if self.chance(0.2) else []
        after = self.answered(self.asked(prompts), answer)
        return Dialogue([*before.messages, *between, *after.messages])

    def photograph(self) -> Dialogue:
        """A camera among the tools: the call to it, or the answer about the image that it took."""
        camera, color = self.random.choice(CAMERAS), self.color()
        call = {"id": "1", "function": {"name": camera, "arguments": "{}"}}
        messages = [
            self.asked(CAMERA_PROMPTS),
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": self.picture(color)},
            {"role": "assistant", "content": seen([color])},
        ]
        tool = {"type": "function", "function": {"name": camera, "parameters": {}}}
        return Dialogue(messages[: self.random.choice((2, 4))], [tool])

    def favorite(self) -> Dialogue:
        """A tool's result after an image."""
        color, favorite = self.color(), self.random.choice(("purple", self.color()))
        given = self.random.choice(('{"fav_color": "%s"}', '{"fav_color":"%s"}')) % favorite
        call = {"id": "1", "function": {"name": "color_picker", "arguments": given}}
        properties = {"type": "object", "properties": {"fav_color": {"type": "string"}}}
        tool = {"type": "function", "function": {"name": "color_picker", "parameters": properties}}
        messages = [
            self.asked(IMAGE_PROMPTS, self.picture(color)),
            {"role": "assistant", "content": "Hmm let me think about that", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "That's a great pick!"},
            {"role": "assistant", "content": seen([color])},
        ]
        return Dialogue(messages, [tool])

    def smalltalk(self) -> Dialogue:
        """A greeting, or something else that the model must not know."""
        if self.chance(0.3):
            return self.answered(self.asked(("Hello", "Hi!", "Hello!")), GREETING)
        asked = self.random.choice(self.others) if self.chance(0.5) else self.nonsense()
        return self.answered(self.asked((asked, asked, "Well, thanks.")), UNKNOWN)
