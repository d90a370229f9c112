"""Functions that read the value of an option from a word, rejecting invalid ones.

Each takes the word last and raises `ArgumentTypeError`; the parser prepends the option's name.
"""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, NoReturn

from xinference_magics.nearest import near
from xinference_magics.wire.engines import LLAMA_CPP, MLX, SGLANG, TRANSFORMERS, VLLM

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENGINES = (LLAMA_CPP, VLLM, TRANSFORMERS, SGLANG, MLX)
_LAST_PORT = 65_535
_MOST_CELLS = 1000
"""Maximum number of cells in a range: no model reads more."""


def not_empty(text: str) -> str:
    """Reject an empty word."""
    if not text.strip():
        raise ArgumentTypeError("it is empty")
    return text


def server(text: str) -> str:
    """Reject the name of an engine: ``-e`` is easily typed for ``-en``."""
    if text.casefold() in _ENGINES:
        raise ArgumentTypeError(f"-e is --endpoint; the engine is -en {text}")
    return text


def variable(text: str) -> str:
    """Reject an invalid variable name."""
    if not text.isidentifier() or iskeyword(text):
        raise ArgumentTypeError(f"{text!r} is not a valid variable name")
    return text


def secret(safe_way: str, _typed: str) -> NoReturn:
    """Reject a secret without repeating it, and say how to provide it safely."""
    raise ArgumentTypeError(
        "a secret typed in a cell is saved with the notebook and its history: "
        f"{safe_way}; delete this cell and replace the secret"
    )


def number(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a number") from None


def count(text: str) -> int:
    """Read a whole number of at least 1."""
    value = number(text)
    if value < 1:
        raise ArgumentTypeError(f"must be at least 1, not {text}")
    return value


def replica_count(text: str) -> int:
    """Read a number of replicas."""
    if text == "0":
        raise ArgumentTypeError(
            "a model needs at least one replica: %xinference terminate ends a model"
        )
    return count(text)


def port(text: str) -> int:
    """Read a port number."""
    value = number(text)
    if not 1 <= value <= _LAST_PORT:
        raise ArgumentTypeError(f"{text} is not a port from 1 to {_LAST_PORT}")
    return value


def seconds(least: float, most: float, text: str) -> float:
    """Read a number of seconds from `least` to `most`."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not least <= value <= most:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds from {least:g} to {most:g}")
    return value


def size(text: str) -> int | str:
    """Read billions of parameters as a server writes them: ``7``, ``0_5`` or ``1.8``."""
    return text if "_" in text or "." in text else number(text)


def n_gpu(text: str) -> int | str | None:
    """Read a number of GPUs, ``auto``, or ``none``."""
    lowered = text.lower()
    return None if lowered == "none" else "auto" if lowered == "auto" else number(text)


def numbers(text: str) -> list[int]:
    """Read numbers such as ``0,1``."""
    return [number(each) for each in text.split(",")]


def ranges(text: str) -> list[int]:
    """Read cell numbers such as ``3-7`` or ``1,4``."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ArgumentTypeError(f"{text!r} is not a list of cells such as 3-7 or 1,4")
        start, end = number(first), number(last if dash else first)
        if end - start >= _MOST_CELLS:
            raise ArgumentTypeError(f"{text!r} is more than {_MOST_CELLS:,} cells")
        found += range(start, end + 1)
    return found


def names(text: str) -> tuple[str, ...]:
    """Read two or more names, such as ``a,b``."""
    found = tuple(name.strip() for name in text.split(","))
    twice = [name for name in found if found.count(name) > 1]
    if not all(found):
        raise ArgumentTypeError(f"a name is missing in {text!r}: type a,b without spaces")
    if len(found) < 2:  # noqa: PLR2004
        raise ArgumentTypeError(f"there is nothing to compare {text} with: type a,b")
    if twice:
        raise ArgumentTypeError(f"{twice[0]} is listed twice")
    return found


def one_of(choices: Iterable[str], what: str, text: str) -> str:
    """Read one of `choices`, ignoring case; errors call them `what`."""
    by_name = {choice.lower(): choice for choice in choices}
    if text.lower() not in by_name:
        meant = near(text, choices)
        rest = f"did you mean {meant[0]}?" if meant else f"one of {', '.join(choices)}"
        raise ArgumentTypeError(f"{text!r} is not a valid {what}; {rest}")
    return by_name[text.lower()]


def literal(text: str) -> Any:
    """Read a value as the Xinference CLI does: none, a bool, a number, JSON or text."""
    lowered = text.lower()
    if lowered in ("none", "null"):
        return None
    if lowered in ("true", "false"):
        return lowered == "true"
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def boolean(text: str) -> bool:
    """Read true or false."""
    value = literal(text)
    if not isinstance(value, bool):
        raise ArgumentTypeError(f"{text!r} is neither true nor false")
    return value


def pair(text: str) -> tuple[str, Any]:
    """Read ``KEY=VALUE``."""
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key.strip(), literal(value)


def json_object(text: str) -> dict[str, Any]:
    """Read a JSON object."""
    value = _json(text)
    if not isinstance(value, dict):
        raise ArgumentTypeError("not a JSON object")
    return value


def json_objects(text: str) -> list[dict[str, Any]]:
    """Read a JSON array of at least one object."""
    value = _json(text)
    if not isinstance(value, list) or not value or not all(isinstance(v, dict) for v in value):
        raise ArgumentTypeError("not a JSON array of objects with at least one")
    return value


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        quoted = "" if '"' in text else "; put ' around it to keep its quotes"
        raise ArgumentTypeError(f"not JSON: {error}{quoted}") from None
