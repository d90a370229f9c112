"""How to run a model: what the server offers, and the choice of what the request leaves open.

The rule, in this order:

1. Only offers that match the requested engine, format, size and quantization.
2. Engines installed on the server before those it would have to install first.
3. The server's own order of engines, formats and sizes.
4. If there are several quantizations, ``none`` or ``q4_k_m``, else the server's first.
5. The first projector, if there are any: without one, a vision-capable GGUF model is blind.

For models of type LLM, embedding and rerank all four fields are chosen and sent. For other types
the server's defaults know more than its list of engines, so the request is only checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from xinference_magics.cluster.launching import renamed_models
from xinference_magics.errors import BadRequestError
from xinference_magics.json_fields import objects, text, texts
from xinference_magics.nearest import did_you_mean
from xinference_magics.remedies import Advice, Remedy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from xinference_magics.cluster.launching.plan import LaunchRequest

SETTLED = frozenset({"LLM", "embedding", "rerank"})
"""Model types for which this package, not the server, chooses what the request leaves open."""

_PREFERRED = ("none", "q4_k_m")
_WHOLE = re.compile(r"^(\d+)_0$")  # a size of 7.0


@dataclass(frozen=True)
class Offer:
    """One way to run a model: an engine with a format, a size and a quantization.

    Args:
        engine: The engine, as the server spells it.
        format: ``pytorch``, ``ggufv2``, ...
        size: Billions of parameters, as in ``7`` or ``0_5``; None if the type has no sizes.
        quantization: ``none``, ``q4_k_m``, ...; None if the type has none.
        installed: Whether the engine is already installed on the server.
        projector: The file a GGUF model needs for image or audio input; None if it has none.
    """

    engine: str
    format: str | None
    size: str | None
    quantization: str | None
    installed: bool = True
    projector: str | None = None


@dataclass(frozen=True)
class Engines:
    """What a server reports about the engines for one model.

    Args:
        model_name: The model's name in the registry.
        offers: Every possible combination, in the server's order.
        unavailable: The other engines, each with the server's reason.
    """

    model_name: str
    offers: tuple[Offer, ...]
    unavailable: Mapping[str, str]

    @classmethod
    def from_json(cls, model_name: str, data: Mapping[str, Any]) -> Engines:
        """Read ``GET /v1/engines/{type}/{name}``: lists of specifications, or a reason as text."""
        listed = {engine: specs for engine, specs in data.items() if isinstance(specs, list)}
        return cls(
            model_name,
            tuple(
                offer
                for engine, specs in listed.items()
                for spec in objects(specs)
                for offer in _offers(engine, spec)
            ),
            {engine: str(says) for engine, says in data.items() if engine not in listed},
        )

    def possible(self, field: str, given: Mapping[str, str]) -> list[str]:
        """Return the values of one field of an offer that are compatible with other fields.

        Args:
            field: ``engine``, ``format``, ``size`` or ``quantization``.
            given: The values of other fields, in any spelling that a launch accepts.

        Returns:
            The values in the server's order, those that need no installation first.
        """
        criteria = [_Criterion(name, value) for name, value in given.items()]
        offers = [each for each in self.offers if all(it.fits(each) for it in criteria)]
        offers.sort(key=lambda offer: not offer.installed)
        return _Criterion(field, None).possible(offers)


def _offers(engine: str, spec: Mapping[str, Any]) -> Iterator[Offer]:
    for quantization in texts(spec.get("quantizations")) or (text(spec.get("quantization")),):
        yield Offer(
            engine,
            text(spec.get("model_format")),
            text(spec.get("model_size_in_billions")),
            quantization,
            installed=not spec.get("virtualenv_required"),
            projector=next(iter(texts(spec.get("multimodal_projectors"))), None),
        )


@dataclass(frozen=True)
class Choice:
    """An engine, format, size and quantization to launch with.

    Args:
        engine: None if the model type needs no engine.
        format: None if the model type has no formats; likewise `size` and `quantization`.
        size: Billions of parameters, as the server spells it.
        quantization: The quantization, as the server spells it.
        installed: Whether the engine is installed on the server.
        projector: The projector to start the model with; None if there is none.
        said: One line on what was chosen beyond the request; empty if nothing was.
    """

    engine: str | None
    format: str | None
    size: str | None
    quantization: str | None
    installed: bool = True
    projector: str | None = None
    said: str = ""

    def applied_to(self, request: LaunchRequest) -> LaunchRequest:
        """Return `request` with the choice filled in."""
        projector = {"multimodal_projector": self.projector} if self.projector else {}
        return replace(
            request,
            extra={**projector, **request.extra},
            model_engine=self.engine,
            model_format=self.format,
            model_size_in_billions=self.size,
            quantization=self.quantization,
        )


@dataclass(frozen=True)
class _Criterion:
    """One thing a request can specify: a field of `Offer` and its required value."""

    field: str
    wanted: str | None

    def of(self, offer: Offer) -> str | None:
        value: str | None = getattr(offer, self.field)
        return value

    def fits(self, offer: Offer) -> bool:
        value = self.of(offer)
        return value is None or spelling(value) == spelling(self.wanted or "")

    def possible(self, offers: Iterable[Offer]) -> list[str]:
        return list(dict.fromkeys(value for value in map(self.of, offers) if value is not None))

    @property
    def parameter(self) -> Advice:
        """The name of the parameter, as the user writes it."""
        return Remedy.PARAMETER(field=_FIELDS[self.field])

    @property
    def given(self) -> str:
        """The parameter and its value, as the user writes them."""
        return f"{self.parameter} {self.wanted}"


_FIELDS = {
    "engine": "model_engine",
    "format": "model_format",
    "size": "model_size_in_billions",
    "quantization": "quantization",
}
"""Maps the fields of an `Offer` to those of a `LaunchRequest`."""


def spelling(value: str) -> str:
    """Normalize spellings: any case of an engine, ``0.5`` and ``0_5``, ``7.0`` and ``7``."""
    return _WHOLE.sub(r"\1", value.casefold().replace(".", "_"))


def fitting(request: LaunchRequest, engines: Engines) -> list[Offer]:
    """Return the offers that match `request`, in the server's order."""
    asked = [each for each in _criteria(request) if each.wanted is not None]
    return [offer for offer in engines.offers if all(each.fits(offer) for each in asked)]


def _criteria(request: LaunchRequest) -> tuple[_Criterion, ...]:
    return (
        _Criterion("engine", request.model_engine),
        _Criterion("format", request.model_format),
        _Criterion("size", text(request.model_size_in_billions)),
        _Criterion("quantization", request.quantization),
    )


def choose(request: LaunchRequest, engines: Engines | None) -> Choice:
    """Choose how to run a model by the rule at the top of this module.

    Args:
        request: The launch as requested.
        engines: The engines that can run it; None for a model type without engines.

    Raises:
        BadRequestError: Nothing fits; the message says which option, and what is possible.
    """
    if engines is None:
        return _as_asked(request)
    criteria = _criteria(request)
    if not engines.offers:
        raise _nothing(engines, criteria[0])
    offers = list(engines.offers)
    for criterion in criteria:
        if criterion.wanted is not None:
            left = [offer for offer in offers if criterion.fits(offer)]
            if not left:
                raise _impossible(criterion, criteria, offers, engines)
            offers = left
    if request.model_type not in SETTLED:
        return _as_asked(request)
    best = _best(offers)
    return Choice(
        best.engine,
        best.format,
        best.size,
        best.quantization,
        installed=best.installed,
        projector=best.projector,
        said=_said(best, criteria, offers, request.extra.get("multimodal_projector")),
    )


def _as_asked(request: LaunchRequest) -> Choice:
    """Return a choice that adds nothing to `request`."""
    return Choice(
        request.model_engine,
        request.model_format,
        text(request.model_size_in_billions),
        request.quantization,
    )


def _best(offers: list[Offer]) -> Offer:
    first = min(offers, key=lambda offer: not offer.installed)  # min() returns the first of equals
    alike = [offer for offer in offers if _bare(offer) == _bare(first)]
    preferred = (offer for offer in alike if spelling(offer.quantization or "") in _PREFERRED)
    return next(preferred, first)


def _bare(offer: Offer) -> Offer:
    return replace(offer, quantization=None)


def _said(
    best: Offer, criteria: tuple[_Criterion, ...], offers: list[Offer], projector: object
) -> str:
    """Describe what was chosen for the user, and say if the engine must be installed first."""
    chosen = [
        f"{criterion.field} {value}"
        for criterion in criteria
        if criterion.wanted is None and (value := criterion.of(best)) is not None
    ]
    if best.projector and projector is None:
        chosen.append(f"projector {best.projector}")
    others = _others(best, offers)
    parts = [f"Chosen: {', '.join(chosen)}."] if chosen else []
    if others:
        parameter = Remedy.PARAMETER(field="model_engine")
        parts.append(f"Other engines ({parameter}): {', '.join(others)}.")
    if not best.installed:
        parts.append(f"{best.engine} is not installed there; the server will install it first.")
    return " ".join(parts)


def _others(best: Offer, offers: list[Offer]) -> list[str]:
    """Return the names of the other engines, noting those that are not installed."""
    notes = {each.engine: "" if each.installed else " (not installed)" for each in offers}
    return [f"{engine}{note}" for engine, note in notes.items() if engine != best.engine]


def _impossible(
    criterion: _Criterion,
    criteria: tuple[_Criterion, ...],
    offers: list[Offer],
    engines: Engines,
) -> BadRequestError:
    before = criteria[: criteria.index(criterion)]
    given = [each.given for each in before if each.wanted is not None]
    wanted = criterion.wanted or ""
    message = f"{criterion.given} is not offered for {' '.join([engines.model_name, *given])}"
    message += _reason(criterion, engines)
    possible = criterion.possible(offers)
    replaced = (
        renamed_models.FORMATS.get(wanted.casefold()) if criterion.field == "format" else None
    )
    if replaced in possible:
        hints = [f"{wanted} is now called {replaced}: use {criterion.parameter} {replaced}."]
    else:
        hints = [did_you_mean(wanted, possible), _otherwise(criterion, criteria, engines)]
    listed = f"Available: {', '.join(possible)}."
    return BadRequestError(f"{message}.", hint=" ".join(filter(None, [*hints, listed])))


def _reason(criterion: _Criterion, engines: Engines) -> str:
    """Quote the server's reason for not offering an engine."""
    reasons = {spelling(name): says for name, says in engines.unavailable.items()}
    says = reasons.get(spelling(criterion.wanted or "")) if criterion.field == "engine" else None
    return f": {says.rstrip('.')}" if says else ""


def _otherwise(criterion: _Criterion, criteria: tuple[_Criterion, ...], engines: Engines) -> str:
    """Name values for one earlier option that would make the rest of the request possible."""
    asked = [each for each in criteria if each.wanted is not None]
    for other in asked[: asked.index(criterion)]:
        rest = [each for each in asked if each is not other]
        offers = (offer for offer in engines.offers if all(each.fits(offer) for each in rest))
        if values := other.possible(offers):
            return f"It is offered with {other.parameter} {' or '.join(values)}."
    return ""


def _nothing(engines: Engines, engine: _Criterion) -> BadRequestError:
    says = _reason(engine, engines)
    if engine.wanted is not None and says:
        return BadRequestError(f"{engine.given} cannot run {engines.model_name}{says}.")
    reasons = [f"{name}: {why.rstrip('.')}" for name, why in engines.unavailable.items()]
    said = f" {'; '.join(reasons)}." if reasons else ""
    return BadRequestError(f"No engine of this server can run {engines.model_name}.{said}")
