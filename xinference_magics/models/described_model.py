"""A model that asks its server for its own description when a request depends on it."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from xinference_magics.models.text_model import TextModel
from xinference_magics.wire.earlier_calls import depend_on_family, hold_calls
from xinference_magics.wire.forced_choice import describes_tools
from xinference_magics.wire.messages import hold_media
from xinference_magics.wire.profile import as_described, engine_in
from xinference_magics.wire.request import must_call

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from xinference_magics.wire.request import ModelDefaults


_BELIEVED = 60.0
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
        if call.get("response_format") and not known:  # transformers silently ignores it
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
        return said if time() - when < _BELIEVED else None

    def _kept(self, model_uid: str, said: Any) -> Any:
        """Return `said`, caching it if it is a description and not an error."""
        if isinstance(said, dict) and "detail" not in said:
            self._descriptions[self.server_url, model_uid] = time(), said
        return said
