"""Ask a ChatXinference for the answers to rows."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import asdict, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from xinference_magics.chat.structured import Form, correction
from xinference_magics.chat_models import ChatXinference
from xinference_magics.data.asking import Answer, Asker
from xinference_magics.data.columns import ANSWER, kinds_in
from xinference_magics.data.keys import Keys, identity
from xinference_magics.errors import NotebookError
from xinference_magics.models.structured_output import structured_parts
from xinference_magics.transport.limiter import usual_slots
from xinference_magics.wire.profile import engine_in
from xinference_magics.wire.schema import as_function

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from langchain_core.runnables import Runnable

    from xinference_magics.data.store import AnswerStore
    from xinference_magics.models.structured_errors import CheckedParser

_OF_TRACES = "ls_structured_output_format"
"""An argument that langchain-core takes out of a call before the model gets it."""


def unbound(runnable: Any) -> tuple[ChatXinference, dict[str, Any]] | None:
    """Return a plain ChatXinference and the arguments bound to it; None for anything else."""
    from langchain_core.runnables import RunnableBinding

    bound: dict[str, Any] = {}
    while isinstance(runnable, RunnableBinding) and not runnable.config:
        bound = {**runnable.kwargs, **bound}
        runnable = runnable.bound
    return (runnable, bound) if isinstance(runnable, ChatXinference) else None


class ChatAsker(Asker):
    """Asks a chat model, below langchain-core's cost of a call unless something listens to it.

    Args:
        model: The model.
        schema: The form of the answers; None for text.
        retries: How often to ask again if an answer does not match it.
        parameters: Parameters of each call.
        system: A system prompt; empty for none.
    """

    def __init__(
        self,
        model: ChatXinference,
        schema: Any,
        retries: int,
        parameters: Mapping[str, Any],
        system: str,
    ) -> None:
        # The copy has connections of its own, which belong to the loop of the run.
        self._model = model.model_copy()
        self._model._clients = None  # noqa: SLF001
        self._model.max_retries = 0
        self._form = None if schema is None else Form.of(schema)
        self._retries = retries
        self._parameters = dict(parameters)
        self._before: list[BaseMessage] = [SystemMessage(system)] if system else []
        self._system = system
        self._heard = True
        self._identity: dict[str, Any] | None = None
        self._structured: tuple[Runnable[Any, Any], CheckedParser] | None = None
        self.name = str(self._parameters.get("model") or model.model_uid)
        self.fields = {ANSWER: "string"} if self._form is None else fields_of(self._form.asked)

    @property
    def server_url(self) -> str:
        """The server of the model."""
        return self._model.server_url

    @asynccontextmanager
    async def opened(self, store: AnswerStore | None) -> AsyncIterator[None]:
        """Learn about the model, and keep connections open."""
        model = self._model
        async with model._endpoint.kept_open():  # noqa: SLF001
            await self.get_ready(store)
            yield

    async def get_ready(self, store: AnswerStore | None) -> None:
        """Learn from the server what model it is."""
        model, uid = self._model, self.name
        said = await model._endpoint.adescription(uid)  # noqa: SLF001
        if not (isinstance(said, dict) and said.get("model_name")):
            said = store.describe(model.server_url, uid) if store else None
        elif store:
            store.remember(model.server_url, uid, said)
        if model.engine is None and uid == model.model_uid:
            model.engine = engine_in(said)
        replicas = (said or {}).get("replica")
        if engine := engine_in(said) or model.engine:
            self.slots = usual_slots(engine, replicas if isinstance(replicas, int) else 1)
        self._identity = identity(said, model.server_url, uid) if said else None
        self._heard = _is_heard(model)
        if self._form is not None:
            self._structured = await structured_parts(model, self._form.asked, self._parameters)
        self.keys = Keys(
            {
                "model": identity(said, model.server_url, uid),
                "parameters": {
                    **model.generation_parameters,
                    **model.extra_body,
                    **{n: v for n, v in self._parameters.items() if n != "model"},
                },
                "schema": self._form and as_function(self._form.asked)["parameters"],
                "retries": self._retries if self._form else 0,
                "system": self._system,
            }
        )

    async def check_again(self) -> None:
        """Make sure, after the server was away, that the UID is still the same model's.

        Raises:
            NotebookError: It is not.
        """
        url = self._model.server_url
        said = await self._model._endpoint.adescription(self.name)  # noqa: SLF001
        if self._identity is None or not (isinstance(said, dict) and said.get("model_name")):
            return
        if identity(said, url, self.name) != self._identity:
            raise NotebookError(
                f"{self.name} is another model now than when the run began.",
                hint="Run it again to ask that one.",
            )

    def asked(self, prompt: Any) -> Any:
        """Return the messages for a prompt: a text, content blocks, or messages."""
        if isinstance(prompt, str):
            return prompt
        if isinstance(prompt, list) and prompt and all(map(_is_block, prompt)):
            return [HumanMessage(prompt)]
        value = self._model._convert_input(prompt)  # noqa: SLF001  # of langchain-core
        return value.to_messages()

    def text(self, asked: Any) -> str:
        """Return the messages as text."""
        if isinstance(asked, str):
            return asked
        return "\n\n".join(str(message.text) for message in asked)

    def full_text(self, asked: Any) -> str:
        """Return all that is sent as text, with the system prompt."""
        messages = [*self._before, *([HumanMessage(asked)] if isinstance(asked, str) else asked)]
        return "\n\n".join(f"[{each.type}]\n{each.text}" for each in messages)

    def decisive(self, asked: Any) -> Any:
        """Return the messages as JSON values."""
        if isinstance(asked, str):
            return asked
        return [message.model_dump(mode="json", exclude={"id"}) for message in asked]

    async def ask(self, asked: Sequence[Any]) -> list[Answer]:
        """Ask for the answer to one row."""
        [one] = asked
        messages = [*self._before, *([HumanMessage(one)] if isinstance(one, str) else one)]
        if self._form is None:
            message = await self._message(messages, self._model, self._parameters)
            return [_answer(message.text, message)]
        return [await self._matching(messages, self._form)]

    async def _matching(self, messages: list[BaseMessage], form: Form) -> Answer:
        """Ask until an answer matches the form, as often as the user wants."""
        assert self._structured is not None  # noqa: S101  # since it was opened
        answers, parser = self._structured
        plain = unbound(answers)
        for left in range(self._retries, -1, -1):
            if plain is None:
                message = await answers.ainvoke(messages)
            else:
                message = await self._message(messages, *plain)
            parsed, error = form.taken(await parser.abeside_raw({"raw": message}))
            if error is None:
                return _answer(parsed, message)
            if not left or message.response_metadata.get("finish_reason") == "length":
                raise error
            messages = [*messages, *correction(message, error)]
        raise AssertionError

    async def _message(
        self, messages: list[BaseMessage], model: ChatXinference, parameters: Mapping[str, Any]
    ) -> AIMessage:
        if self._heard:
            return await model.ainvoke(messages, **parameters)
        sent = {name: value for name, value in parameters.items() if name != _OF_TRACES}
        result = await model._agenerate(messages, **sent)  # noqa: SLF001
        message = result.generations[0].message
        assert isinstance(message, AIMessage)  # noqa: S101  # from a chat model
        return message

    def revived(self, value: Any) -> Any:
        """Return a stored answer as an object of the schema."""
        form = self._form
        if form is None:
            return value
        if isinstance(form.asked, type) and issubclass(form.asked, BaseModel):
            return form.asked.model_validate(value)
        return form.read(value)

    def cells(self, value: Any) -> Sequence[Any]:
        """Return the fields of an answer."""
        if self._form is None or list(self.fields) == [ANSWER]:
            return (value,)
        return [field_in(value, name) for name in self.fields]


def _answer(value: Any, message: AIMessage) -> Answer:
    usage = message.usage_metadata
    return Answer(
        str(value) if isinstance(value, str) else value,
        usage["input_tokens"] if usage else 0,
        usage["output_tokens"] if usage else 0,
        message.response_metadata.get("finish_reason") == "length",
    )


def _is_heard(model: ChatXinference) -> bool:
    """Return whether callbacks, tracing or a cache follow the calls of a model."""
    from langchain_core.callbacks import AsyncCallbackManager
    from langchain_core.globals import get_llm_cache

    manager = AsyncCallbackManager.configure(None, model.callbacks, verbose=model.verbose)
    cached = model.cache is not False and (model.cache or get_llm_cache() is not None)
    return bool(manager.handlers or cached or model.rate_limiter)


def _is_block(part: object) -> bool:
    return isinstance(part, dict) and isinstance(part.get("type"), str) and "content" not in part


def fields_of(schema: Any) -> dict[str, str | None]:
    """Return the fields that answers of a schema fill; a single one if it is not an object.

    Raises:
        NotebookError: It has a field of the name that errors need.
    """
    from xinference_magics.data.columns import ERROR

    if isinstance(schema, type) and issubclass(schema, BaseModel):
        form = schema.model_json_schema(by_alias=False)
    else:
        form = as_function(schema)["parameters"]
    found = kinds_in(form)
    if ERROR in found:
        raise NotebookError(
            f"The schema has a field {ERROR!r}, which is the column of failures.",
            hint="Rename the field.",
        )
    return found or {ANSWER: None}


def field_in(value: Any, name: str) -> Any:
    """Return a field of an object of any kind, as a plain value."""
    found = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    if isinstance(found, Enum):
        return found.value
    if isinstance(found, BaseModel):
        return found.model_dump()
    if is_dataclass(found) and not isinstance(found, type):
        return asdict(found)
    return found
