"""What is asked of an image model -> requests, and its responses -> pictures and their seeds.

Xinference has two interfaces for the same models. That of OpenAI works for every model, but tells
no seeds, and a request that is aborted there still runs to its last step. That of A1111
(``/sdapi/v1``) really stops and sends PNG, but only for models of a known base, such as SD 1.5
(measured with 4.1).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import BadRequestError
from xinference_magics.wire.shapes import MalformedError
from xinference_magics.wire.uploads import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LARGEST_SEED = 2**31 - 1
"""The server rejects larger seeds."""

_SIDE = 8  # pixels: the width and height of a picture are multiples of it
_PNG = b"\x89PNG\r\n\x1a\n"
_A1111 = {
    "num_inference_steps": "steps",
    "guidance_scale": "cfg_scale",
    "strength": "denoising_strength",
}
"""Fields of A1111's interface, by their names in diffusers and OpenAI's interface."""


def kind_of(data: bytes) -> str:
    """Return the MIME type of a picture, of which the server sends two."""
    return "image/png" if data.startswith(_PNG) else "image/jpeg"


def seeds(first: int | None, count: int) -> list[int]:
    """Return a seed for each of `count` pictures: `first`, or a random one, and those after it.

    Raises:
        BadRequestError: A seed is out of range.
    """
    if first is None:
        first = SystemRandom().randrange(LARGEST_SEED - count)
    if not 0 <= first <= LARGEST_SEED - count + 1:
        raise BadRequestError(f"A seed must be from 0 to {LARGEST_SEED:,}, not {first}.")
    return list(range(first, first + count))


def sides(size: str) -> tuple[int, int]:
    """Read a size such as ``512x768``: width and height in pixels.

    Raises:
        BadRequestError: It is not a size that models can paint.
    """
    width, _, height = size.lower().replace("*", "x").partition("x")
    if not (width.strip().isdecimal() and height.strip().isdecimal()):
        raise BadRequestError(f"{size!r} is not a size such as 512x512.")
    found = int(width), int(height)
    if any(side < _SIDE or side % _SIDE for side in found):
        near = "x".join(str(max(round(side / _SIDE), 1) * _SIDE) for side in found)
        raise BadRequestError(
            f"Width and height must be multiples of {_SIDE} pixels, not {size}.",
            hint=f"The nearest size is {near}.",
        )
    return found


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """What is asked of an image model.

    Attributes:
        model_uid: The model.
        prompt: What to paint.
        seeds: A seed for each picture.
        size: Width and height in pixels; None for the model's, or the given picture's.
        image: The picture to begin with; None to begin with noise.
        mask: White where the picture is painted again; None for all of it.
        options: Other parameters, by their names in diffusers.
        request_id: The ID by which the request can be followed and aborted.
    """

    model_uid: str
    prompt: str
    seeds: Sequence[int]
    size: tuple[int, int] | None = None
    image: bytes | None = field(default=None, repr=False)
    mask: bytes | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    request_id: str

    def body(self) -> dict[str, Any]:
        """Return the body for OpenAI's interface."""
        given = {
            "model": self.model_uid,
            "prompt": self.prompt,
            "n": len(self.seeds),
            "size": None if self.size is None else "{}*{}".format(*self.size),
            "response_format": "b64_json",  # a URL would be a path on the worker
            # A list gives each picture the seed that paints it alone, too.
            "seed": self.seeds[0] if len(self.seeds) == 1 else list(self.seeds),
            "request_id": self.request_id,
            "image": None if self.image is None else Upload(self.image, kind_of(self.image)),
            "mask_image": None if self.mask is None else Upload(self.mask, kind_of(self.mask)),
            **self.options,
        }
        return {name: value for name, value in given.items() if value is not None}

    def a1111_body(self) -> dict[str, Any]:
        """Return the body for A1111's interface."""
        width, height = self.size or (None, None)
        given = {
            "model": self.model_uid,
            "prompt": self.prompt,
            # As a batch, only the first picture could be had again by its seed.
            "n_iter": len(self.seeds),
            "width": width,
            "height": height,
            "seed": self.seeds[0],
            "request_id": self.request_id,
            "init_images": None if self.image is None else [_in_base64(self.image)],
            "mask": None if self.mask is None else _in_base64(self.mask),
            **{_A1111.get(name, name): value for name, value in self.options.items()},
        }
        return {name: value for name, value in given.items() if value is not None}


def pictures(response: Any) -> list[bytes]:
    """Read the pictures of a response of OpenAI's interface.

    Raises:
        MalformedError: There are none, or one has no bytes.
    """
    listed = response.get("data") if isinstance(response, dict) else None
    if not isinstance(listed, list) or not listed:
        raise MalformedError("there are no pictures")
    return [_bytes(each.get("b64_json") if isinstance(each, dict) else None) for each in listed]


def a1111_pictures(response: Any) -> list[bytes]:
    """Read the pictures of a response of A1111's interface.

    Raises:
        MalformedError: There are none, or one has no bytes.
    """
    listed = response.get("images") if isinstance(response, dict) else None
    if not isinstance(listed, list) or not listed:
        raise MalformedError("there are no pictures")
    return [_bytes(each) for each in listed]


def _bytes(encoded: Any) -> bytes:
    if not isinstance(encoded, str) or not encoded:
        raise MalformedError("a picture has no bytes")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise MalformedError("a picture is not valid base64") from error


def _in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
