"""A model that asks its server what it is, where a request depends on that."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from xinference_magics.text_model import TextModel
from xinference_magics.wire.earlier_calls import depend_on_family, hold_calls
from xinference_magics.wire.forced_choice import describes_tools
from xinference_magics.wire.messages import hold_media
from xinference_magics.wire.profile import as_described, engine_in
from xinference_magics.wire.request import must_call

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from xinference_magics.wire.request import ModelDefaults


_BELIEVED = 60.0
"""Seconds for which a description is believed: the UID may run on another engine by then."""


class DescribedModel(TextModel):
    """A model of messages, whose engine and abilities may be left to the server to name."""

    profile: Any = None
    """What the model can do, as LangChain describes it; langchain-core's models have the same."""

    _descriptions: dict[tuple[str, str], tuple[float, Any]] = PrivateAttr(default_factory=dict)
    """When servers said what of models, by address and UID."""

    def _described(self, messages: list[BaseMessage], call: dict[str, Any]) -> ModelDefaults:
        """Return what is known of the model, from its server too where a request needs that."""
        uid = call.get("model") or self.model_uid
        if not self._needs_more(messages, call, uid):
            return self._defaults
        return as_described(self._defaults, uid, self._description(uid))

    async def _adescribed(self, messages: list[BaseMessage], call: dict[str, Any]) -> ModelDefaults:
        """Do the same, asynchronously."""
        uid = call.get("model") or self.model_uid
        if not self._needs_more(messages, call, uid):
            return self._defaults
        return as_described(self._defaults, uid, await self._adescription(uid))

    def _needs_more(
        self, messages: list[BaseMessage], call: dict[str, Any], model_uid: str
    ) -> bool:
        """Tell whether a request depends on what only the model's server knows."""
        known = model_uid == self.model_uid and self.engine is not None
        if must_call(call):  # llama.cpp's are told of the tools in the words of their family
            return not known or describes_tools(self.engine)
        if call.get("response_format") and not known:  # transformers silently ignores it
            return True
        if hold_calls(messages) and not (known and self._sends_calls_alike):
            return True
        return hold_media(messages) and not (known and self.profile is not None)

    @property
    def _sends_calls_alike(self) -> bool:
        """Whether earlier calls go out in one form, whatever more the server says of the model."""
        return not depend_on_family(self.engine) or "name" in (self.profile or {})

    def engine_of(self, model_uid: str) -> str | None:
        """Return the engine that runs a model, from its server where it is not known here."""
        if model_uid == self.model_uid and self.engine:
            return self.engine
        return engine_in(self._description(model_uid))

    async def aengine_of(self, model_uid: str) -> str | None:
        """Do the same, asynchronously."""
        if model_uid == self.model_uid and self.engine:
            return self.engine
        return engine_in(await self._adescription(model_uid))

    def _description(self, model_uid: str) -> Any:
        """Return what the server says of a model, or has said a moment ago."""
        said = self._known(model_uid)
        return said or self._kept(model_uid, self._endpoint.description(model_uid))

    async def _adescription(self, model_uid: str) -> Any:
        """Do the same, asynchronously."""
        said = self._known(model_uid)
        return said or self._kept(model_uid, await self._endpoint.adescription(model_uid))

    def _known(self, model_uid: str) -> Any:
        """Return what was said of a model lately."""
        when, said = self._descriptions.get((self.server_url, model_uid), (0.0, None))
        return said if time() - when < _BELIEVED else None

    def _kept(self, model_uid: str, said: Any) -> Any:
        """Keep what describes a model, and not why it could not be described."""
        if isinstance(said, dict) and "detail" not in said:
            self._descriptions[self.server_url, model_uid] = time(), said
        return said
