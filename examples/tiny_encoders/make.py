"""Make the tiny embedding and rerank models: BERTs whose weights are written, not trained.

    python make.py   # torch and transformers: the server's environment has them

Each word has a code, a fixed row of +1 and -1; two codes have almost nothing in common.

The embedding model has no layers: a text's vector is the mean of its words' codes, each times its
weight, and early words count more. (sentence-transformers takes the mean of the last states if
a folder contains only a BERT.)

The rerank model has two. In the first, each word of the question looks for itself in the document
and records whether it was found; if not, it looks at the closing [SEP]. In the second, [CLS] takes
the mean of these records, weighted by the words. The score is therefore the share of the question
that is in the document, and a little more if it is near the start.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification, BertModel, BertTokenizer
from vocabulary import LETTERS, SPECIAL, tokens, weight

FOLDER = Path(__file__).resolve().parent
SIZE = 64
LONGEST = 256  # tokens
CODE = 56
QUERY, DOCUMENT, WORD, WEIGHT, SINK, LEAD, MATCH, REST = range(CODE, SIZE)
"""The features after the code; REST keeps their sum at 0, as a LayerNorm would."""

SHARPNESS = 30.0  # of the first layer's attention
ALIKE = 0.6  # from here on, two codes count as the same word; chance gives 0.13
FAR = 40.0  # added to the attention for what should be seen at all
NOTHING = -20.0  # the logarithm of a weight of 0


def codes() -> torch.Tensor:
    """Return a code for each token; specials have none, and a suffix shares its letter's."""
    chance = random.Random(0)  # noqa: S311 - the same codes every time
    known: dict[str, list[int]] = {}
    for token in tokens():
        shared = token.removeprefix("##")
        if shared not in known or shared not in LETTERS:
            signs = [1] * (CODE // 2) + [-1] * (CODE // 2)
            chance.shuffle(signs)
            known[shared] = [0] * CODE if token in SPECIAL else signs
    return torch.tensor([known[token.removeprefix("##")] for token in tokens()], dtype=torch.float)


def lead() -> torch.Tensor:
    """Return how much more each position counts than one far behind: from 1 down to 0."""
    return torch.exp(-torch.arange(LONGEST) / 8)


def config(layers: int, **options: Any) -> BertConfig:
    """Return the configuration of a small BERT that does not use its feed-forward parts."""
    return BertConfig(
        vocab_size=len(tokens()),
        hidden_size=SIZE,
        num_hidden_layers=layers,
        num_attention_heads=1,
        intermediate_size=1,
        max_position_embeddings=LONGEST,
        **options,
    )


@torch.no_grad()
def embedding() -> BertModel:
    """Words by weight and position; the LayerNorm divides by what the position adds."""
    model = BertModel(config(layers=0))  # with a pooler that nothing uses, as loaders expect
    blank(model)
    weights = torch.tensor([weight(token) for token in tokens()])
    model.embeddings.word_embeddings.weight[:, :CODE] = codes() * weights[:, None]
    size = 100 / (0.1 + lead())
    model.embeddings.position_embeddings.weight[:, LEAD] = size
    model.embeddings.position_embeddings.weight[:, REST] = -size
    model.embeddings.LayerNorm.weight[:CODE] = 1
    return model


@torch.no_grad()
def rerank() -> BertForSequenceClassification:
    """Score the share of the question's words that are in the document."""
    evened = 1e6  # so large that a LayerNorm divides everything by the same value
    model = BertForSequenceClassification(config(layers=2, num_labels=1, layer_norm_eps=evened))
    blank(model)
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.weight.fill_(math.sqrt(evened))
    describe(model.bert.embeddings)
    match, collect = (layer.attention for layer in model.bert.encoder.layer)
    look(match.self, seen=DOCUMENT, preferred=(SINK, SHARPNESS * ALIKE))
    attend = torch.eye(CODE)
    match.self.query.weight[:CODE, :CODE] = attend
    match.self.key.weight[:CODE, :CODE] = attend * SHARPNESS / CODE * math.sqrt(SIZE)
    note(match, {WORD: 1.0, LEAD: 0.1})
    look(collect.self, seen=QUERY, preferred=(WEIGHT, 1.0))
    note(collect, {MATCH: 1.0})
    model.bert.pooler.dense.weight[0, MATCH] = 1
    model.bert.pooler.dense.bias[0] = -0.5
    model.classifier.weight[0, 0] = 10  # half of the words: 0.5; all or none: 0.99 and 0.01
    return model


def describe(embeddings: Any) -> None:
    """Write the features of each token, position and part of the input."""
    words = embeddings.word_embeddings.weight
    words[:, :CODE] = codes()
    for row, token in zip(words, tokens(), strict=True):
        row[WORD] = token not in SPECIAL
        row[WEIGHT] = math.log(weight(token)) if weight(token) else NOTHING
        row[SINK] = token == "[SEP]"  # noqa: S105 - a token of the tokenizer
    embeddings.position_embeddings.weight[:, LEAD] = lead()
    embeddings.token_type_embeddings.weight[0, QUERY] = 1
    embeddings.token_type_embeddings.weight[1, DOCUMENT] = 1
    for table in (words, embeddings.position_embeddings.weight):
        table[:, REST] = -table.sum(1)
    embeddings.token_type_embeddings.weight[:, REST] = -1


def look(attention: Any, seen: int, preferred: tuple[int, float]) -> None:
    """Attend to tokens with the feature `seen`, and among them to the `preferred` ones."""
    feature, strength = preferred
    attention.query.bias[REST] = math.sqrt(SIZE)  # what attention divides by
    attention.key.weight[REST, seen] = FAR
    attention.key.weight[REST, feature] = strength


def note(layer: Any, features: dict[int, float]) -> None:
    """Add up the `features` of the attended tokens, as MATCH."""
    for feature, factor in features.items():
        layer.self.value.weight[MATCH, feature] = factor
    layer.output.dense.weight[MATCH, MATCH] = 1
    layer.output.dense.weight[REST, MATCH] = -1


@torch.no_grad()
def blank(model: torch.nn.Module) -> None:
    """Set every weight to 0."""
    for parameter in model.parameters():
        parameter.zero_()


def save(model: Any, folder: Path) -> None:
    """Write a model in 16 bits, to be run in 32, with its tokenizer."""
    model.half().save_pretrained(folder)
    path = folder / "config.json"
    content = json.loads(path.read_text(encoding="utf-8")) | {"dtype": "float32"}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch) / "vocab.txt"
        listed.write_text("\n".join(tokens()), encoding="utf-8")
        BertTokenizer(vocab=str(listed), model_max_length=LONGEST).save_pretrained(folder)


def main() -> None:
    """Write both models into the folder ``model``."""
    out = FOLDER / "model"
    shutil.rmtree(out, ignore_errors=True)
    save(rerank(), out / "rerank")
    save(embedding(), out / "embedding")


if __name__ == "__main__":
    main()
