"""The entries of a server's model registry, as typed values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.models import number, text, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xinference_magics.cluster.models import Json

MODEL_TYPES = ("LLM", "embedding", "rerank", "image", "audio", "video", "world", "flexible")
"""The model types of Xinference 4.1."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A model that can be launched.

    Args:
        name: The name to launch it by.
        type: ``LLM``, ``embedding``, ``rerank``, ``image``, ...
        builtin: Whether it comes with Xinference; False for a user's own registration.
        abilities: ``chat``, ``vision``, ``text2image``, ...
        languages: Two-letter codes.
        sizes: Billions of parameters, as in ``0_5`` or ``7``, smallest first.
        formats: ``pytorch``, ``ggufv2``, ...
        context_length: Its context window, in tokens.
        dimensions: Length of an embedding vector.
        family: The family whose formats it follows.
        description: A sentence or two.

    Fields that were not requested from the server are empty or None.
    """

    name: str
    type: str
    builtin: bool
    abilities: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    context_length: int | None = None
    dimensions: int | None = None
    family: str | None = None
    description: str | None = None

    @classmethod
    def from_json(cls, model_type: str, data: Json) -> Registration:
        """Read ``GET /v1/model_registrations/{type}/{name}``, or an element of a list of them."""
        specs = list(_specs(data))
        return cls(
            name=text(data.get("model_name")) or "",
            type=model_type,
            builtin=bool(data.get("is_builtin")),
            abilities=texts(data.get("model_ability")),
            languages=texts(data.get("model_lang")) or texts(data.get("language")),
            sizes=_sorted(_each(spec.get("model_size_in_billions") for spec in specs)),
            formats=_each(spec.get("model_format") for spec in specs),
            context_length=number(data.get("context_length")) or number(data.get("max_tokens")),
            dimensions=number(data.get("dimensions")),
            family=text(data.get("model_family")),
            description=text(data.get("model_description")),
        )


def _specs(data: Json) -> Iterator[Json]:
    specs = data.get("model_specs")
    return (
        (spec for spec in specs if isinstance(spec, dict)) if isinstance(specs, list) else iter(())
    )


def _sorted(sizes: Iterable[str]) -> tuple[str, ...]:
    """Sort sizes as numbers; sizes that aren't numbers come last."""

    def as_number(size: str) -> tuple[bool, float]:
        found = re.fullmatch(r"\d{1,6}([._]\d{1,6})?", size, re.ASCII)
        return not found, float(size.replace("_", ".")) if found else 0.0

    return tuple(sorted(sizes, key=as_number))


def _each(values: Iterable[Any]) -> tuple[str, ...]:
    """Return each distinct text once, in order of first appearance."""
    return tuple(dict.fromkeys(texts(list(values))))


@dataclass(frozen=True)
class VllmModel:
    """A model architecture that the server's vLLM supports.

    Args:
        name: The name in a model's ``config.json``, e.g. ``LlamaForCausalLM``.
        abilities: ``chat``, ``generate``, or both.
    """

    name: str
    abilities: tuple[str, ...]

    @classmethod
    def list_from_json(cls, data: Json) -> list[VllmModel]:
        """Read ``GET /v1/models/vllm-supported``, which maps each ability to its names."""
        names = dict.fromkeys(name for listed in data.values() for name in texts(listed))
        return [
            cls(name, tuple(ability for ability in data if name in texts(data[ability])))
            for name in names
        ]
