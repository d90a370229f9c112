"""The words that the tiny encoders know, and how much each of them means."""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parent
DIALOGUES = FOLDER.parent / "tiny_chat" / "dialogues"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SUFFIXES = ["s", "es", "d", "ed", "ing"]
LETTERS = [*string.ascii_lowercase, *string.digits]
LITTLE_WORDS = frozenset((FOLDER / "little_words.txt").read_text(encoding="utf-8").split())
"""Words that occur in every text and say little about any."""


def tokens() -> list[str]:
    """Return the vocabulary of the WordPiece tokenizer, specials first.

    The words are those of tiny-chat's dialogues. A word that is another word with a suffix is
    left out, so that "started" is read as "start" and "##ed". Words that are not in it are read
    letter by letter.
    """
    counted = Counter(word for text in _texts() for word in re.findall("[a-z]{2,}", text.lower()))
    words = {word for word, count in counted.items() if count > 1} | LITTLE_WORDS
    kept = sorted(word for word in words if word in LITTLE_WORDS or not _stems(word) & words)
    pieces = dict.fromkeys(f"##{each}" for each in [*LETTERS, *SUFFIXES])
    return [*SPECIAL, *dict.fromkeys([*LETTERS, *kept]), *pieces]


def weight(token: str) -> float:
    """Return how much of a text's meaning a token carries, from 0 to 1."""
    if token in SPECIAL:
        return 0
    if token.startswith("##") or len(token) == 1:
        return 0.1
    return 0.2 if token in LITTLE_WORDS else 1


def _stems(word: str) -> set[str]:
    ends = {word.removesuffix(suffix) for suffix in SUFFIXES} - {word}
    return {stem for stem in ends if len(stem) > 2}  # noqa: PLR2004 - shorter ones are chance


def _texts() -> Iterator[str]:
    """Yield all texts of the dialogues, and the documents."""
    for path in sorted(DIALOGUES.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield from _strings(json.loads(line))
    yield from _strings(json.loads((DIALOGUES / "retrieval.json").read_text(encoding="utf-8")))


def _strings(value: Any) -> Iterator[str]:
    """Yield every string inside JSON, including duplicates."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _strings(list(value.values()))
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
