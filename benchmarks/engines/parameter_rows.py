"""Generation parameters: whether an engine respects each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from row import IGNORED, REFUSED, SENTENCE, UNCLEAR, WORKS, Row, steady

if TYPE_CHECKING:
    from collections.abc import Callable

    from asking import Model

STORY = "Tell me a story about a cat."
"""A prompt for a text long enough to repeat words, which a penalty for that must change."""
A_WARNING = "a warning where it is ignored"


def _seed(model: Model) -> str:
    hot = {"temperature": 1.5, "max_tokens": 16}
    first = steady(model, SENTENCE, seed=7, **hot).text
    again = model.whole(SENTENCE, seed=7, **hot).text
    other = model.whole(SENTENCE, seed=8, **hot).text
    if first == again == other:
        return UNCLEAR
    return WORKS if first == again else IGNORED


def _changes(**parameters: Any) -> Callable[[Model], str]:
    """Check whether parameters change the model's answer at temperature 0."""

    def see(model: Model) -> str:
        changed = steady(model, STORY, max_tokens=60, **parameters)
        if changed.refused:
            return REFUSED
        return IGNORED if changed.text == steady(model, STORY, max_tokens=60).text else WORKS

    return see


def _narrows(**parameters: Any) -> Callable[[Model], str]:
    """Check whether parameters limit a hot model to its likeliest words, whatever the seed."""

    def see(model: Model) -> str:
        def answers(**narrow: Any) -> set[str]:
            hot = {"temperature": 1.9, "max_tokens": 6, **narrow}
            return {model.whole(SENTENCE, seed=seed, **hot).text for seed in range(3, 8)}

        if model.whole(SENTENCE, max_tokens=6, **parameters).refused:
            return REFUSED
        if len(free := answers()) < 4:  # noqa: PLR2004  # too few to compare with
            return UNCLEAR
        # Not always one answer: the likeliest words may be equally likely in 16 bits.
        return WORKS if len(answers(**parameters)) < len(free) - 1 else IGNORED

    return see


def _logprobs(model: Model) -> str:
    asked = {"logprobs": True, "top_logprobs": 2, "max_tokens": 4}
    whole = (model.whole(SENTENCE, **asked).choice.get("logprobs") or {}).get("content")
    stream = any(choice.get("logprobs") for choice in model.streamed(SENTENCE, **asked).choices)
    if not whole:
        return IGNORED
    return WORKS if stream else "work, but not streamed"


def _ignore_eos(model: Model) -> str:
    answer = model.whole(SENTENCE, ignore_eos=True, max_tokens=60)
    return REFUSED if answer.refused else WORKS if answer.finish == "length" else IGNORED


def _taken(**parameters: Any) -> Callable[[Model], str]:
    """Check whether something impossible is refused."""

    def see(model: Model) -> str:
        answer = model.whole(SENTENCE, **{"max_tokens": 8, **parameters})
        return REFUSED if answer.refused else "ignored, silently"

    return see


def _choices(model: Model) -> str:
    answer = model.whole(SENTENCE, n=2, temperature=1.0, max_tokens=8)
    if answer.refused:
        return REFUSED
    return WORKS if len(answer.data.get("choices") or ()) > 1 else IGNORED


PARAMETER_ROWS = (
    Row("`seed`", _seed, A_WARNING, {"seed": 7}),
    Row("`logprobs`, `top_logprobs`", _logprobs, A_WARNING, {"logprobs": True}),
    Row("`top_p`", _narrows(top_p=0.000001)),
    Row("`top_k`", _narrows(top_k=1)),
    Row(
        "`repetition_penalty`",
        _changes(repetition_penalty=1.9),
        A_WARNING,
        {"repetition_penalty": 1.9},
    ),
    Row(
        "`frequency_penalty`",
        _changes(frequency_penalty=2.0),
        A_WARNING,
        {"frequency_penalty": 2.0},
    ),
    Row(
        "`presence_penalty`",
        _changes(presence_penalty=2.0),
        A_WARNING,
        {"presence_penalty": 2.0},
    ),
    Row("`ignore_eos` in a chat", _ignore_eos, A_WARNING, {"ignore_eos": True, "messages": []}),
    Row("`n=2`", _choices, "`n` is not a parameter: `batch` asks twice"),
    Row("`logit_bias`", _taken(logit_bias={"10": 5}), "the server's own words"),
    Row(
        "`lora_name` of no adapter",
        _taken(lora_name="nope"),
        "a warning on llama.cpp and transformers, which also ignore the name of an adapter",
    ),
)
