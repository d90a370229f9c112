"""What text-generating models share: their parameters, and what traces and caches see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from langchain_core.language_models.base import BaseLanguageModel
from pydantic import model_validator

from xinference_magics import __version__
from xinference_magics.models.call_config import ConfigurableCalls
from xinference_magics.models.served import ServedModel
from xinference_magics.notes import note
from xinference_magics.wire.engines import unheeded, unmet_choice
from xinference_magics.wire.metadata import PROVIDER
from xinference_magics.wire.parameters import GenerationParameters
from xinference_magics.wire.request import ModelDefaults
from xinference_magics.wire.tokens import estimated_tokens

if TYPE_CHECKING:
    from collections.abc import Collection

    from langchain_core.language_models.base import LangSmithParams

    from xinference_magics.wire.request import ChatRequest, Request


class TextModel(GenerationParameters, ServedModel, ConfigurableCalls, BaseLanguageModel[Any]):
    """A text-generating model; list it before the langchain-core model among the bases."""

    streaming: bool = False
    """Whether `invoke` also streams, so that callbacks receive tokens."""

    stream_usage: bool = True
    """Whether a stream ends with its token usage."""

    engine: str | None = None
    """The engine that runs the model, as the server names it; engines read requests differently."""

    @model_validator(mode="after")
    def _set_xinference_magics_version(self) -> Self:
        self._add_version("xinference-magics", __version__)
        return self

    def get_num_tokens(self, text: str) -> int:
        """Estimate the number of tokens in `text` without any request or download."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return estimated_tokens(text)

    @property
    def _defaults(self) -> ModelDefaults:
        return ModelDefaults(
            model_uid=self.model_uid,
            fields=self.generation_parameters,
            extra_body=self.extra_body,
            engine=self.engine,
            stream_usage=self.stream_usage,
        )

    @property
    def _identifying_params(self) -> dict[str, Any]:
        extra = {"extra_body": self.extra_body} if self.extra_body else {}
        where = {"model_uid": self.model_uid, "server_url": self.server_url, "engine": self.engine}
        return {**where, **self.generation_parameters, **extra}

    def _stops(self, stop: list[str] | None) -> list[str] | None:
        own = [self.stop] if isinstance(self.stop, str) else self.stop
        return stop or own or None

    def _traced(self, params: LangSmithParams, call: dict[str, Any]) -> LangSmithParams:
        params["ls_provider"] = PROVIDER
        params["ls_model_name"] = call.get("model") or self.model_uid
        return params


def say_what_is_unheeded(request: Request) -> None:
    """Warn about the parts of `request` that the engine ignores."""
    for sentence in unheeded(request):
        note(sentence)


def say_if_unmet(request: ChatRequest, called: Collection[str | None]) -> None:
    """Warn if the tools in `called` are not the ones that `request` requires."""
    if sentence := unmet_choice(request, called):
        note(sentence)
