"""The registry of a cluster: the models that can be launched, and the engines for them."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from xinference_magics.cluster.launching import renamed_models
from xinference_magics.cluster.launching.engine_choice import Choice, Engines, choose
from xinference_magics.cluster.registrations import MODEL_TYPES, Registration, VllmModel
from xinference_magics.errors import BadRequestError, ModelNotFoundError, ServerError
from xinference_magics.json_fields import objects, text, texts
from xinference_magics.nearest import did_you_mean
from xinference_magics.remedies import Remedy
from xinference_magics.transport.endpoint import quoted
from xinference_magics.transport.logs import dropped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.cluster.api import ManagementApi
    from xinference_magics.cluster.launching.plan import LaunchRequest
    from xinference_magics.cluster.registrations import Definition

_log = logging.getLogger(__name__)

_WITHOUT_ENGINES = {"audio", "image", "video"}
"""Types whose models may have no engine to choose, such as Kokoro (Xinference 4.1)."""


class Registry:
    """The models that a cluster knows, builtin and registered.

    Args:
        api: The cluster's management API.
    """

    def __init__(self, api: ManagementApi) -> None:
        self._api = api

    def names(self, model_type: str = "LLM") -> list[str]:
        """Return the names of launchable models: 9 kB for the 176 of type LLM."""
        return list(self._builtin(model_type))

    def engines(
        self, name: str, model_type: str = "LLM", *, virtual_env: bool | None = None
    ) -> Engines:
        """Return what the server's engines offer for a model.

        Args:
            name: The name in the registry.
            model_type: ``LLM``, ``embedding``, ...
            virtual_env: False treats an engine that is not installed as unavailable.

        Raises:
            ModelNotFoundError: No such name; the hint names similar ones.
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
        """Choose what `request` leaves open, and return how the model would be run.

        Raises:
            ModelNotFoundError: No model has that name; the hint names similar ones.
            BadRequestError: No engine fits the request; the hint says what is possible.
        """
        if request.model_type == "flexible":  # this type has no engines
            return choose(request, None)
        try:
            engines = self.engines(
                request.model_name, request.model_type, virtual_env=request.enable_virtual_env
            )
        except ModelNotFoundError:
            known = self.names(request.model_type)
            if old := renamed_models.explain(request, known, self.choose):
                raise old from None
            if request.model_type in _WITHOUT_ENGINES and request.model_name in known:
                return choose(request, None)  # the server lists no engines for some of them
            raise
        return choose(request, engines)

    def registrations(self, model_type: str = "LLM") -> list[Registration]:
        """Return the models of a type, users' own registrations first.

        The detailed list for type LLM would be 8 MB and take ten seconds, so only names and
        abilities are requested for its builtin models (15 kB), and full details for users' own.
        The detailed lists of the other types are 12-92 kB.
        """
        if model_type == "LLM":
            listed = self._llms()
        else:
            data = self._api.get(
                list, f"/v1/model_registrations/{quoted(model_type)}", detailed="true"
            )
            listed = [Registration.from_json(model_type, each) for each in objects(data)]
        return sorted(listed, key=lambda each: each.builtin)

    def _llms(self) -> list[Registration]:
        abilities = self._abilities()
        listed = self._api.ask(list, self._api.client.list_model_registrations, "LLM")
        return [
            replace(registration, abilities=abilities.get(registration.name, ()))
            if registration.builtin
            else self.registration(registration.name, "LLM")
            for registration in (Registration.from_json("LLM", each) for each in objects(listed))
        ]

    def _abilities(self) -> dict[str, tuple[str, ...]]:
        """Return the abilities of builtin models of type LLM; empty for older servers."""
        named: dict[str, tuple[str, ...]] = {}
        with dropped(_log, ServerError):
            for ability, names in self._api.get(dict, "/v1/models/families").items():
                for name in texts(names):
                    named[name] = (*named.get(name, ()), ability)
        return named

    def registration(self, name: str, model_type: str = "LLM") -> Registration:
        """Return the details of a registration: up to 300 kB for a builtin one of type LLM.

        Raises:
            ModelNotFoundError: No such name; the hint names similar ones.
        """
        path = f"/v1/model_registrations/{quoted(model_type)}/{quoted(name)}"
        try:
            return Registration.from_json(model_type, self._api.get(dict, path))
        except ModelNotFoundError:
            raise self.unknown(name, model_type) from None

    def search(
        self, words: Sequence[str], model_type: str | None = None, *, details: int = 10
    ) -> list[Registration]:
        """Return the models whose name, type or abilities contain every one of `words`.

        The best matches on names come first.

        Args:
            words: The words to look for, in any case.
            model_type: Search only models of this type.
            details: Number of first results for which full details are requested, if LLMs.
        """
        wanted = [word.casefold() for word in words]
        found = [
            registration
            for each in ([model_type] if model_type else MODEL_TYPES)
            for registration in self._of_type(each)
            if _fits(registration, wanted)
        ]
        found.sort(key=lambda each: _rank(each, wanted))
        return [
            self.registration(each.name) if each.type == "LLM" and place < details else each
            for place, each in enumerate(found)
        ]

    def nothing_like(self, text: str, model_type: str | None = None) -> ModelNotFoundError:
        """Return the error for a search without results, with similar names of all types."""
        types = [model_type] if model_type else MODEL_TYPES
        near = did_you_mean(text, [name for each in types for name in self._names_of(each)])
        kind = f" of type {model_type}" if model_type else ""
        return ModelNotFoundError(
            f"{self._api.endpoint} has no model{kind} with {text} in its name or abilities.",
            hint=near or Remedy.LIST_REGISTRATIONS(),
        )

    def _of_type(self, model_type: str) -> list[Registration]:
        """Return the models of a type; empty if this server version does not have that type."""
        try:
            return self.registrations(model_type)
        except BadRequestError:
            return []

    def vllm_models(self) -> list[VllmModel]:
        """Return the architectures that the server's vLLM supports; needs no credentials."""
        return VllmModel.list_from_json(self._api.ask(dict, self._api.client.vllm_models))

    def register(
        self,
        model_type: str,
        definition: str,
        *,
        persist: bool = False,
        worker: str | None = None,
    ) -> None:
        """Register a user's own model.

        Args:
            model_type: ``LLM``, ``embedding``, ...
            definition: The registration as JSON.
            persist: Keep it across restarts of the server.
            worker: Register it only on this worker: ``host`` or ``host:port``.
        """
        self._api.ask(
            object, self._api.client.register_model, model_type, definition, persist, worker
        )

    def define(
        self,
        model_type: str,
        definition: Definition,
        *,
        persist: bool = False,
        worker: str | None = None,
    ) -> None:
        """Register a user's own model, reporting a refusal in one line.

        Raises:
            BadRequestError: A field is missing or wrong, or the name is taken.
        """
        try:
            self.register(model_type, definition.body, persist=persist, worker=worker)
        except BadRequestError as error:
            _log.debug("The registration was refused", exc_info=True)
            if "already registered" in error.detail:
                raise self._taken(definition.name, model_type) from None
            raise definition.refused(error, model_type) from None

    def _taken(self, name: str, model_type: str) -> BadRequestError:
        if self._builtin(model_type).get(name):
            return BadRequestError(
                f"{name} is a builtin model of type {model_type}.",
                hint="Choose another model_name for yours.",
            )
        return BadRequestError(
            f"{name} is already registered.",
            hint=Remedy.UNREGISTER(name=name, model_type=model_type),
        )

    def unregister(self, model_type: str, name: str) -> None:
        """Remove a user's own registration.

        The name is checked first, as the server returns 200 for any name.

        Raises:
            ModelNotFoundError: No such registration; the hint names similar ones.
            BadRequestError: It is a builtin model.
        """
        builtin = self._builtin(model_type)
        if name not in builtin:
            own = [each for each in builtin if not builtin[each]]
            raise self.unknown(name, model_type, own)
        if builtin[name]:
            raise BadRequestError(
                f"{name} is a builtin model: only your own registrations can be removed.",
                hint=Remedy.LIST_OWN(model_type=model_type),
            )
        self._api.ask(object, self._api.client.unregister_model, model_type, quoted(name))

    def _builtin(self, model_type: str) -> dict[str, bool]:
        """Return the names of a type, each with whether it is builtin."""
        listed = self._api.ask(list, self._api.client.list_model_registrations, model_type)
        named = ((text(each.get("model_name")), each) for each in objects(listed))
        return {name: bool(each.get("is_builtin")) for name, each in named if name}

    def types_of(self, name: str) -> list[str]:
        """Return the types that have a model of that name; fetches short lists, 20 kB in all."""
        return [each for each in MODEL_TYPES if name in self._names_of(each)]

    def _names_of(self, model_type: str) -> list[str]:
        with dropped(_log, ServerError):
            return self.names(model_type)
        return []

    def unknown(
        self, name: str, model_type: str = "LLM", among: Sequence[str] = ()
    ) -> ModelNotFoundError:
        """Return the error for a name that is not in the registry, with similar names.

        Args:
            name: The name as typed.
            model_type: The type it was looked for in.
            among: Names to prefer as suggestions.
        """
        others = [each for each in self.types_of(name) if each != model_type]
        elsewhere = Remedy.OTHER_TYPE(model_type=others[0]) if others else ""
        near = did_you_mean(name, among) or did_you_mean(name, self.names(model_type))
        return ModelNotFoundError(
            f"{self._api.endpoint} has no model {name} of type {model_type}.",
            hint=elsewhere or near or Remedy.SEARCH(),
        )


def _fits(registration: Registration, words: Sequence[str]) -> bool:
    said = " ".join([registration.name, registration.type, *registration.abilities]).casefold()
    return all(word in said for word in words)


def _rank(registration: Registration, words: Sequence[str]) -> tuple[bool, bool, bool]:
    """Rank a match: the whole name, then its beginning, then within it, then abilities only."""
    name = registration.name.casefold()
    return (
        name != " ".join(words),
        not any(name.startswith(word) for word in words),
        not any(word in name for word in words),
    )
