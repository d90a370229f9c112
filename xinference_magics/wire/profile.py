"""A server's model description -> LangChain's model profile, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from xinference_magics.wire.engines import FOLLOW_A_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from langchain_core.language_models import ModelProfile

    from xinference_magics.wire.request import ModelDefaults

_INPUTS = {"image": "image_inputs", "audio": "audio_inputs", "video": "video_inputs"}


def model_profile(
    abilities: Collection[str],
    context_length: int | None,
    engine: str | None = None,
    family: str | None = None,
) -> ModelProfile:
    """Return the profile of a chat model, without keys that its description leaves open.

    Args:
        abilities: As Xinference lists them: ``tools``, ``vision``, ``reasoning``, ...
        context_length: The model's context window, in tokens of prompt and answer together.
        engine: The engine; if it enforces schemas, LangChain's agents use that for their answers.
        family: The server's name for its family.
    """
    sees = not {"vision", "omni"}.isdisjoint(abilities)
    calls = "tools" in abilities
    profile: ModelProfile = {
        "text_inputs": True,
        "text_outputs": True,
        "image_inputs": sees,
        "image_url_inputs": sees,
        "audio_inputs": not {"audio", "omni"}.isdisjoint(abilities),
        "tool_calling": calls,
        "tool_call_streaming": calls,
        "reasoning_output": not {"reasoning", "hybrid"}.isdisjoint(abilities),
    }
    if not sees or "omni" in abilities:
        profile["video_inputs"] = sees
    if (engine or "").casefold() in FOLLOW_A_SCHEMA:
        profile["structured_output"] = True
    if family:
        profile["name"] = family
    if context_length:
        profile["max_input_tokens"] = context_length
    return profile


def unreadable(profile: ModelProfile) -> frozenset[str]:
    """Return the kinds of media that a model with `profile` is known not to accept."""
    return frozenset(kind for kind, key in _INPUTS.items() if profile.get(key) is False)


def engine_in(description: Any) -> str | None:
    """Return the engine in a model's description, or None if it names none."""
    engine = description.get("model_engine") if isinstance(description, dict) else None
    return engine if isinstance(engine, str) else None


def as_described(model: ModelDefaults, model_uid: str, description: Any) -> ModelDefaults:
    """Fill in what is unknown about a running model from its description.

    Args:
        model: What is known so far.
        model_uid: The UID of the described model.
        description: The response of ``GET /v1/models/{uid}``.
    """
    described = description if isinstance(description, dict) else {}
    engine, abilities = engine_in(description), described.get("model_ability")
    known = model.for_call({"model": model_uid})
    if known.engine is None and engine:
        known = replace(known, engine=engine)
    listed = isinstance(abilities, list) and [each for each in abilities if isinstance(each, str)]
    if listed:
        profile = model_profile(listed, None)
        known = replace(
            known,
            unreadable=unreadable(profile) if known.unreadable is None else known.unreadable,
            thinks=profile["reasoning_output"] if known.thinks is None else known.thinks,
        )
    family = described.get("model_family") or described.get("model_name")
    if isinstance(family, str):
        known = replace(known, family=family)
    return replace(known, model_uid=model_uid)
