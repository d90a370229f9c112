"""A cluster: what runs there, and how models are started and stopped, as typed values."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.api import ManagementApi, in_path
from xinference_magics.cluster.cache import Cache
from xinference_magics.cluster.launching.launch import Launch
from xinference_magics.cluster.machines import Machines
from xinference_magics.cluster.models import Instance, RunningModel, objects, text
from xinference_magics.cluster.registry import Registry
from xinference_magics.errors import (
    BadRequestError,
    ModelNotFoundError,
    ModelNotReadyError,
)
from xinference_magics.nearest import did_you_mean
from xinference_magics.remedies import Remedy
from xinference_magics.transport.endpoint import MANAGEMENT, Timeouts
from xinference_magics.transport.unreachable import no_xinference

if TYPE_CHECKING:
    from xinference_magics.cluster.launching.request import LaunchRequest
    from xinference_magics.cluster.models import ReplicaStatus
    from xinference_magics.transport.bearer import Token

_log = logging.getLogger(__name__)


class Cluster:
    """An Xinference endpoint and the models that run there.

    Args:
        endpoint: As people type it.
        token: Asked before each request for the bearer token: a login's, or an API key.
        timeouts: Limits in seconds.

    Nothing is asked of the server until a method is called.
    """

    def __init__(
        self, endpoint: str, *, token: Token | None = None, timeouts: Timeouts = MANAGEMENT
    ) -> None:
        self._api = ManagementApi(endpoint, token=token, timeouts=timeouts)
        self._wants_credentials: bool | None = None

    def __repr__(self) -> str:
        return f"Cluster({self.endpoint!r})"

    @property
    def endpoint(self) -> str:
        """The URL that paths are appended to."""
        return self._api.endpoint

    @property
    def token(self) -> Token | None:
        """Asked before each request for the bearer token; None where there is none."""
        return self._api.token

    @cached_property
    def registry(self) -> Registry:
        """The models that can be launched."""
        return Registry(self._api)

    @cached_property
    def cache(self) -> Cache:
        """The model files on the workers' disks."""
        return Cache(self._api)

    @cached_property
    def machines(self) -> Machines:
        """The workers, and the replicas that are placed there."""
        return Machines(self._api)

    def close(self) -> None:
        """Close the connections; the cluster cannot be used any more."""
        self._api.close()

    def version(self) -> str | None:
        """Return the server's version; None where the credentials may not know it."""
        return self._api.version()

    def requires_auth(self) -> bool:
        """Tell whether the server wants credentials; asked once, and answered without any."""
        if self._wants_credentials is None:
            answer = self._api.get(dict, "/v1/cluster/auth").get("auth")
            self._wants_credentials = bool(answer)
        return self._wants_credentials

    def models(self) -> list[RunningModel]:
        """Return the models that are ready; the server's list may be three seconds old."""
        listed = self._api.ask(dict, self._api.client.list_models)
        return [
            RunningModel.from_json(str(uid), data)
            for uid, data in listed.items()
            if isinstance(data, dict)
        ]

    def describe(self, uid: str) -> RunningModel:
        """Return the description of a model that is ready.

        Raises:
            ModelNotFoundError: No such UID; the hint names near ones.
            ModelNotReadyError: It is still loading.
        """
        try:
            return self._description(uid)
        except ModelNotFoundError as error:
            _log.debug("No model with that UID is ready", exc_info=True)
            raise self._absent(uid, error) from None

    def try_describe(self, uid: str) -> RunningModel | None:
        """Return the description of a model, or None where it is not ready or not there."""
        try:
            return self._description(uid)
        except (ModelNotFoundError, ModelNotReadyError):
            return None

    def knows(self, uid: str) -> bool:
        """Tell whether the server has a model of that UID, ready or on its way.

        Before 2.x it said of one on its way that there is no replica of it.
        """
        try:
            return self._description(uid) is not None
        except ModelNotReadyError:
            return True
        except ModelNotFoundError as error:
            return not error.detail.rstrip(".").endswith(f"uid: {uid}")

    def _description(self, uid: str) -> RunningModel:
        data = self._api.ask(dict, self._api.client.describe_model, in_path(uid))
        return RunningModel.from_json(uid, data)

    def terminate(self, uid: str) -> None:
        """Stop a model that is ready, all its replicas.

        Raises:
            ModelNotFoundError: No such UID; the hint names near ones.
            ModelNotReadyError: It is still loading: that is cancelled, not terminated.
        """
        try:
            self._api.slowly("DELETE", f"/v1/models/{in_path(uid)}")
        except ModelNotFoundError as error:
            _log.debug("No model with that UID is ready", exc_info=True)
            raise self._absent(uid, error) from None

    def workers(self) -> list[str]:
        """Return the addresses of the workers, ``host:port``; answered without credentials."""
        listed = self._api.get(dict, "/status").get("workers")
        return [str(address) for address in listed] if isinstance(listed, dict) else []

    def replicas(self, uid: str, name: str | None = None) -> list[ReplicaStatus]:
        """Return the replicas of a UID, on their way and failed ones included.

        Args:
            uid: Whose.
            name: Only where it is this model's, by its name in the registry.
        """
        instances = self._api.ask(list, self._api.client.get_instance_info, name, uid)
        return [
            replica
            for instance in objects(instances)
            for replica in Instance.from_json(instance).replicas
        ]

    def launch(self, request: LaunchRequest) -> Launch:
        """Start a model and return at once; where `request` names no engine, one is chosen.

        Raises:
            ModelNotFoundError: No model of that name.
            BadRequestError: The server refuses the request, or the UID is taken.
        """
        in_path(request.model_uid or "")
        if request.model_engine is None and request.model_type == "LLM":
            request = self.registry.choose(request).applied_to(request)
        try:
            path, body = "/v1/models?wait_ready=false", request.body()
            launched = text(self._api.post(dict, path, body).get("model_uid"))
        except BadRequestError as error:
            if "already in the model list" in error.detail:
                uid = request.model_uid or request.model_name
                error.hint = Remedy.USE_OR_RENAME(uid=uid)
            raise
        if launched is None:
            raise no_xinference(self._api.endpoint)
        return Launch(self, launched, request)

    def progress(self, uid: str) -> dict[str, Any]:
        """Return the server's account of a launch; never a sign of success."""
        return self._api.ask(dict, self._api.client.get_launch_model_progress, in_path(uid))

    def events(self, uid: str) -> list[dict[str, Any]]:
        """Return what has happened to a model, oldest first."""
        return self._api.get(list, f"/v1/models/{in_path(uid)}/events")

    def cancel(self, uid: str) -> None:
        """Cancel a launch; returns when it has unwound, which takes up to a minute.

        Only for a model that is loading: a ready one would be orphaned (see `Launch.cancel`).
        """
        self._api.slowly("POST", f"/v1/models/{in_path(uid)}/cancel")

    def _absent(
        self, uid: str, error: ModelNotFoundError
    ) -> ModelNotFoundError | ModelNotReadyError:
        """Return a better error for a UID that is not ready: it loads, or near ones run."""
        if any(replica.loading for replica in self.replicas(uid)):
            return ModelNotReadyError(
                f"The model {uid} is still loading.",
                status=error.status,
                detail=error.detail,
                hint=Remedy.CANCEL(uid=uid),
            )
        running = [model.uid for model in self.models()]
        listed = f"Running: {', '.join(running)}." if running else "No models are running there."
        return ModelNotFoundError(
            f"No model with the UID {uid} is running at {self.endpoint}.",
            status=error.status,
            detail=error.detail,
            hint=did_you_mean(uid, running) or listed,
        )
