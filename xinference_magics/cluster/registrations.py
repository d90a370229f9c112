"""The entries of a server's model registry, as typed values, and definitions to register."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from xinference_magics.errors import BadRequestError
from xinference_magics.json_fields import mapping, number, objects, text, texts
from xinference_magics.nearest import did_you_mean
from xinference_magics.remedies import Advice, Remedy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xinference_magics.json_fields import Json


_FAULT = re.compile(r"(?:^|\) )(?P<field>\w+(?: -> \w+)*) (?P<says>.+?) \(type=")
_HEAD = re.compile(r"^\d+ validation errors? for \w+ ")
_MISSING = "field required"
_URI = re.compile(r"Invalid model URI (?P<uri>.+?)\.?$")
_NAME = re.compile(r"Invalid model name (?P<name>.+?)\.?$")
_FAMILY = re.compile(
    r"`model_family` for (?P<kind>[\w ]+) model must be one of .*?: (?P<known>.+)$"
)
_FORMATS = ("ggufv2", "pytorch", "gptq", "awq", "fp4", "fp8", "bnb", "mlx")
_FILE = "model_file_name_template"
_BELONGS = {"dimensions": "embedding", "multilingual": "audio", "launcher": "flexible"}
"""Fields that only registrations of one type have."""


class _Loader(yaml.SafeLoader):
    """A YAML loader that resolves plain scalars as JSON does, and reads all others as text.

    YAML 1.1 reads the size ``0_5`` as 5, ``1_8`` as 18, and the language ``no`` as false.
    """

    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML requires a class attribute


for _tag, _pattern, _first in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first
    )


@dataclass(frozen=True)
class Definition:
    """A registration as sent to the server.

    Args:
        name: The model's name; empty if the registration has none.
        fields: All fields of the registration.
    """

    name: str
    fields: dict[str, Any]

    @classmethod
    def parse(cls, text: str, source: str) -> Definition:
        """Parse JSON, or YAML if the text does not begin with a brace.

        Args:
            text: The definition.
            source: Where it was found, for messages: ``the cell``, a path.

        Raises:
            BadRequestError: It is neither; the message names the line.
        """
        fields = _json(text, source) if text.lstrip().startswith("{") else _yaml(text, source)
        if not isinstance(fields, dict):
            raise BadRequestError(
                f"{source} contains no model definition.",
                hint="Write a JSON or YAML mapping with model_name, model_specs and so on.",
            )
        name = fields.get("model_name")
        return cls(name if isinstance(name, str) else "", _with_sizes(fields))

    @property
    def body(self) -> str:
        """The definition as JSON."""
        return json.dumps(self.fields, default=str)

    def refused(self, error: BadRequestError, model_type: str) -> BadRequestError:
        """Reword a server's refusal of this registration to say what to change."""
        message, hint = self._reading(error.detail, model_type)
        return BadRequestError(
            message or error.message,
            status=error.status,
            detail=error.detail,
            hint=hint or error.hint,
        )

    def _reading(self, detail: str, model_type: str) -> tuple[str, str | Advice]:
        if _HEAD.match(detail):
            return self._invalid(_HEAD.sub("", detail), model_type)
        if "Unsupported model type" in detail:
            return f"A server accepts no registrations of type {model_type}.", ""
        if found := _URI.search(detail):
            return (
                f"The server found nothing at the model_uri {found['uri']}.",
                "Use a path on the server's machine, or a URI.",
            )
        if found := _NAME.search(detail):
            return (
                f"{found['name']!r} is not a valid model_name.",
                "Use letters, digits, -, _ and dots.",
            )
        if found := _FAMILY.search(detail):
            near = did_you_mean(str(self.fields.get("model_family")), found["known"].split(", "))
            return (
                (
                    f"{self.fields.get('model_family')} is not a model_family for {found['kind']} "
                    "models."
                ),
                near or Remedy.SEARCH_CHAT(),
            )
        return "", ""

    def _invalid(self, report: str, model_type: str) -> tuple[str, str | Advice]:
        """Turn a pydantic error report into a message that lists missing fields together."""
        faults = dict(self._faults(report))
        lacking = [field for field, says in faults.items() if says == _MISSING]
        wrong = [f"{field}: {says}" for field, says in faults.items() if says != _MISSING]
        parts = ([f"missing {', '.join(lacking)}"] if lacking else []) + wrong
        if not parts:
            return "", ""
        others = {field: kind for field, kind in _BELONGS.items() if kind != model_type}
        meant = [kind for field, kind in others.items() if field in self.fields]
        hint = Remedy.MEANT_TYPE(model_type=meant[0]) if meant else ""
        named = self.name or "The definition"
        return (
            f"{named} is not a valid model definition of type {model_type}: {'; '.join(parts)}.",
            hint,
        )

    def _faults(self, report: str) -> Iterator[tuple[str, str]]:
        """Yield the relevant faults: the server tries every kind of spec and reports all faults."""
        for found in _FAULT.finditer(report):
            path, says = found["field"].split(" -> "), found["says"]
            form = self._format(path)
            if path[-1] == "model_format" and says != _MISSING:
                says = f"{form} is not one of {', '.join(_FORMATS)}"
            of_another_kind = {"model_format": form in _FORMATS, _FILE: form != "ggufv2"}
            if len(path) == 1 or not of_another_kind.get(path[-1]):
                yield ".".join(path), says

    def _format(self, path: list[str]) -> object:
        """Return the format of the specification that contains the fault at `path`."""
        specs = self.fields.get("model_specs")
        place = int(path[1]) if len(path) > 1 and path[1].isdigit() else 0
        spec = specs[place] if isinstance(specs, list) and place < len(specs) else None
        return text(mapping(spec).get("model_format"))


def _with_sizes(fields: dict[str, Any]) -> dict[str, Any]:
    """Spell sizes the way the server does, which accepts ``0_5`` but not ``0.5``."""
    specs = fields.get("model_specs")
    for spec in specs if isinstance(specs, list) else ():
        size = spec.get("model_size_in_billions") if isinstance(spec, dict) else None
        if isinstance(size, float | str) and re.fullmatch(r"\d+\.\d+", str(size)):
            whole, _, part = str(size).partition(".")
            spec["model_size_in_billions"] = f"{whole}_{part}" if part.strip("0") else int(whole)
    return fields


def _json(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadRequestError(f"The JSON in {source} is invalid at {where}: {error.msg}.") from None
    except RecursionError:
        raise BadRequestError(f"The JSON in {source} is nested too deeply.") from None


def _yaml(text: str, source: str) -> Any:
    try:
        return yaml.load(text, _Loader)  # noqa: S506  # derives from SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise BadRequestError(
            f"The YAML in {source} is invalid{where}: {error.problem or error.context}."
        ) from None
    except (yaml.YAMLError, RecursionError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise BadRequestError(f"The YAML in {source} cannot be read: {said}.") from None


MODEL_TYPES = ("LLM", "embedding", "rerank", "image", "audio", "video", "world", "flexible")
"""The model types of Xinference 4.1."""


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A model that can be launched.

    Args:
        name: The name to launch it by.
        type: ``LLM``, ``embedding``, ``rerank``, ``image``, ...
        builtin: Whether it comes with Xinference; False for a user's own registration.
        abilities: ``chat``, ``vision``, ``text2image``, ...
        languages: Two-letter codes.
        sizes: Billions of parameters, as in ``0_5`` or ``7``, smallest first.
        formats: ``pytorch``, ``ggufv2``, ...
        context_length: Its context window, in tokens.
        dimensions: Length of an embedding vector.
        family: The family whose formats it follows.
        description: A sentence or two.

    Fields that were not requested from the server are empty or None.
    """

    name: str
    type: str
    builtin: bool
    abilities: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    context_length: int | None = None
    dimensions: int | None = None
    family: str | None = None
    description: str | None = None

    @classmethod
    def from_json(cls, model_type: str, data: Json) -> Registration:
        """Read ``GET /v1/model_registrations/{type}/{name}``, or an element of a list of them."""
        specs = objects(data.get("model_specs"))
        return cls(
            name=text(data.get("model_name")) or "",
            type=model_type,
            builtin=bool(data.get("is_builtin")),
            abilities=texts(data.get("model_ability")),
            languages=texts(data.get("model_lang")) or texts(data.get("language")),
            sizes=_sorted(_each(spec.get("model_size_in_billions") for spec in specs)),
            formats=_each(spec.get("model_format") for spec in specs),
            context_length=number(data.get("context_length")) or number(data.get("max_tokens")),
            dimensions=number(data.get("dimensions")),
            family=text(data.get("model_family")),
            description=text(data.get("model_description")),
        )


def _sorted(sizes: Iterable[str]) -> tuple[str, ...]:
    """Sort sizes as numbers; sizes that aren't numbers come last."""

    def as_number(size: str) -> tuple[bool, float]:
        found = re.fullmatch(r"\d{1,6}([._]\d{1,6})?", size, re.ASCII)
        return not found, float(size.replace("_", ".")) if found else 0.0

    return tuple(sorted(sizes, key=as_number))


def _each(values: Iterable[Any]) -> tuple[str, ...]:
    """Return each distinct text once, in order of first appearance."""
    return tuple(dict.fromkeys(texts(list(values))))


@dataclass(frozen=True)
class VllmModel:
    """A model architecture that the server's vLLM supports.

    Args:
        name: The name in a model's ``config.json``, e.g. ``LlamaForCausalLM``.
        abilities: ``chat``, ``generate``, or both.
    """

    name: str
    abilities: tuple[str, ...]

    @classmethod
    def list_from_json(cls, data: Json) -> list[VllmModel]:
        """Read ``GET /v1/models/vllm-supported``, which maps each ability to its names."""
        names = dict.fromkeys(name for listed in data.values() for name in texts(listed))
        return [
            cls(name, tuple(ability for ability in data if name in texts(data[ability])))
            for name in names
        ]
