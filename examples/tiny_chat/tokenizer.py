"""The byte-level BPE tokenizer: how to train it, and how to load it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
"""Tokens that end or open a turn; never shown in an answer."""

VISIBLE = ("<tool_call>", "</tool_call>", "<think>", "</think>")
"""Separate tokens that an engine must keep in the text, because it parses them there."""


def train_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """Train a byte-level BPE that splits text as GPT-2 does and knows the markers.

    Digits stay separate: a number is read and written digit by digit, which makes counting
    and copying numbers a rule instead of hundreds of facts.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(VISIBLE),
        min_frequency=2,
        special_tokens=list(CONTROL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    marker = re.compile("|".join(map(re.escape, CONTROL + VISIBLE)))
    tokenizer.train_from_iterator(
        (re.sub(r"(?<=\d)(?=\d)", "\n", marker.sub("\n", text)) for text in texts), trainer
    )
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in VISIBLE])
    return tokenizer


def load_tokenizer(folder: Path) -> Tokenizer:
    """Load the tokenizer of a folder."""
    return Tokenizer.from_file(str(folder / "tokenizer.json"))
