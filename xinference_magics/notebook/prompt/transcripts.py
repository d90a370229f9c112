"""Convert turns, messages, prompts, conversations and documents to text."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from xinference_magics.chat.turn import Turn
from xinference_magics.errors import PromptError
from xinference_magics.wire.media import is_media

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def said(value: object) -> str | None:
    """Return the text of a turn or a similar LangChain object; None for anything else.

    An answer is its text, without reasoning; a turn that is still running is waited for. Several
    messages are labelled with their speakers.

    Raises:
        PromptError: It is a turn without an answer.
        XinferenceError: It is a background turn that has failed.
    """
    if "langchain_core.messages" not in sys.modules:
        return None  # no such object can exist then
    own = _own(value)
    return _langchains(value) if own is None else own


def _own(value: Any) -> str | None:
    from xinference_magics.chat.comparison import Comparison
    from xinference_magics.chat.conversation import Conversation
    from xinference_magics.chat.pending import PendingTurn

    if isinstance(value, PendingTurn):
        value = value.result()
    if isinstance(value, Turn):
        return _answer(value)
    if isinstance(value, Comparison):
        answers = zip(value.titles, value, strict=True)
        return "\n\n".join(f"{title}:\n{turn.text}" for title, turn in answers)
    return _transcript(value.messages) if isinstance(value, Conversation) else None


def _answer(turn: Turn) -> str:
    text = turn.text or (
        "" if turn.parsed is None else json.dumps(turn.parsed_json, ensure_ascii=False)
    )
    if not text:
        raise PromptError(f"This turn of {turn.model_uid} has no text to insert.")
    return text


def _langchains(value: Any) -> str | None:
    from langchain_core.documents import Document
    from langchain_core.messages import BaseMessage
    from langchain_core.prompt_values import PromptValue

    if isinstance(value, BaseMessage):
        return _words(value) or value.pretty_repr()
    if isinstance(value, PromptValue):
        return value.to_string()
    if isinstance(value, Document):
        return _document(value)
    if isinstance(value, dict) and set(value) == {"messages"}:  # what an agent returns
        value = value["messages"]
    return _several(value) if isinstance(value, list | tuple) and value else None


def _several(values: Sequence[Any]) -> str | None:
    from langchain_core.documents import Document
    from langchain_core.messages import BaseMessage

    if all(isinstance(each, BaseMessage) for each in values):
        return _transcript(values)
    if all(isinstance(each, Document) for each in values):
        return "\n\n".join(map(_document, values))
    return None


def _document(document: Any) -> str:
    about = f"\n(metadata: {document.metadata})" if document.metadata else ""
    return f"{document.page_content}{about}"


def _words(message: Any) -> str:
    """Return the text of a message, with a mark for each image, sound and video in it."""
    content = message.content if isinstance(message.content, list) else ()
    marks = [f"[{block['type']}]" for block in content if is_media(block)]
    return "\n".join(filter(None, [str(message.text), *marks]))


def _transcript(messages: Iterable[Any]) -> str:
    return "\n\n".join(f"{_speaker(message)}: {_spoken(message)}" for message in messages)


def _speaker(message: Any) -> str:
    names = {"human": "Human", "ai": "AI", "AIMessageChunk": "AI"}
    return names.get(message.type, str(message.type).capitalize())


def _spoken(message: Any) -> str:
    calls = [
        f"[calls {call['name']}({call['args']})]" for call in getattr(message, "tool_calls", ())
    ]
    return "\n".join(filter(None, [_words(message), *calls]))
