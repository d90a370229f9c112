"""The registry of a cluster: which models can be launched, and what can run them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics.cluster.api import ManagementApi, quoted
from xinference_magics.cluster.engines import Choice, Engines, choose
from xinference_magics.errors import ModelNotFoundError
from xinference_magics.nearest import did_you_mean

if TYPE_CHECKING:
    from xinference_magics.cluster.launch import LaunchRequest


class Registry:
    """The models that a cluster knows, builtin and registered.

    Args:
        api: Where to ask.
    """

    def __init__(self, api: ManagementApi) -> None:
        self._api = api

    def names(self, model_type: str = "LLM") -> list[str]:
        """Return the names that can be launched: 9 kB for the 176 of type LLM."""
        listed = self._api.ask(list, self._api.client.list_model_registrations, model_type)
        return [str(each["model_name"]) for each in listed]

    def engines(
        self, name: str, model_type: str = "LLM", *, virtual_env: bool | None = None
    ) -> Engines:
        """Return what the server's engines can do with a model.

        Args:
            name: The name in the registry.
            model_type: ``LLM``, ``embedding``, ...
            virtual_env: False counts an engine that is not installed as unavailable.

        Raises:
            ModelNotFoundError: No such name; the hint names near ones.
        """
        data = self._api.ask(
            object,
            self._api.client.query_engine_by_model_name,
            quoted(name),
            model_type,
            enable_virtual_env=virtual_env,
        )
        if not isinstance(data, dict):  # null
            raise self.unknown(name, model_type)
        return Engines.from_json(name, data)

    def choose(self, request: LaunchRequest) -> Choice:
        """Return how `request` would be run: what it leaves open is chosen.

        Raises:
            ModelNotFoundError: No model of that name; the hint names near ones.
            BadRequestError: No engine can do what is asked; the hint says what is possible.
        """
        engines = self.engines(
            request.model_name, request.model_type, virtual_env=request.enable_virtual_env
        )
        return choose(request, engines)

    def register(self, model_type: str, definition: str, *, persist: bool = False) -> None:
        """Register a model of one's own.

        Args:
            model_type: ``LLM``, ``embedding``, ...
            definition: The registration as JSON.
            persist: Keep it over restarts of the server.
        """
        self._api.ask(object, self._api.client.register_model, model_type, definition, persist)

    def unregister(self, model_type: str, name: str) -> None:
        """Remove a registration; the server says nothing about names it does not have."""
        self._api.ask(object, self._api.client.unregister_model, model_type, quoted(name))

    def unknown(self, name: str, model_type: str = "LLM") -> ModelNotFoundError:
        """Return the error for a name that is not in the registry, with near names."""
        hint = did_you_mean(name, self.names(model_type))
        return ModelNotFoundError(
            f"{self._api.endpoint} knows no model {name} of type {model_type}.",
            hint=hint or "Names are spelt as in Xinference's list of builtin models.",
        )
