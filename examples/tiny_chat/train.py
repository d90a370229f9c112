"""Train the tiny chat model on the dialogues and write it to a folder.

    python train.py --minutes 45

Needs torch, tokenizers, gguf, safetensors, numpy and jinja2. A checkpoint is written every
few minutes; with ``--resume``, training continues from it, or from the folder's model.
"""

from __future__ import annotations

import argparse
import random
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from augment import Augmenter
from dialogues import FOLDER, Dialogue, read_all, render, template_text
from export import export, load_weights
from model import Shape, TinyLlama
from optimizer import Muon
from tokenizer import load_tokenizer, train_tokenizer
from torch import Tensor, autograd
from torch.nn import functional

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BATCH_TOKENS = 2500
"""The approximate number of tokens in a batch, including padding."""

IGNORED = -100
"""The target of a position that is not trained on."""

SAFE_MARGIN = 2.0
"""The lead that the right token should have, so that two engines agree on it."""

PRECIOUS = {"langchain_tests": 4, "documentation": 2, "showcase": 2, "thinking": 2}
"""Files of dialogues that are chosen more often than others."""

SAVE_SECONDS = 120
REPORT_STEPS = 50
MUON_RATE = 0.02
ADAM_RATE = 4e-3


@dataclass
class Case:
    """A dialogue as tokens, with the positions to train on, and how well it is known."""

    tokens: list[int]
    learnt: list[bool]
    dialogue: Dialogue
    known: bool = False
    margin: float = field(default=0.0)


def encode(dialogue: Dialogue, tokenizer: Tokenizer) -> Case:
    """Tokenize prompt and answer; ``learnt`` marks the tokens that the model must predict."""
    prompt = tokenizer.encode(render(dialogue)).ids
    answer = tokenizer.encode(dialogue.answer + "<|im_end|>\n").ids
    tokens = prompt + answer[:-1]
    learnt = [False] * len(prompt) + [True] * (len(answer) - 1)
    if not (dialogue.only_last or dialogue.think):
        start = tokenizer.encode("<|im_start|>assistant\n").ids
        end = tokenizer.token_to_id("<|im_end|>")
        inside = False
        for place in range(len(prompt)):
            if inside:
                learnt[place] = True
                inside = tokens[place] != end
            elif tokens[max(0, place - len(start) + 1) : place + 1] == start:
                inside = place + 1 < len(prompt)
    return Case(tokens, learnt, dialogue)


def collate(cases: list[Case]) -> tuple[Tensor, Tensor]:
    """Pad cases to one length; return the inputs, and the targets with IGNORED where untrained."""
    length = max(len(case.tokens) for case in cases) - 1
    inputs = torch.zeros(len(cases), length, dtype=torch.long)
    targets = torch.full((len(cases), length), IGNORED, dtype=torch.long)
    for row, case in enumerate(cases):
        tokens = torch.tensor(case.tokens)
        inputs[row, : len(tokens) - 1] = tokens[:-1]
        wanted = torch.where(torch.tensor(case.learnt), tokens, IGNORED)
        targets[row, : len(tokens) - 1] = wanted[1:]
    return inputs, targets


def batches(cases: list[Case], size: int = BATCH_TOKENS) -> list[list[Case]]:
    """Cut cases into batches of similar length."""
    made: list[list[Case]] = []
    for case in sorted(cases, key=lambda case: len(case.tokens)):
        if made and (len(made[-1]) + 1) * len(case.tokens) <= size:
            made[-1].append(case)
        else:
            made.append([case])
    return made


def scores(model: TinyLlama, cases: list[Case]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the row, logits and target of every token to train on."""
    inputs, targets = collate(cases)
    rows, places = torch.nonzero(targets != IGNORED, as_tuple=True)
    hidden = model(inputs)[rows, places]
    return rows, model.logits(hidden), targets[rows, places]


@torch.no_grad()
def note(cases: list[Case], rows: Tensor, logits: Tensor, targets: Tensor) -> None:
    """Record for every case by how much the right token leads, at worst."""
    right = logits.gather(1, targets[:, None])[:, 0]
    others = logits.scatter(1, targets[:, None], float("-inf")).amax(dim=1)
    lead = right - others
    for row, case in enumerate(cases):
        case.margin = float(lead[rows == row].min())
        case.known = case.margin > 0


@torch.no_grad()
def examine(model: TinyLlama, cases: list[Case]) -> list[Case]:
    """Return the cases with a wrong token, for weights rounded as they will be written."""
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    model.load_state_dict({key: value.half().float() for key, value in kept.items()})
    for batch in batches(cases, 2 * BATCH_TOKENS):
        note(batch, *scores(model, batch))
    model.load_state_dict(kept)
    return [case for case in cases if not case.known]


class Trainer:
    """The network, its optimizers, the static cases and the source of new ones."""

    def __init__(self, model: TinyLlama, tokenizer: Tokenizer, seed: int) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.random = random.Random(seed)  # noqa: S311  (no secrets)
        self.augmenter = Augmenter(seed)
        self.cases = [encode(dialogue, tokenizer) for dialogue in read_all()]
        matrices = [p for p in model.layers.parameters() if p.ndim > 1]
        others = [model.embedding.weight, *(p for p in model.parameters() if p.ndim == 1)]
        self.muon = Muon(matrices, lr=MUON_RATE)
        self.adam = torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0)
        self.steps = 0

    def rate(self, factor: float) -> None:
        """Set the learning rates to a fraction of their full size."""
        factor *= min(1.0, (self.steps + 1) / 20)
        self.muon.param_groups[0]["lr"] = MUON_RATE * factor
        self.adam.param_groups[0]["lr"] = ADAM_RATE * factor

    def weight(self, case: Case) -> float:
        """Return how much a static case is needed in the next round."""
        weight = 6.0 if not case.known else 3.0 if case.margin < SAFE_MARGIN else 0.5
        weight *= PRECIOUS.get(case.dialogue.source, 1)
        return weight / (1 + len(case.tokens) / 300) if case.known else 2 * weight

    def round(self, static: float, tokens: int = 20000) -> list[list[Case]]:
        """Return batches of weakly known static cases, some other static ones, and new ones."""
        weights = [self.weight(case) for case in self.cases]
        chosen: dict[int, Case] = {}
        while sum(len(case.tokens) for case in chosen.values()) < tokens * static:
            for case in self.random.choices(self.cases, weights, k=8):
                chosen[id(case)] = case
        cases = list(chosen.values())
        total = sum(len(case.tokens) for case in cases)
        while total < tokens:
            case = encode(self.augmenter.make(), self.tokenizer)
            total += len(case.tokens)
            cases.append(case)
        made = batches(cases)
        self.random.shuffle(made)
        return made

    def step(self, batch: list[Case]) -> float:
        """Take one step on one batch, and return the loss."""
        rows, logits, targets = scores(self.model, batch)
        loss = functional.cross_entropy(logits, targets)
        autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.adam.param_groups[0]["params"], 1.0)
        self.muon.step()
        self.adam.step()
        self.muon.zero_grad()
        self.adam.zero_grad()
        note(batch, rows, logits.detach(), targets)
        self.steps += 1
        return float(loss.detach())


def save(trainer: Trainer, path: Path) -> None:
    """Write a checkpoint."""
    torch.save(
        {
            "shape": asdict(trainer.model.shape),
            "model": trainer.model.state_dict(),
            "muon": trainer.muon.state_dict(),
            "adam": trainer.adam.state_dict(),
            "steps": trainer.steps,
        },
        path.with_suffix(".new"),
    )
    path.with_suffix(".new").replace(path)


def restore(trainer: Trainer, path: Path) -> None:
    """Continue from a checkpoint."""
    kept = torch.load(path, weights_only=True)
    trainer.model.load_state_dict(kept["model"])
    trainer.muon.load_state_dict(kept["muon"])
    trainer.adam.load_state_dict(kept["adam"])
    trainer.steps = kept["steps"]


def train(trainer: Trainer, minutes: float, checkpoint: Path, start: float, static: float) -> None:
    """Train for `minutes`: at full rates first, falling to nothing in the second half."""
    begin, saved = time.monotonic(), time.monotonic()
    losses: list[float] = []
    while (part := (time.monotonic() - begin) / (60 * minutes)) < 1:
        for batch in trainer.round(static=static):
            part = (time.monotonic() - begin) / (60 * minutes)
            trainer.rate(start * max(0.01, min(1.0, 2 * (1 - part))))
            losses.append(trainer.step(batch))
            if trainer.steps % REPORT_STEPS == 0:
                wrong = sum(not case.known for case in trainer.cases)
                mean = sum(losses[-REPORT_STEPS:]) / len(losses[-REPORT_STEPS:])
                print(
                    f"{time.monotonic() - begin:6.0f} s  step {trainer.steps}  "
                    f"loss {mean:.4f}  not known {wrong} of {len(trainer.cases)}",
                    flush=True,
                )
        if time.monotonic() - saved > SAVE_SECONDS:
            save(trainer, checkpoint)
            saved = time.monotonic()
    save(trainer, checkpoint)


def make_tokenizer(folder: Path, size: int) -> Tokenizer:
    """Train a tokenizer on all dialogues and write it to a folder."""
    texts = [text for d in read_all() for text in (render(d), d.answer)]
    tokenizer = train_tokenizer(texts, size)
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def main() -> None:
    """Read the command line, train and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--folder", type=Path, default=FOLDER / "model")
    parser.add_argument("--checkpoint", type=Path, default=FOLDER / "checkpoint.pt")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--start", type=float, default=1.0, help="part of the full rates")
    parser.add_argument("--static", type=float, default=0.5, help="share of written dialogues")
    parser.add_argument("--vocabulary", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.resume:
        tokenizer = load_tokenizer(options.folder)
    else:
        tokenizer = make_tokenizer(options.folder, options.vocabulary)
    model = TinyLlama(Shape(tokenizer.get_vocab_size()))
    trainer = Trainer(model, tokenizer, options.seed)
    if options.resume:
        if options.checkpoint.exists():
            restore(trainer, options.checkpoint)
        else:
            load_weights(model, options.folder)
        examine(model, trainer.cases)
    if options.minutes:
        train(trainer, options.minutes, options.checkpoint, options.start, options.static)
    wrong = examine(model, trainer.cases)
    unsafe = sum(case.margin < SAFE_MARGIN for case in trainer.cases)
    known = len(trainer.cases) - len(wrong)
    print(f"{known} of {len(trainer.cases)} dialogues known, {unsafe} not with a safe margin")
    for case in wrong:
        print("  not known:", case.dialogue.source, repr(case.dialogue.prompt[-1]["content"])[:90])
    export(model, options.folder, template_text())


if __name__ == "__main__":
    main()
