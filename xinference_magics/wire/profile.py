"""What a server says a model can do -> LangChain's model profile, and what follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from langchain_core.language_models import ModelProfile

_INPUTS = {"image": "image_inputs", "audio": "audio_inputs", "video": "video_inputs"}


def model_profile(abilities: Collection[str], context_length: int | None) -> ModelProfile:
    """Return the profile of a model that chats; what its description leaves open is absent.

    Args:
        abilities: As Xinference lists them: ``tools``, ``vision``, ``reasoning``, ...
        context_length: Tokens that prompt and answer may have together.
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
    if context_length:
        profile["max_input_tokens"] = context_length
    return profile


def unreadable(profile: ModelProfile | None) -> frozenset[str]:
    """Return the kinds of media that a model with `profile` is known not to take."""
    return frozenset(kind for kind, key in _INPUTS.items() if profile and profile.get(key) is False)
