"""A cluster: the management API of one endpoint, through xinference-client.

The client's own session is replaced by ours before its first request, and every answer
becomes a typed value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from xinference_client.client.restful.restful_client import Client

from xinference_magics.cluster.engines import Choice, Engines, choose
from xinference_magics.cluster.launch import Launch, LaunchRequest
from xinference_magics.cluster.models import ReplicaStatus, RunningModel, text
from xinference_magics.errors import (
    BadRequestError,
    ConnectError,
    ModelNotFoundError,
    ModelNotReadyError,
    PermissionDeniedError,
)
from xinference_magics.transport.endpoint import MANAGEMENT, Timeouts, normalize
from xinference_magics.transport.failures import did_you_mean
from xinference_magics.transport.sync import Token, open_session

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

T = TypeVar("T")

_UNWINDING = 120.0  # seconds: a cancel is answered when the launch has unwound, after 18-60


class _Client(Client):  # type: ignore[misc]
    """The client with our session; its constructor asks the server nothing."""

    def __init__(self, endpoint: str, session: requests.Session) -> None:
        self.session: requests.Session
        self._ours = session
        super().__init__(endpoint)

    def _check_cluster_authenticated(self) -> None:
        self.session.close()
        self.session = self._ours


class Cluster:
    """An Xinference endpoint: what runs there, and how to start and stop models.

    Args:
        endpoint: As people type it.
        token: Asked before each request for the bearer token: a login's, or an API key.
        timeouts: Limits in seconds.

    Nothing is asked of the server until a method is called.
    """

    def __init__(
        self, endpoint: str, *, token: Token | None = None, timeouts: Timeouts = MANAGEMENT
    ) -> None:
        self.endpoint = normalize(endpoint)
        self.token = token
        self._timeouts = timeouts
        self._client = _Client(
            self.endpoint, open_session(self.endpoint, token=token, timeouts=timeouts)
        )

    def __repr__(self) -> str:
        return f"Cluster({self.endpoint!r})"

    def close(self) -> None:
        """Close the connections; the cluster cannot be used any more."""
        self._client.close()

    def version(self) -> str | None:
        """Return the server's version; None where the credentials may not know it."""
        try:
            return text(self._get(dict, "/v1/cluster/version").get("version"))
        except PermissionDeniedError:
            return None

    def requires_auth(self) -> bool:
        """Tell whether the server wants credentials; answered without any."""
        return bool(self._get(dict, "/v1/cluster/auth").get("auth"))

    def models(self) -> list[RunningModel]:
        """Return the models that are ready; the server's list may be three seconds old."""
        listed = self._ask(dict, self._client.list_models)
        return [RunningModel.from_json(uid, data) for uid, data in listed.items()]

    def describe(self, uid: str) -> RunningModel:
        """Return the description of a model that is ready.

        Raises:
            ModelNotFoundError: No such UID; the hint names near ones.
            ModelNotReadyError: It is still loading.
        """
        try:
            return self._description(uid)
        except ModelNotFoundError as error:
            raise self._absent(uid, error) from None

    def try_describe(self, uid: str) -> RunningModel | None:
        """Return the description of a model, or None where it is not ready or not there."""
        try:
            return self._description(uid)
        except (ModelNotFoundError, ModelNotReadyError):
            return None

    def _description(self, uid: str) -> RunningModel:
        data = self._ask(dict, self._client.describe_model, _in_path(uid))
        return RunningModel.from_json(uid, data)

    def terminate(self, uid: str) -> None:
        """Stop a model that is ready, all its replicas.

        Raises:
            ModelNotFoundError: No such UID; the hint names near ones.
            ModelNotReadyError: It is still loading: that is cancelled, not terminated.
        """
        try:
            self._slowly("DELETE", f"/v1/models/{_in_path(uid)}")
        except ModelNotFoundError as error:
            raise self._absent(uid, error) from None

    def replicas(self, uid: str) -> list[ReplicaStatus]:
        """Return the replicas of a UID, on their way and failed ones included."""
        instances = self._ask(list, self._client.get_instance_info, None, uid)
        return [
            ReplicaStatus.from_json(replica)
            for instance in instances
            for replica in instance.get("replica_statuses") or ()
        ]

    def registrations(self, model_type: str = "LLM") -> list[str]:
        """Return the names that can be launched: 9 kB for the 176 of type LLM."""
        listed = self._ask(list, self._client.list_model_registrations, model_type)
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
        data = self._ask(
            object,
            self._client.query_engine_by_model_name,
            _quoted(name),
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

    def launch(self, request: LaunchRequest) -> Launch:
        """Start a model and return at once; where `request` names no engine, one is chosen.

        Raises:
            ModelNotFoundError: No model of that name.
            BadRequestError: The server refuses the request, or the UID is taken.
        """
        _in_path(request.model_uid or "")
        if request.model_engine is None and request.model_type == "LLM":
            request = self.choose(request).applied_to(request)
        try:
            uid = self._ask(str, self._client.launch_model, **request.body(), wait_ready=False)
        except BadRequestError as error:
            if "already in the model list" in error.detail:
                error.hint = f"%xinference use {request.model_uid} takes it up."
            raise
        return Launch(self, uid, request)

    def progress(self, uid: str) -> dict[str, Any]:
        """Return the server's account of a launch; never a sign of success."""
        return self._ask(dict, self._client.get_launch_model_progress, _in_path(uid))

    def events(self, uid: str) -> list[dict[str, Any]]:
        """Return what has happened to a model, oldest first."""
        return self._get(list, f"/v1/models/{_in_path(uid)}/events")

    def cancel(self, uid: str) -> None:
        """Cancel a launch; returns when it has unwound, which takes up to a minute.

        Only for a model that is loading: a ready one would be orphaned (see `Launch.cancel`).
        """
        self._slowly("POST", f"/v1/models/{_in_path(uid)}/cancel")

    def abort(self, uid: str, request_id: str) -> str:
        """Stop one running request; returns ``DONE``, ``NOT_FOUND`` or ``NO_OP``."""
        said = self._ask(dict, self._client.abort_request, _in_path(uid), _quoted(request_id), 0)
        return str(said.get("msg", ""))

    def register(self, model_type: str, definition: str, *, persist: bool = False) -> None:
        """Register a model of one's own.

        Args:
            model_type: ``LLM``, ``embedding``, ...
            definition: The registration as JSON.
            persist: Keep it over restarts of the server.
        """
        self._ask(object, self._client.register_model, model_type, definition, persist)

    def unregister(self, model_type: str, name: str) -> None:
        """Remove a registration; the server says nothing about names it does not have."""
        self._ask(object, self._client.unregister_model, model_type, _quoted(name))

    def unknown(self, name: str, model_type: str = "LLM") -> ModelNotFoundError:
        """Return the error for a name that is not in the registry, with near names."""
        hint = did_you_mean(name, self.registrations(model_type))
        return ModelNotFoundError(
            f"{self.endpoint} knows no model {name} of type {model_type}.",
            hint=hint or "Names are spelt as in Xinference's list of builtin models.",
        )

    def _absent(
        self, uid: str, error: ModelNotFoundError
    ) -> ModelNotFoundError | ModelNotReadyError:
        """Return a better error for a UID that is not ready: it loads, or near ones run."""
        if any(replica.loading for replica in self.replicas(uid)):
            return ModelNotReadyError(
                f"The model {uid} is still loading.",
                status=error.status,
                detail=error.detail,
                hint=f"%xinference cancel {uid} stops the launch.",
            )
        running = [model.uid for model in self.models()]
        listed = f"Running: {', '.join(running)}." if running else "No model runs there."
        return ModelNotFoundError(
            f"No model with the UID {uid} runs at {self.endpoint}.",
            status=error.status,
            detail=error.detail,
            hint=did_you_mean(uid, running) or listed,
        )

    def _get(self, kind: type[T], path: str) -> T:
        """Get what the client has no method for."""
        return self._ask(kind, lambda: self._client.session.get(f"{self.endpoint}{path}").json())

    def _slowly(self, method: str, path: str) -> None:
        """Request what ends processes: the client's methods take no timeout of their own."""
        limits = (self._timeouts.connect, _UNWINDING)
        self._client.session.request(method, f"{self.endpoint}{path}", timeout=limits)

    def _ask(self, kind: type[T], call: Callable[..., object], *args: Any, **kwargs: Any) -> T:
        """Call the client; an answer it cannot read, or not of `kind`, is no Xinference's."""
        try:
            answer = call(*args, **kwargs)
        except (ValueError, LookupError, TypeError) as error:
            raise self._stranger() from error
        if not isinstance(answer, kind):
            raise self._stranger()
        return answer

    def _stranger(self) -> ConnectError:
        return ConnectError(
            f"What answers at {self.endpoint} is not an Xinference server.",
            hint="%xinference connect URL takes another server.",
        )


def _quoted(name: str) -> str:
    """Make a name fit for a URL's path: the client puts it in as it is."""
    return quote(name, safe="")


def _in_path(uid: str) -> str:
    """Make a UID fit for a URL's path; some can be launched but never be asked for again."""
    if "/" in uid or uid in {".", ".."}:
        raise BadRequestError(f"No URL can name the UID {uid!r}.", hint="Leave out slashes.")
    return _quoted(uid)
