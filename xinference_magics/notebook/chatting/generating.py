"""``%%generate``: a model continues a text. The turn belongs to no conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xinference_magics import interrupts
from xinference_magics.chat.question import Question
from xinference_magics.chat.responders import ModelResponder
from xinference_magics.errors import PromptError
from xinference_magics.notebook.chatting.building import parameters_of
from xinference_magics.notebook.chatting.responders import model_meant
from xinference_magics.notebook.chatting.turns import answer, finish
from xinference_magics.notebook.prompt.expand import Prompt, expand
from xinference_magics.notebook.session.namespace import TEXT
from xinference_magics.notes import collected_notes, show

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from langchain_core.messages import BaseMessage

    from xinference_magics.chat.events import Event
    from xinference_magics.chat.turn import Turn
    from xinference_magics.notebook.cell_context import CellContext
    from xinference_magics.notebook.chatting.options import GenerateOptions


class Continuation(ModelResponder):
    """Answers by having an `XinferenceLLM` continue the text of the last message."""

    model: Any

    @property
    def context(self) -> int | None:
        """None: a text model has no profile that could specify its context."""
        return None

    async def events(
        self, messages: Sequence[BaseMessage], parameters: Mapping[str, Any]
    ) -> AsyncIterator[Event]:
        """Stream the text as message chunks; the last one has the server's token usage."""
        from langchain_core.callbacks import BaseCallbackHandler
        from langchain_core.messages import AIMessageChunk

        about: dict[str, Any] = {}

        class Ended(BaseCallbackHandler):
            """Stores the generation info at the end, since `astream` yields only the text."""

            def on_llm_end(self, response: Any, **_: Any) -> None:
                about.update(response.generations[0][0].generation_info or {})

        prompt = str(messages[-1].text)
        async for text in self.model.astream(prompt, {"callbacks": [Ended()]}, **parameters):
            yield AIMessageChunk(content=text)
        usage = about.pop("usage_metadata", None)
        yield AIMessageChunk(content="", usage_metadata=usage, response_metadata=about)


def generate(cell: CellContext, options: GenerateOptions, text: str) -> Turn:
    """Let a model continue a text.

    Raises:
        XinferenceError: It failed; the `--out` variable holds any partial answer.
        KeyboardInterrupt: The kernel was interrupted; `--out` holds any partial answer.
    """
    with collected_notes() as shortened:
        prompt = text if options.raw else _text(expand(text, cell.variables))
    question = _question(cell, options, prompt)
    show(shortened)
    with interrupts.sigint_as_event() as interrupted, collected_notes() as notes:
        turn, error = answer(cell, question, live=options.stream)
        if options.out and turn.is_answer:
            cell.namespace[options.out] = turn
    show(notes)
    return finish(turn, error, interrupted)


def _question(cell: CellContext, options: GenerateOptions, prompt: str) -> Question:
    parameters = parameters_of(options)
    uid = model_meant(options.model, cell.variables)
    model = cell.session.model_in_use(uid, TEXT, options.endpoint)
    return Question(
        responder=Continuation(model),
        prompt=prompt,
        parameters=parameters,
        conversation=None,
        server_version=cell.session.version_of(model.server_url),
    )


def _text(prompt: Prompt) -> str:
    """Return the text of a prompt that contains only text.

    Raises:
        PromptError: It contains something else.
    """
    if prompt.blocks is not None:
        raise PromptError(
            f"Only text can be continued, not {prompt.text!r}.", hint="Use %%chat for that."
        )
    return prompt.text
