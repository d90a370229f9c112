"""The key of an answer: a hash of everything that decides it, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_MODEL = (
    "model_name",
    "model_format",
    "model_size_in_billions",
    "quantization",
    "model_engine",
    "model_version",
    "revision",
    "dimensions",
    "multimodal_projector",
)
"""What a server's description says about a model itself, rather than where it runs."""
_OF_FILE = ("model_path", "model_uri", "model_file", "peft_model_config", "lora_modules")
"""What says which files it was loaded from."""
_VERSION = 1
"""Part of each key; raise it when the same key would mean another answer."""


def identity(description: Mapping[str, Any] | None, endpoint: str, uid: str) -> dict[str, Any]:
    """Return what identifies a model, whatever its UID.

    Args:
        description: The server's description; None if it gives none.
        endpoint: The server, which counts if it does not say which file the model is.
        uid: The UID, which counts only if nothing else is known.
    """
    if not description or not description.get("model_name"):
        return {"endpoint": endpoint, "uid": uid}
    told = {name: description[name] for name in _OF_MODEL if description.get(name) is not None}
    files = {name: description[name] for name in _OF_FILE if description.get(name)}
    return {**told, **(files or {"endpoint": endpoint})}


def canonical(value: Any) -> str:
    """Return a value as JSON that is the same whenever the value is.

    Raises:
        TypeError, ValueError: It has parts that JSON cannot represent.
    """
    return _JSON.encode(value)


_JSON = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class Keys:
    """Makes the keys of one run, whose requests differ only in what is asked.

    Args:
        common: What all requests have in common.
    """

    def __init__(self, common: Any) -> None:
        self._hash = hashlib.sha256(canonical([_VERSION, common]).encode("utf-8", "surrogatepass"))

    def of(self, asked: Any) -> bytes:
        """Return the key of a request."""
        made = self._hash.copy()
        made.update(canonical(asked).encode("utf-8", "surrogatepass"))
        return made.digest()
