"""Ask other Runnables, embeddings and rerankers for the answers to rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.load import dumpd
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from pydantic_core import to_jsonable_python

from xinference_magics.data.asking import Answer, Asker
from xinference_magics.data.chats import field_in, fields_of
from xinference_magics.data.columns import ANSWER
from xinference_magics.data.keys import Keys
from xinference_magics.errors import NotebookError, PromptError
from xinference_magics.notes import note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.documents import BaseDocumentCompressor
    from langchain_core.embeddings import Embeddings
    from langchain_core.runnables import Runnable

    from xinference_magics.data.store import AnswerStore


class _Serialised(Asker):
    """Asks something whose serialised form decides its answers.

    Args:
        runnable: It.
        store_key: What identifies it instead; None for its serialised form.
    """

    def __init__(self, runnable: Any, store_key: str | None) -> None:
        self._runnable = runnable
        self._store_key = store_key
        self.name = str(getattr(runnable, "model_uid", None) or type(runnable).__name__)
        self.fields: Mapping[str, str | None] = {ANSWER: None}

    async def get_ready(self, store: AnswerStore | None) -> None:
        """Find out whether it can be serialised."""
        form = {"store_key": self._store_key} if self._store_key else _form(self._runnable)
        if form is not None:
            self.keys = Keys({"runnable": form, "fields": list(self.fields)})
        elif store is not None:
            note(
                f"{self.name} has parts that cannot be serialised, so its answers are not stored; "
                "store_key=NAME stores them under a name."
            )

    def decisive(self, asked: Any) -> Any:
        """Return the input as JSON values."""
        return asked if isinstance(asked, str) else to_jsonable_python(asked)


class RunnableAsker(_Serialised):
    """Asks any Runnable.

    Args:
        runnable: The Runnable.
        store_key: What identifies it, if it cannot be serialised.
        fields: The columns that its answers fill.
        system: A system prompt; empty for none.
    """

    def __init__(
        self,
        runnable: Runnable[Any, Any],
        store_key: str | None,
        fields: Mapping[str, str | None],
        system: str = "",
    ) -> None:
        super().__init__(runnable, store_key)
        self.fields = fields
        self._system = system

    def asked(self, prompt: Any) -> Any:
        """Return the prompt, after the system prompt if there is one."""
        if not self._system:
            return prompt
        if not isinstance(prompt, str):
            raise PromptError("A system prompt can only come before a text.")
        return [SystemMessage(self._system), HumanMessage(prompt)]

    async def ask(self, asked: Sequence[Any]) -> list[Answer]:
        """Ask for the answer to one row."""
        [one] = asked
        return [_plain(await self._runnable.ainvoke(one))]

    def cells(self, value: Any) -> Sequence[Any]:
        """Return the fields of an answer."""
        if list(self.fields) == [ANSWER]:
            return (value,)
        return [field_in(value, name) for name in self.fields]


class EmbeddingAsker(_Serialised):
    """Asks for vectors, many in one request."""

    def __init__(self, embeddings: Embeddings, store_key: str | None) -> None:
        super().__init__(embeddings, store_key)
        self.batch = int(getattr(embeddings, "batch_size", 64))

    def asked(self, prompt: Any) -> Any:
        """Return the text of a row."""
        if not isinstance(prompt, str):
            raise PromptError(f"A value of type {type(prompt).__name__} cannot be embedded.")
        return prompt

    async def ask(self, asked: Sequence[Any]) -> list[Answer]:
        """Ask for the vectors of texts."""
        return [Answer(vector) for vector in await self._runnable.aembed_documents(list(asked))]


class RerankAsker(_Serialised):
    """Ranks the documents of a row by its query."""

    def __init__(self, reranker: BaseDocumentCompressor, store_key: str | None) -> None:
        super().__init__(reranker, store_key)

    def asked(self, prompt: Any) -> Any:
        """Return the query and the documents of a row."""
        try:
            query, documents = prompt["query"], prompt["documents"]
        except (TypeError, LookupError):
            raise PromptError(
                "A reranker needs a prompt function that returns a dict with `query` and "
                "`documents`."
            ) from None
        return {"query": str(query), "documents": [_text(each) for each in documents]}

    async def ask(self, asked: Sequence[Any]) -> list[Answer]:
        """Rank the documents of one row."""
        [one] = asked
        documents = [Document(text) for text in one["documents"]]
        ranked = await self._runnable.acompress_documents(documents, one["query"])
        return [Answer([{"text": each.page_content, **each.metadata} for each in ranked])]


def schema_fields(schema: Any) -> dict[str, str | None]:
    """Return the fields that the answers of another library's model fill."""
    return fields_of(schema)


def _text(document: Any) -> str:
    return str(getattr(document, "page_content", document))


def _form(runnable: Any) -> Any:
    """Return the serialised form of a Runnable; None if a part of it has none."""
    if hasattr(runnable, "model_dump") and not hasattr(runnable, "lc_id"):
        return [type(runnable).__name__, runnable.model_dump(mode="json")]
    form = dumpd(runnable)
    return None if _is_incomplete(form) else _without_addresses(form)


def _is_incomplete(form: Any) -> bool:
    if isinstance(form, dict):
        return form.get("type") == "not_implemented" or any(map(_is_incomplete, form.values()))
    return isinstance(form, list) and any(map(_is_incomplete, form))


def _without_addresses(form: Any) -> Any:
    """Drop the drawing of a Runnable, which is not part of what it does."""
    if isinstance(form, dict):
        return {n: _without_addresses(v) for n, v in form.items() if n not in {"graph", "repr"}}
    return [_without_addresses(each) for each in form] if isinstance(form, list) else form


def _plain(value: Any) -> Answer:
    """Return what a Runnable returned as an answer that the store can hold as it is."""
    if isinstance(value, BaseMessage):
        usage = getattr(value, "usage_metadata", None) or {}
        finish = value.response_metadata.get("finish_reason")
        tokens = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
        return Answer(str(value.text), *tokens, finish == "length")
    try:
        return Answer(to_jsonable_python(value))
    except ValueError as error:
        raise NotebookError(
            f"An answer of type {type(value).__name__} cannot be put into a column."
        ) from error
