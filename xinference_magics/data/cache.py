"""The answer store as the cache of a LangChain model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from langchain_core.caches import BaseCache
from langchain_core.messages import AIMessage, message_to_dict
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import ValidationError
from typing_extensions import override

from xinference_magics.data.keys import Keys
from xinference_magics.data.store import AnswerStore, Stored

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHARS = 2000
"""Characters of a prompt that the store keeps for people."""


class AnswerCache(BaseCache):
    """Keeps the answers of a model in the answer store: ``ChatXinference(cache=AnswerCache())``.

    Args:
        store: The store; None for the user's own.
    """

    def __init__(self, store: AnswerStore | None = None) -> None:
        self.store = store or AnswerStore()
        self._keys = Keys("langchain cache")

    @override
    def lookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        key = self._keys.of([prompt, llm_string])
        found = self.store.get([key])
        try:
            return [_read(each) for each in json.loads(found[key])["value"]] if found else None
        except (ValueError, LookupError, TypeError, ValidationError):
            return None

    @override
    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        kept = {"value": [_written(each) for each in return_val], "tokens": [0, 0]}
        answer = json.dumps(kept, ensure_ascii=False)
        key = self._keys.of([prompt, llm_string])
        self.store.put([Stored(key, "langchain", prompt[:_CHARS], answer)])

    @override
    def clear(self, **kwargs: Any) -> None:
        self.store.clear()


def _written(generation: Generation) -> dict[str, Any]:
    if isinstance(generation, ChatGeneration):
        return {"message": message_to_dict(generation.message)["data"]}
    return {"text": generation.text}


def _read(kept: dict[str, Any]) -> Generation:
    if "message" in kept:
        return ChatGeneration(message=AIMessage.model_validate(kept["message"]))
    return Generation(text=kept["text"])
