"""Whether a running or loading model is the one that a launch asks for.

The rule:

1. With a UID, only the model with that UID counts. Without one, every ready model counts, and
   a launch in progress whose UID is the model's name.
2. Type, name, format, size and quantization must equal those of the launch, after open choices
   are made. Engine, replicas and workers must match if the user specified them.
3. The server does not report the other options of a launch (GPUs, engine parameters, environment
   variables, ...) for a running model. With such options, a model counts as the same only if the
   UID names it, or if this notebook launched it with the same request.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from xinference_magics.cluster.launching.engine_choice import spelling
from xinference_magics.errors import BadRequestError
from xinference_magics.json_fields import number, text
from xinference_magics.remedies import Remedy

if TYPE_CHECKING:
    from xinference_magics.cluster.connection import Cluster
    from xinference_magics.cluster.launching.plan import LaunchRequest
    from xinference_magics.cluster.models import RunningModel


@dataclass(frozen=True)
class LaunchTarget:
    """A launch as the user wants it.

    Args:
        request: The request, with open choices made.
        typed: The fields of `request` that the user specified.
        hidden: The options, as typed, that the server does not report for running models.
    """

    request: LaunchRequest
    typed: frozenset[str] = frozenset()
    hidden: tuple[str, ...] = ()

    def fits(self, running: RunningModel) -> bool:
        """Return whether `running` matches the request in everything the server reports."""
        return not self.differences(running)

    def differences(self, running: RunningModel) -> list[str]:
        """Return the properties of `running` that differ from the request."""
        request = self.request
        settled = (
            ("type", running.type, request.model_type),
            ("name", running.name, request.model_name),
            ("format", running.format, request.model_format),
            ("size", running.size, request.model_size_in_billions),
            ("quantization", running.quantization, request.quantization),
        )
        asked = (
            ("engine", "model_engine", running.engine or request.model_engine),  # 1.17 omits it
            ("replicas", "replica", running.replica),
            ("workers", "n_worker", number(running.raw.get("n_worker"))),
        )
        typed = [(n, is_, getattr(request, it)) for n, it, is_ in asked if it in self.typed]
        return [
            f"{name} {is_}"
            for name, is_, should_be in (*settled, *typed)
            if should_be is not None and spelling(text(is_) or "") != spelling(str(should_be))
        ]


@dataclass(frozen=True)
class ReusableModel:
    """A model to use instead of a new one.

    Args:
        uid: Its UID.
        loading: Whether it is still loading; its properties are then unknown until it is ready.
        state: A description of the model and its state, as the start of a sentence.
        doubt: What is not known about it, as a sentence; empty if there is nothing.
    """

    uid: str
    loading: bool
    state: str
    doubt: str = ""

    @property
    def said(self) -> str:
        """The line to show the user for a launch."""
        return self._line("waiting for it" if self.loading else "using it")

    @property
    def planned(self) -> str:
        """The line to show the user for a launch that is only planned."""
        return self._line(f"the launch would {'wait for' if self.loading else 'use'} it")

    def _line(self, done: str) -> str:
        return f"{self.state}; {done}. {self.doubt}".rstrip()


@dataclass(frozen=True)
class Match:
    """The result of looking for an existing model for a launch.

    Args:
        existing: The model to use; None if a new one must be launched.
        said: Why a model that looks the same is not used; empty if there is none.
    """

    existing: ReusableModel | None = None
    said: str = ""


@dataclass
class LaunchHistory:
    """The requests of this notebook's launches, by endpoint and UID."""

    _requests: dict[tuple[str, str], LaunchRequest] = field(default_factory=dict)

    def note(self, endpoint: str, uid: str, request: LaunchRequest) -> None:
        """Store the request that was sent for `uid`."""
        self._requests[endpoint, uid] = request

    def forget(self, endpoint: str, uid: str) -> None:
        """Drop the request of a model that no longer exists."""
        self._requests.pop((endpoint, uid), None)

    def of(self, endpoint: str, uid: str) -> LaunchRequest | None:
        """Return the request that started `uid`, or None if this notebook did not launch it."""
        return self._requests.get((endpoint, uid))

    def same(self, endpoint: str, uid: str, request: LaunchRequest) -> bool:
        """Return whether `uid` was launched here with `request`, ignoring the request's UID."""
        own = self.of(endpoint, uid)
        return own is not None and replace(own, model_uid=request.model_uid) == request


def find(cluster: Cluster, target: LaunchTarget, history: LaunchHistory) -> Match:
    """Look for the model that `target` asks for, by the rule at the top of this module.

    Raises:
        BadRequestError: The requested UID belongs to another model.
    """
    uid = target.request.model_uid
    if uid is not None:
        return _named(cluster, target, uid)
    fitting = [model for model in cluster.models() if target.fits(model)]
    known = [model for model in fitting if _is_known(cluster, target, history, model.uid)]
    for model in known:
        if cluster.try_describe(model.uid):  # the list may be up to 3 s old
            return Match(ReusableModel(model.uid, False, _line(model)))
    name = target.request.model_name
    if _loads(cluster, name, name) and _is_known(cluster, target, history, name):
        return Match(ReusableModel(name, True, f"{name} is already loading"))
    return Match(said=_passed_over(fitting, target.hidden) if fitting and not known else "")


def _named(cluster: Cluster, target: LaunchTarget, uid: str) -> Match:
    if running := cluster.try_describe(uid):
        check(running, target)
        doubt = f"The server {_untold(target.hidden)}." if target.hidden else ""
        return Match(ReusableModel(uid, False, _line(running), doubt))
    if _loads(cluster, uid, target.request.model_name):
        return Match(ReusableModel(uid, True, f"{uid} is already loading"))
    return Match()


def check(running: RunningModel, target: LaunchTarget) -> None:
    """Reject a running model with the requested UID that does not match the request.

    Raises:
        BadRequestError: It is a different model; the hint says what to do.
    """
    if different := target.differences(running):
        raise BadRequestError(
            f"The UID {running.uid} is taken by a model with {', '.join(different)}.",
            hint=Remedy.USE_STOP_OR_RENAME(uid=running.uid),
        )


def _loads(cluster: Cluster, uid: str, name: str) -> bool:
    replicas = cluster.replicas(uid, name)
    begun = any(each.loading for each in replicas) and all(
        each.loading or each.ready for each in replicas
    )
    return begun and cluster.knows(uid)  # cancelled launches on 1.17 seem to load forever


def _is_known(cluster: Cluster, target: LaunchTarget, history: LaunchHistory, uid: str) -> bool:
    """Return whether `uid` is known to match in the hidden options too."""
    return not target.hidden or history.same(cluster.endpoint, uid, target.request)


def _line(model: RunningModel) -> str:
    parts = (model.engine, model.format, model.size and f"size {model.size}", model.quantization)
    return f"{model.uid} ({', '.join(filter(None, [model.name, *parts]))}) is already running"


def _passed_over(fitting: list[RunningModel], hidden: tuple[str, ...]) -> str:
    uid = fitting[0].uid
    return (
        f"{uid} runs the same model; the server {_untold(hidden)}, "
        f"so it is not used ({Remedy.USE(uid=uid)})."
    )


def _untold(hidden: tuple[str, ...]) -> str:
    be = "is" if len(hidden) == 1 else "are"
    return f"does not say whether {', '.join(hidden)} {be} the same"
