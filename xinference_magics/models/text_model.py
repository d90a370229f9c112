"""What text-generating models share: parameters, traces, caches, a description."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any, Self

from langchain_core.language_models.base import BaseLanguageModel
from pydantic import PrivateAttr, model_validator

from xinference_magics import __version__
from xinference_magics.models.call_config import ConfigurableCalls
from xinference_magics.models.served import ServedModel
from xinference_magics.notes import note
from xinference_magics.wire.engines import (
    ignored_options,
    may_be_ignored,
    tool_choice_violation,
)
from xinference_magics.wire.forced_choice import describes_tools
from xinference_magics.wire.messages import depend_on_family, hold_calls, hold_media
from xinference_magics.wire.metadata import PROVIDER, REFUSAL
from xinference_magics.wire.parameters import GenerationParameters
from xinference_magics.wire.profile import as_described, engine_in
from xinference_magics.wire.request import ModelDefaults, must_call
from xinference_magics.wire.tokens import estimated_tokens

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from langchain_core.language_models.base import LangSmithParams
    from langchain_core.messages import BaseMessage

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


def warn_about_ignored(request: Request) -> None:
    """Warn about the parts of `request` that the engine ignores."""
    for sentence in ignored_options(request):
        note(sentence)


def warn_if_choice_unmet(
    request: ChatRequest, called: Collection[str | None], metadata: Mapping[str, Any]
) -> None:
    """Warn if the tools in `called` are not the ones that `request` requires.

    Args:
        request: The request that was sent.
        called: The names of the tools that the answer calls.
        metadata: The answer's metadata; a model that refuses to answer has said why.
    """
    if REFUSAL not in metadata and (sentence := tool_choice_violation(request, called)):
        note(sentence)


_DESCRIPTION_SECONDS = 60.0
"""Seconds to trust a description; after that, the UID may be running on another engine."""


class DescribedModel(TextModel):
    """A chat model that can look up its engine and abilities on the server."""

    profile: Any = None
    """What the model can do, as a LangChain profile; langchain-core models have this field too."""

    _descriptions: dict[tuple[str, str], tuple[float, Any]] = PrivateAttr(default_factory=dict)
    """Cached descriptions and the time of each, by server URL and model UID."""

    def _described(self, messages: list[BaseMessage], call: dict[str, Any]) -> ModelDefaults:
        """Return what is known about the model, asking its server if the request needs more."""
        uid = call.get("model") or self.model_uid
        if not self._needs_more(messages, call, uid):
            return self._defaults
        return as_described(self._defaults, uid, self._description(uid))

    async def _adescribed(self, messages: list[BaseMessage], call: dict[str, Any]) -> ModelDefaults:
        """Async version of `_described`."""
        uid = call.get("model") or self.model_uid
        if not self._needs_more(messages, call, uid):
            return self._defaults
        return as_described(self._defaults, uid, await self._adescription(uid))

    def _needs_more(
        self, messages: list[BaseMessage], call: dict[str, Any], model_uid: str
    ) -> bool:
        """Return whether a request depends on something that only the model's server knows."""
        known = model_uid == self.model_uid and self.engine is not None
        if must_call(call):  # on llama.cpp, the family decides how tools are described
            return not known or describes_tools(self.engine)
        options = {**self._defaults.fields, **call}
        if not known and may_be_ignored(options):  # only a known engine can be warned about
            return True
        if self.profile is None and options.get("enable_thinking"):
            return True
        if hold_calls(messages) and not (known and self._sends_calls_alike):
            return True
        return hold_media(messages) and not (known and self.profile is not None)

    @property
    def _sends_calls_alike(self) -> bool:
        """Whether earlier calls are sent the same way whatever the server adds about the model."""
        return not depend_on_family(self.engine) or "name" in (self.profile or {})

    def engine_of(self, model_uid: str) -> str | None:
        """Return the engine that runs a model, asking the server if it is not known here."""
        if model_uid == self.model_uid and self.engine:
            return self.engine
        return engine_in(self._description(model_uid))

    async def aengine_of(self, model_uid: str) -> str | None:
        """Async version of `engine_of`."""
        if model_uid == self.model_uid and self.engine:
            return self.engine
        return engine_in(await self._adescription(model_uid))

    def _description(self, model_uid: str) -> Any:
        """Return the server's description of a model, from the cache if it is recent."""
        said = self._known(model_uid)
        return said or self._kept(model_uid, self._endpoint.description(model_uid))

    async def _adescription(self, model_uid: str) -> Any:
        """Async version of `_description`."""
        said = self._known(model_uid)
        return said or self._kept(model_uid, await self._endpoint.adescription(model_uid))

    def _known(self, model_uid: str) -> Any:
        """Return the cached description of a model; None if there is none or it has expired."""
        when, said = self._descriptions.get((self.server_url, model_uid), (0.0, None))
        return said if time() - when < _DESCRIPTION_SECONDS else None

    def _kept(self, model_uid: str, said: Any) -> Any:
        """Return `said`, caching it if it is a description and not an error."""
        if isinstance(said, dict) and "detail" not in said:
            self._descriptions[self.server_url, model_uid] = time(), said
        return said
