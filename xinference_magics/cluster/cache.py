"""The cache of a cluster: the model files on its workers' disks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xinference_magics.errors import ModelNotFoundError, ServerError
from xinference_magics.json_fields import number, objects, text, texts
from xinference_magics.nearest import did_you_mean
from xinference_magics.remedies import Remedy

if TYPE_CHECKING:
    from xinference_magics.cluster.api import ManagementApi
    from xinference_magics.json_fields import Json


@dataclass(frozen=True, kw_only=True)
class CachedModel:
    """A model version on a worker's disk.

    Args:
        name: The name in the registry.
        version: The key to remove it by: name, size, format and quantization in one.
        type: ``LLM``, ``embedding``, ...
        engines: The engines that can run it there.
        size: Billions of parameters; None if the type has no sizes.
        format: ``pytorch``, ``ggufv2``, ...
        quantization: ``none``, ``q4_k_m``, ...
        path: Its folder in the cache.
        real_path: The target of that folder; elsewhere for a model with its own `model_uri`.
        worker: The worker that has it, ``host:port``.
        size_bytes: Bytes on disk.
    """

    name: str
    version: str
    type: str | None = None
    engines: tuple[str, ...] = ()
    size: str | None = None
    format: str | None = None
    quantization: str | None = None
    path: str | None = None
    real_path: str | None = None
    worker: str | None = None
    size_bytes: int | None = None

    @classmethod
    def from_json(cls, data: Json) -> CachedModel:
        """Read an element of the `list` of ``GET /v1/cache/models``."""
        return cls(
            name=text(data.get("model_name")) or "",
            version=text(data.get("model_version")) or "",
            type=text(data.get("model_type")),
            engines=texts(data.get("model_engine")),
            size=text(data.get("model_size_in_billions")),
            format=text(data.get("model_format")),
            quantization=text(data.get("quantization")),
            path=text(data.get("path")),
            real_path=text(data.get("real_path")),
            worker=text(data.get("actor_ip_address")),
            size_bytes=number(data.get("size_bytes")),
        )


class Cache:
    """The model files on the workers' disks.

    Args:
        api: The cluster's management API.
    """

    def __init__(self, api: ManagementApi) -> None:
        self._api = api

    def models(self, name: str | None = None, *, worker: str | None = None) -> list[CachedModel]:
        """Return the cached models; requires the permission ``cache:list``.

        Args:
            name: Return only the versions of this model.
            worker: Return only what this worker has: ``host`` or ``host:port``.
        """
        said = self._api.get(dict, "/v1/cache/models", model_name=name, worker_ip=worker)
        return [CachedModel.from_json(each) for each in objects(said.get("list"))]

    def files(self, version: str, *, worker: str | None = None) -> list[str]:
        """Return the paths of a version's files.

        Raises:
            ModelNotFoundError: No such version is cached; the hint names similar ones.
        """
        said = self._api.get(
            dict, "/v1/cache/models/files", model_version=version, worker_ip=worker
        )
        if paths := sorted(texts(said.get("paths"))):
            return paths
        known = list(dict.fromkeys(model.version for model in self.models(worker=worker)))
        of_name = [each for each in known if each.startswith(f"{version}--")]
        near = (
            f"Cached versions of it: {', '.join(of_name)}."
            if of_name
            else did_you_mean(version, known)
        )
        raise ModelNotFoundError(
            f"{self._api.endpoint} has no {version} in its cache.",
            hint=near or Remedy.LIST_CACHED(),
        )

    def remove(self, version: str, *, worker: str | None = None) -> None:
        """Remove the files of a version; a missing version counts as removed.

        Raises:
            ServerError: The server could not remove all of the files.
        """
        query = {"model_version": version, "worker_ip": worker}
        given = {key: value for key, value in query.items() if value is not None}
        url = f"{self._api.endpoint}/v1/cache/models"
        said = self._api.ask(
            dict, lambda: self._api.client.session.delete(url, params=given).json()
        )
        if not said.get("result"):
            raise ServerError(
                f"{self._api.endpoint} could not remove all files of {version}.",
                hint="See the server's log for the reason.",
            )
