"""Texts -> embedding requests, and the responses -> vectors."""

from __future__ import annotations

import base64
import math
import struct
from typing import TYPE_CHECKING, Any

from xinference_magics.errors import ServerError
from xinference_magics.wire.shapes import integer_in, objects_in, understood

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_FLOAT_SIZE = 4  # bytes; the base64 encodes little-endian 32-bit floats, as in OpenAI's API


def embedding_requests(
    texts: Sequence[str], *, batch_size: int, model_uid: str, extra_body: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield a request body for each `batch_size` of `texts`, in order."""
    for start in range(0, len(texts), batch_size):
        yield {
            "model": model_uid,
            "encoding_format": "base64",
            **extra_body,
            "input": list(texts[start : start + batch_size]),
        }


def vectors(data: Mapping[str, Any], body: Mapping[str, Any]) -> list[list[float]]:
    """Return the vectors in a response to `body`, in the order of its texts.

    Raises:
        ServerError: There is not one vector for each text, or a vector is invalid.
    """
    with understood(str(body["model"])):
        return _vectors(data, body)


def _vectors(data: Mapping[str, Any], body: Mapping[str, Any]) -> list[list[float]]:
    listed = objects_in(data, "data")
    found = {_index(each, place): each.get("embedding") for place, each in enumerate(listed)}
    wanted = range(len(body["input"]))
    if any(found.get(index) is None for index in wanted):
        count = sum(vector is not None for vector in found.values())
        raise ServerError(
            f"{body['model']} sent {_count(count, 'vector')} for {_count(len(wanted), 'text')}.",
            hint=_WHICH_MODEL,
        )
    read = [_vector(found[index], str(body["model"])) for index in wanted]
    if len(lengths := {len(each) for each in read}) > 1:
        raise ServerError(
            f"{body['model']} sent vectors of {min(lengths)} and of {max(lengths)} numbers.",
            hint=_WHICH_MODEL,
        )
    return read


def _index(sent: Mapping[str, Any], place: int) -> int:
    """Return which text a vector belongs to: without an index, the one at its place."""
    index = integer_in(sent, "index")
    return place if index is None else index


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _vector(sent: Any, model_uid: str) -> list[float]:
    """Read a vector; servers without support for base64 send a list of numbers.

    Raises:
        ServerError: It isn't a vector, or cannot be compared with another one.
    """
    if isinstance(sent, dict) or _is_of_dicts(sent):
        raise ServerError(
            f"{model_uid} sent sparse weights instead of vectors.",
            hint="Leave return_sparse out of extra_body.",
        )
    vector = _unpacked(sent, model_uid) if isinstance(sent, str) else sent
    if not isinstance(vector, list) or not all(isinstance(each, int | float) for each in vector):
        raise ServerError(f"{model_uid} sent a vector that is not numeric.", hint=_WHICH_MODEL)
    try:
        numbers = list(map(float, vector))
    except OverflowError:
        raise ServerError(
            f"{model_uid} sent a vector with a number that is too large.", hint=_OTHERWISE
        ) from None
    if not numbers or not all(map(math.isfinite, numbers)):
        what = "a vector with NaN or infinity in it" if numbers else "an empty vector"
        raise ServerError(f"{model_uid} sent {what}.", hint=_OTHERWISE)
    return numbers


def _is_of_dicts(sent: Any) -> bool:
    return isinstance(sent, list) and bool(sent) and all(isinstance(each, dict) for each in sent)


_WHICH_MODEL = "Is it an embedding model?"
_OTHERWISE = "If every text does this, launch it with another engine or torch_dtype=float32."


def _unpacked(sent: str, model_uid: str) -> list[float]:
    try:
        packed = base64.b64decode(sent, validate=True)
        return list(struct.unpack(f"<{len(packed) // _FLOAT_SIZE}f", packed))
    except (ValueError, struct.error):
        raise ServerError(
            f"{model_uid} sent a vector that is not base64 of 32-bit numbers.",
            hint='extra_body={"encoding_format": "float"} asks for a list of numbers.',
        ) from None
