"""Teach tiny-transcriber, a Whisper of half a million parameters, some sentences by heart.

It writes them down with their times, in English and French, and translates the French. Nothing
else is understood. Needs espeak-ng, and the packages of the server group in pyproject.toml::

    OMP_NUM_THREADS=1 python train_transcriber.py MINUTES [--continue]
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from speech import ENGLISH, FRENCH, RATE, Recording, record
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.functional import cross_entropy, gelu
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizerFast,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tiny_chat"))
from optimizer import Muon

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = Path(__file__).resolve().parent / "model" / "transcriber"

END, START = "<|endoftext|>", "<|startoftranscript|>"
LANGUAGES = {"en": "<|en|>", "fr": "<|fr|>"}
SPECIAL = (
    START,
    *LANGUAGES.values(),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
TICK = 0.02  # seconds between two time tokens
POSITIONS = 1500  # of the encoder, for 30 s
LONGEST = 128  # tokens of an answer
WIDTH = 64
WHOLE = 12  # one step in so many hears all 30 s, as Whisper does when it is used
BATCH = 8
POOL = 160  # recordings kept, of which one is replaced every other step
MUON, ADAM = 0.01, 0.003  # the highest learning rates


def make_tokenizer() -> WhisperTokenizerFast:
    """Return byte pairs learnt from the sentences, Whisper's marks, and a token for each time."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([f" {text}" for text in (*ENGLISH, *FRENCH)], trainer)
    marks = [AddedToken(each, special=True, normalized=False) for each in (END, *SPECIAL)]
    tokenizer.add_special_tokens(marks)
    times = (f"<|{index * TICK:.2f}|>" for index in range(POSITIONS + 1))
    tokenizer.add_tokens([AddedToken(each, special=False, normalized=False) for each in times])
    return WhisperTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END,
        eos_token=END,
        unk_token=END,
        pad_token=END,
        additional_special_tokens=list(SPECIAL),
        model_max_length=LONGEST,
    )


class Lessons:
    """Recordings as Whisper hears them, and the tokens that answer each task."""

    def __init__(self, tokenizer: WhisperTokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.id = tokenizer.convert_tokens_to_ids
        self._random = random.Random(0)  # noqa: S311 - not for cryptography
        self._hear = WhisperFeatureExtractor()
        self._pool = [self._new() for _ in range(POOL)]

    def batch(self, step: int) -> tuple[Tensor, int, list[list[int]]]:
        """Return spectra, how many positions have sound, and the answers for each."""
        if step % 2:
            self._pool[self._random.randrange(POOL)] = self._new()
        chosen = self._random.sample(self._pool, BATCH)
        spectra = torch.stack([spectrum.float() for spectrum, _ in chosen])
        longest = max(len(each.samples) * 50 // RATE for _, each in chosen) + 1
        answers = [answer for _, each in chosen for answer in self._answers(each)]
        return spectra, min(POSITIONS, longest + self._random.choice([10, 40, 150])), answers

    def _new(self) -> tuple[Tensor, Recording]:
        made = record(self._random)
        heard = self._hear(made.samples, sampling_rate=RATE, return_tensors="np")
        return torch.tensor(heard.input_features[0]).half(), made

    def _answers(self, made: Recording) -> list[list[int]]:
        other = "translate" if made.language == "fr" else "transcribe"
        return [
            self._answer(made, "transcribe", timed=False),
            self._answer(made, "transcribe", timed=True),
            self._answer(made, other, timed=True),
            self._answer(made, other, timed=False),
        ]

    def _answer(self, made: Recording, task: str, *, timed: bool) -> list[int]:
        ids = [self.id(START), self.id(LANGUAGES[made.language]), self.id(f"<|{task}|>")]
        if not timed:
            ids.append(self.id("<|notimestamps|>"))
        for each in made.sentences:
            text = FRENCH.get(each.text, each.text) if task == "translate" else each.text
            words = self.tokenizer(f" {text}", add_special_tokens=False).input_ids
            ids += [self._time(each.start), *words, self._time(each.end)] if timed else words
        return [*ids, self.id(END)]

    def _time(self, seconds: float) -> int:
        return int(self.id(f"<|{round(seconds / TICK) * TICK:.2f}|>"))


def make_model(tokenizer: WhisperTokenizerFast) -> WhisperForConditionalGeneration:
    """Return a Whisper that knows nothing yet."""
    end = tokenizer.convert_tokens_to_ids(END)
    return WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=len(tokenizer),
            d_model=WIDTH,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=4 * WIDTH,
            decoder_ffn_dim=4 * WIDTH,
            max_target_positions=LONGEST,
            pad_token_id=end,
            bos_token_id=end,
            eos_token_id=end,
            decoder_start_token_id=tokenizer.convert_tokens_to_ids(START),
            dropout=0.0,
        )
    )


def encoded(model: WhisperForConditionalGeneration, spectra: Tensor, positions: int) -> Tensor:
    """Encode the first positions only: the silence after the sound would take most of the time."""
    encoder = model.model.encoder
    states = gelu(encoder.conv1(spectra[:, :, : 2 * positions]))
    states = gelu(encoder.conv2(states)).transpose(1, 2)
    states = states + encoder.embed_positions.weight[: states.shape[1]]
    for layer in encoder.layers:
        states = layer(states, None)
        states = states[0] if isinstance(states, tuple) else states
    return encoder.layer_norm(states)  # type: ignore[no-any-return]


def loss_of(model: WhisperForConditionalGeneration, lessons: Lessons, step: int) -> Tensor:
    """Return how badly the model answers a batch."""
    spectra, positions, answers = lessons.batch(step)
    heard = encoded(model, spectra, POSITIONS if step % WHOLE == 0 else positions)
    longest = max(map(len, answers))
    given = torch.full((len(answers), longest), lessons.id(END))
    wanted = torch.full((len(answers), longest), -100)
    for row, answer in enumerate(answers):
        given[row, : len(answer)] = torch.tensor(answer)
        wanted[row, : len(answer)] = torch.tensor(answer)
    wanted[:, 2] = -100  # the task is told, but the language is to be recognized
    states = heard.repeat_interleave(len(answers) // len(heard), 0)
    logits = model(encoder_outputs=(states,), decoder_input_ids=given[:, :-1]).logits
    return cross_entropy(logits.flatten(0, 1), wanted[:, 1:].flatten(), ignore_index=-100)


def optimizers(model: WhisperForConditionalGeneration) -> list[tuple[Any, float]]:
    """Return an optimizer for the matrices of the layers, one for the rest, and their rates."""
    layers = [each for name, each in model.named_parameters() if ".layers." in name]
    matrices = [each for each in layers if each.ndim == 2]  # noqa: PLR2004
    known = {id(each) for each in matrices}
    others = [each for each in model.parameters() if id(each) not in known]
    return [(Muon(matrices, MUON), MUON), (torch.optim.AdamW(others, ADAM, (0.9, 0.98)), ADAM)]


def train(minutes: float, *, go_on: bool) -> None:
    """Train a new model, or the one that is there, for some minutes, and save it."""
    torch.manual_seed(0)
    tokenizer = make_tokenizer()
    lessons, model = Lessons(tokenizer), make_model(tokenizer)
    if go_on:
        model = WhisperForConditionalGeneration.from_pretrained(FOLDER, dtype=torch.float32)
        model.train()
    rates = optimizers(model)
    began, average, step = time.monotonic(), 8.0, 0
    while (done := (time.monotonic() - began) / (60 * minutes)) < 1:
        loss = loss_of(model, lessons, step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, rate in rates:
            for group in optimizer.param_groups:
                group["lr"] = rate * min(1, (step + 1) / 40, max(0.01, 1.6 * (1 - done)))
            optimizer.step()
            optimizer.zero_grad()
        average, step = 0.95 * average + 0.05 * loss.item(), step + 1
        if step % 50 == 0:
            print(f"{done:4.0%} step {step} loss {average:.4f}", flush=True)
    save(model.eval(), tokenizer)


def save(model: WhisperForConditionalGeneration, tokenizer: WhisperTokenizerFast) -> None:
    """Write the model with what Whisper's generation has to know about its tokens."""
    get = tokenizer.convert_tokens_to_ids
    model.generation_config = GenerationConfig(
        bos_token_id=get(END),
        eos_token_id=get(END),
        pad_token_id=get(END),
        decoder_start_token_id=get(START),
        max_length=LONGEST,
        is_multilingual=True,
        lang_to_id={mark: get(mark) for mark in LANGUAGES.values()},
        task_to_id={task: get(f"<|{task}|>") for task in ("transcribe", "translate")},
        no_timestamps_token_id=get("<|notimestamps|>"),
        prev_sot_token_id=get("<|startofprev|>"),
        return_timestamps=False,
        max_initial_timestamp_index=50,
        suppress_tokens=[get(each) for each in SPECIAL if each != "<|notimestamps|>"],
        begin_suppress_tokens=[get(END)],
        alignment_heads=[[1, head] for head in range(4)],
    )
    model.save_pretrained(FOLDER)
    WhisperProcessor(WhisperFeatureExtractor(), tokenizer).save_pretrained(FOLDER)


if __name__ == "__main__":
    train(float(sys.argv[1]), go_on="--continue" in sys.argv)
