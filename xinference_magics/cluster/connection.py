"""A cluster: the models it runs, and how to start and stop them, as typed values."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.api import ManagementApi, in_path
from xinference_magics.cluster.cache import Cache
from xinference_magics.cluster.launching.launch import Launch
from xinference_magics.cluster.machines import Machines
from xinference_magics.cluster.models import Instance, RunningModel
from xinference_magics.cluster.registry import Registry
from xinference_magics.errors import (
    BadRequestError,
    ModelNotFoundError,
    ModelNotReadyError,
)
from xinference_magics.json_fields import mapping, objects, text
from xinference_magics.nearest import did_you_mean
from xinference_magics.remedies import Remedy
from xinference_magics.transport.endpoint import MANAGEMENT, Timeouts
from xinference_magics.transport.unreachable import no_xinference

if TYPE_CHECKING:
    from xinference_magics.cluster.launching.plan import LaunchRequest
    from xinference_magics.cluster.models import ReplicaStatus
    from xinference_magics.transport.bearer import Token

_log = logging.getLogger(__name__)


class Cluster:
    """An Xinference endpoint and the models that run there.

    Args:
        endpoint: The endpoint as the user typed it.
        token: Called before each request to get the bearer token: a login's, or an API key.
        timeouts: Limits in seconds.

    No request is sent until a method is called.
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
        """Called before each request to get the bearer token; None if there is none."""
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
        """The workers, and the replicas placed on them."""
        return Machines(self._api)

    def close(self) -> None:
        """Close the connections; the cluster cannot be used afterwards."""
        self._api.close()

    def version(self) -> str | None:
        """Return the server's version; None if the credentials don't permit reading it."""
        return self._api.version()

    def requires_auth(self) -> bool:
        """Return whether the server requires credentials; asked once, without credentials."""
        if self._wants_credentials is None:
            answer = self._api.get(dict, "/v1/cluster/auth").get("auth")
            self._wants_credentials = bool(answer)
        return self._wants_credentials

    def models(self) -> list[RunningModel]:
        """Return the models that are ready; the server's list may be up to three seconds old."""
        listed = self._api.ask(dict, self._api.client.list_models)
        return [
            RunningModel.from_json(str(uid), data)
            for uid, data in listed.items()
            if isinstance(data, dict)
        ]

    def describe(self, uid: str) -> RunningModel:
        """Return the description of a model that is ready.

        Raises:
            ModelNotFoundError: No such UID; the hint names similar ones.
            ModelNotReadyError: It is still loading.
        """
        try:
            return self._description(uid)
        except ModelNotFoundError as error:
            _log.debug("No model with that UID is ready", exc_info=True)
            raise self._absent(uid, error) from None

    def try_describe(self, uid: str) -> RunningModel | None:
        """Return the description of a model, or None if it is not ready or does not exist."""
        try:
            return self._description(uid)
        except (ModelNotFoundError, ModelNotReadyError):
            return None

    def knows(self, uid: str) -> bool:
        """Return whether the server has a model with this UID, ready or loading.

        For a loading one, servers before 2.x report that it has no replica.
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
        """Stop all replicas of a model that is ready.

        Raises:
            ModelNotFoundError: No such UID; the hint names similar ones.
            ModelNotReadyError: It is still loading: cancel it instead.
        """
        try:
            self._api.slowly("DELETE", f"/v1/models/{in_path(uid)}")
        except ModelNotFoundError as error:
            _log.debug("No model with that UID is ready", exc_info=True)
            raise self._absent(uid, error) from None

    def workers(self) -> list[str]:
        """Return the addresses of the workers, ``host:port``; needs no credentials."""
        listed = self._api.get(dict, "/status").get("workers")
        return [str(address) for address in mapping(listed)]

    def replicas(self, uid: str, name: str | None = None) -> list[ReplicaStatus]:
        """Return the replicas of a UID, including loading and failed ones.

        Args:
            uid: The model's UID.
            name: Return only replicas of the model with this name in the registry.
        """
        instances = self._api.ask(list, self._api.client.get_instance_info, name, uid)
        return [
            replica
            for instance in objects(instances)
            for replica in Instance.from_json(instance).replicas
        ]

    def launch(self, request: LaunchRequest) -> Launch:
        """Start a model and return at once; choose an engine if `request` names none.

        Raises:
            ModelNotFoundError: No model has that name.
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
        """Return the server's progress report of a launch, which never indicates success."""
        return self._api.ask(dict, self._api.client.get_launch_model_progress, in_path(uid))

    def events(self, uid: str) -> list[dict[str, Any]]:
        """Return the events of a model, oldest first."""
        return self._api.get(list, f"/v1/models/{in_path(uid)}/events")

    def cancel(self, uid: str) -> None:
        """Cancel a launch and return once it has unwound, which takes up to a minute.

        Call it only for a loading model: a ready one would be orphaned (see `Launch.cancel`).
        """
        self._api.slowly("POST", f"/v1/models/{in_path(uid)}/cancel")

    def _absent(
        self, uid: str, error: ModelNotFoundError
    ) -> ModelNotFoundError | ModelNotReadyError:
        """Return a better error for a UID that is not ready: it is loading, or similar ones run."""
        if any(replica.loading for replica in self.replicas(uid)):
            return ModelNotReadyError(
                f"The model {uid} is still loading.",
                status=error.status,
                detail=error.detail,
                hint=Remedy.CANCEL(uid=uid),
            )
        running = [model.uid for model in self.models()]
        listed = f"Running: {', '.join(running)}." if running else Remedy.LAUNCH()
        return ModelNotFoundError(
            f"No model with the UID {uid} is running at {self.endpoint}.",
            status=error.status,
            detail=error.detail,
            hint=did_you_mean(uid, running) or listed,
        )
