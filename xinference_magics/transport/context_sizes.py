"""Extract the length of a prompt and its limit from the message with which an engine refuses it.

Each engine words it differently. This recognizes llama.cpp, llama-cpp-python, vLLM, SGLang, MLX
and transformers, as of Xinference 4.1, and OpenAI's message, which many others copy.
"""

from __future__ import annotations

import re

_NUMBER = r"(\d[\d,]{0,14})(?![.,]?\w| [km]\b)"
"""A number of tokens; one that continues, as in ``128k``, is a different number."""
_LIMIT = re.compile(
    r"(?:context[ _](?:length|size|window|limit)|model length|max_model_len)"
    rf"(?: is| of)?(?: only)?[ (=:]*{_NUMBER}",
    re.IGNORECASE,
)
_ASKED = re.compile(
    rf"{_NUMBER} (?:in the messages|tokens from the input)"
    rf"|(?:has|passed|contains)(?: at least)? {_NUMBER} (?:input )?tokens"
    rf"|(?:request|requested tokens|input|prompt) ?\((?:length )?{_NUMBER}"
    rf"|prompt length(?: of)? {_NUMBER}",
    re.IGNORECASE,
)


def asked_and_limit(detail: str) -> tuple[int | None, int | None]:
    """Return how many tokens a prompt had, and how many a request may have.

    Args:
        detail: The server's message. A number that it does not contain is returned as None.
    """
    return _first(_ASKED, detail), _first(_LIMIT, detail)


def _first(pattern: re.Pattern[str], text: str) -> int | None:
    found = pattern.search(text)
    if found is None:
        return None
    number = int(next(filter(None, found.groups())).replace(",", ""))
    return number or None
