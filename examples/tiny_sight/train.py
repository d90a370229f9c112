"""Train tiny-sight on dialogues made by rule and write it with its projector.

    python train.py --minutes 5

Needs torch, tokenizers, gguf, numpy, safetensors and jinja2. The network sees media as rows
of its own embedding; the projector that makes those rows from real images and sounds is not
trained but written (``projector.py``).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from lessons import SIGN, SIGNS, Teacher
from projector import write_projector
from shared import (
    FOLDER,
    Dialogue,
    Muon,
    Shape,
    TinyLlama,
    render,
    template_text,
    train_tokenizer,
    write_gguf,
)
from torch import Tensor, autograd, nn
from torch.nn import functional

if TYPE_CHECKING:
    from tokenizers import Tokenizer

IGNORED = -100
"""The target of a position that is not trained on."""

BATCH_TOKENS = 4000
POOL = 256
"""The number of dialogues that are made at once and cut into batches of similar length."""

MUON_RATE = 0.02
ADAM_RATE = 4e-3
REPORT_STEPS = 100
NAME = "tiny-sight-f16.gguf"


class Scribe:
    """Encode dialogues as tokens; the signs of media are numbered after the tokenizer's own."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.text_size = tokenizer.get_vocab_size()
        self.signs = {f"<{name}>": self.text_size + n for n, name in enumerate(SIGNS)}

    @property
    def size(self) -> int:
        """The number of tokens and signs."""
        return self.text_size + len(self.signs)

    def tokens(self, text: str) -> list[int]:
        """Tokenize the text between signs, each piece on its own, as llama.cpp does."""
        found: list[int] = []
        end = 0
        for sign in SIGN.finditer(text):
            found += self.tokenizer.encode(text[end : sign.start()]).ids
            found.append(self.signs[sign[0]])
            end = sign.end()
        return found + self.tokenizer.encode(text[end:]).ids

    def case(self, dialogue: Dialogue) -> tuple[list[int], list[int]]:
        """Return the tokens of the prompt and of the answer."""
        answer = self.tokenizer.encode(f"{dialogue.answer}<|im_end|>").ids
        return self.tokens(render(dialogue)), answer


def make_tokenizer(teacher: Teacher) -> Tokenizer:
    """Train a tokenizer on the lessons' texts; most of its tokens are the 256 bytes."""
    dialogues = [teacher.make() for _ in range(4000)]
    texts = [SIGN.sub("", render(d)) + d.answer for d in dialogues]
    return train_tokenizer(texts, 488)


def collate(cases: list[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor]:
    """Pad cases to one length; return inputs, and targets with IGNORED outside of answers."""
    length = max(len(prompt) + len(answer) for prompt, answer in cases) - 1
    inputs = torch.zeros(len(cases), length, dtype=torch.long)
    targets = torch.full((len(cases), length), IGNORED, dtype=torch.long)
    for row, (prompt, answer) in enumerate(cases):
        whole = torch.tensor(prompt + answer)
        inputs[row, : len(whole) - 1] = whole[:-1]
        targets[row, len(prompt) - 1 : len(whole) - 1] = torch.tensor(answer)
    return inputs, targets


def batches(cases: list[tuple[list[int], list[int]]]) -> list[list[tuple[list[int], list[int]]]]:
    """Cut cases into batches of similar length."""
    made: list[list[tuple[list[int], list[int]]]] = []
    for case in sorted(cases, key=lambda case: len(case[0]) + len(case[1])):
        if made and (len(made[-1]) + 1) * (len(case[0]) + len(case[1])) <= BATCH_TOKENS:
            made[-1].append(case)
        else:
            made.append([case])
    return made


def scores(model: TinyLlama, batch: list[tuple[list[int], list[int]]]) -> tuple[Tensor, ...]:
    """Return the row, logits and target of every token of the answers."""
    inputs, targets = collate(batch)
    rows, places = torch.nonzero(targets != IGNORED, as_tuple=True)
    return rows, model.logits(model(inputs)[rows, places]), targets[rows, places]


@torch.no_grad()
def examine(model: TinyLlama, scribe: Scribe, teacher: Teacher, count: int = 1000) -> float:
    """Return the share of new dialogues that are answered without a wrong token."""
    wrong: list[Dialogue] = []
    for _ in range(count):
        dialogue = teacher.make()
        _, logits, targets = scores(model, [scribe.case(dialogue)])
        if (logits.argmax(dim=1) != targets).any():
            wrong.append(dialogue)
    for dialogue in wrong[:20]:
        print("  not known:", SIGN.sub("*", render(dialogue))[-300:].encode(), dialogue.answer)
    return 1 - len(wrong) / count


def train(model: TinyLlama, scribe: Scribe, teacher: Teacher, minutes: float) -> None:
    """Train for `minutes`: at full rates first, falling to nothing in the second half."""
    matrices = [p for p in model.layers.parameters() if p.ndim > 1]
    others = [model.embedding.weight, *(p for p in model.parameters() if p.ndim == 1)]
    muon = Muon(matrices, lr=MUON_RATE)
    adam = torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0)
    begin, steps, losses = time.monotonic(), 0, []
    while (part := (time.monotonic() - begin) / (60 * minutes)) < 1:
        made = batches([scribe.case(teacher.make()) for _ in range(POOL)])
        teacher.random.shuffle(made)
        for batch in made:
            rate = min(1.0, (steps + 1) / 20) * max(0.01, min(1.0, 2 * (1 - part)))
            muon.param_groups[0]["lr"] = MUON_RATE * rate
            adam.param_groups[0]["lr"] = ADAM_RATE * rate
            losses.append(step(model, batch, muon, adam))
            blank(model, scribe)
            steps += 1
            if steps % REPORT_STEPS == 0:
                mean = sum(losses[-REPORT_STEPS:]) / REPORT_STEPS
                print(
                    f"{time.monotonic() - begin:5.0f} s  step {steps}  loss {mean:.4f}", flush=True
                )


def step(
    model: TinyLlama,
    batch: list[tuple[list[int], list[int]]],
    muon: Muon,
    adam: torch.optim.AdamW,
) -> float:
    """Take one step on one batch, and return the loss."""
    _, logits, targets = scores(model, batch)
    loss = functional.cross_entropy(logits, targets)
    autograd.backward(loss)
    nn.utils.clip_grad_norm_(adam.param_groups[0]["params"], 1.0)
    for optimizer in (muon, adam):
        optimizer.step()
        optimizer.zero_grad()
    return float(loss.detach())


@torch.no_grad()
def blank(model: TinyLlama, scribe: Scribe) -> None:
    """Keep the sign for nothing at zero."""
    model.embedding.weight[scribe.signs["<nothing>"]] = 0


def export(model: TinyLlama, scribe: Scribe, folder: Path) -> None:
    """Write the language model without the signs, and the projector that makes them."""
    weights = {key: value.detach().float() for key, value in model.named_parameters()}
    embedding = weights["embedding.weight"]
    weights["embedding.weight"] = embedding[: scribe.text_size]
    shape = replace(model.shape, vocabulary=scribe.text_size)
    write_gguf(shape, weights, scribe.tokenizer, template_text(), folder / NAME)
    signs = {name: embedding[scribe.signs[f"<{name}>"]].numpy() for name in SIGNS}
    write_projector(signs, folder / "mmproj.gguf")


def main() -> None:
    """Read the command line, train and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--folder", type=Path, default=FOLDER / "model")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    options.folder.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(options.seed)
    scribe = Scribe(make_tokenizer(teacher))
    model = TinyLlama(
        Shape(scribe.size, width=96, layers=3, heads=4, feed_forward=256, context=8192)
    )
    train(model, scribe, teacher, options.minutes)
    export(model, scribe, options.folder)
    print(f"{examine(model, scribe, Teacher(options.seed + 1)):.1%} of new dialogues known")


if __name__ == "__main__":
    main()
