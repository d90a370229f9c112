"""Structured output: `ChatXinference.with_structured_output`.

How the engines treat the three methods, as seen on Xinference 4.1: llama.cpp and vLLM follow a
``json_schema``, and a forced tool call is sent to them as one; only vLLM follows ``json_object``,
so llama.cpp is sent the schema of any object instead; transformers follows none of them, but a
tool's schema is at least in the prompt. Every answer is validated. If no method is given, the
engine determines it at the first call.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import (
    JsonOutputKeyToolsParser,
    PydanticToolsParser,
)
from langchain_core.runnables import RunnableLambda, RunnableMap
from langchain_core.utils.pydantic import is_basemodel_subclass

from xinference_magics.errors import BadRequestError
from xinference_magics.models.engine_lookup import uid_of, when_called
from xinference_magics.models.structured_errors import CheckedParser
from xinference_magics.nearest import did_you_mean
from xinference_magics.wire.engines import FOLLOW_A_SCHEMA, Method
from xinference_magics.wire.schema import as_function, as_tool, mismatch, reject_invalid_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from langchain_core.runnables import Runnable

    from xinference_magics.chat_models import ChatXinference

_OWN = ("strict", "include_raw")
_METHODS = get_args(Method)


def structured(
    llm: ChatXinference,
    schema: Any,
    *,
    method: Method | None,
    include_raw: bool,
    strict: bool | None,
    **kwargs: Any,
) -> Runnable[Any, Any]:
    """Return `llm` with its answers parsed into `schema`.

    Raises:
        BadRequestError: The method does not exist or needs a schema, or the schema is invalid.
    """
    given = {"include_raw": include_raw, "strict": strict, **kwargs}
    if llm.engine is None or "model" in kwargs:
        return _with_engine_lookup(llm, schema, method, given)
    return _on_engine(llm, schema, method, given, llm.engine)


def _structured(
    llm: ChatXinference, schema: Any, chosen: str, engine: str | None, options: Mapping[str, Any]
) -> Runnable[Any, Any]:
    answers, parser = _parts(llm, schema, chosen, engine, options)
    return _with_raw(answers, parser) if options["include_raw"] else answers | parser


def _parts(
    llm: ChatXinference, schema: Any, chosen: str, engine: str | None, options: Mapping[str, Any]
) -> tuple[Runnable[Any, Any], CheckedParser]:
    """Return what answers, and what parses its answers."""
    strict = options["strict"]
    kwargs = {name: each for name, each in options.items() if name not in _OWN}
    if chosen not in _METHODS:
        hint = did_you_mean(chosen, _METHODS) or f"The methods are {', '.join(_METHODS)}."
        raise BadRequestError(f"There is no method {chosen!r}.", hint=hint)
    if schema is None and chosen != "json_mode":
        raise BadRequestError(f"{chosen} needs a schema.", hint='Only method="json_mode" does not.')
    trace = {"kwargs": {"method": chosen, "strict": strict}, "schema": schema}
    if schema is not None:
        kwargs["ls_structured_output_format"] = trace
    answers, bare = _FORMS[chosen](llm, schema, strict, kwargs)
    parser = CheckedParser(
        parser=bare,
        mismatch=_check(schema, strict),
        model_uid=llm.model_uid,
        engine=engine,
        method=chosen,
    )
    return answers, parser


def _with_engine_lookup(
    llm: ChatXinference, schema: Any, method: Method | None, options: Mapping[str, Any]
) -> Runnable[Any, Any]:
    """Return a runnable that looks up the engine when called, so that its errors can name it.

    Without a `method`, it uses the one that the engine enforces.

    Raises:
        BadRequestError: The schema or the options work with none of the methods that may be used.
    """
    _reject_early(llm, schema, (method,) if method else _BEST, options)
    return when_called(llm, options, partial(_on_engine, llm, schema, method, options))


def _on_engine(
    llm: ChatXinference,
    schema: Any,
    method: Method | None,
    options: Mapping[str, Any],
    engine: str | None,
) -> Runnable[Any, Any]:
    return _structured(llm, schema, method or _best(engine), engine, options)


def _reject_early(
    llm: ChatXinference, schema: Any, methods: Sequence[str], options: Mapping[str, Any]
) -> None:
    """Raise what every engine would cause, before the engine is known."""
    refused = []
    for method in methods:
        try:
            _structured(llm, schema, method, None, options)
        except BadRequestError as error:
            refused.append(error)
    if len(refused) == len(methods):
        raise refused[0]


async def structured_parts(
    llm: ChatXinference, schema: Any, parameters: Mapping[str, Any]
) -> tuple[Runnable[Any, Any], CheckedParser]:
    """Return `llm` with the schema it is asked for, and the parser of its answers, apart.

    Args:
        llm: The model; its engine is looked up unless it is known.
        schema: What the answers match.
        parameters: The call's parameters, with or without a `method`.
    """
    options = {"strict": None, **parameters}
    method = options.pop("method", None)
    engine = await llm.aengine_of(uid_of(llm, options))
    return _parts(llm, schema, method or _best(engine), engine, options)


_BEST: tuple[Method, Method] = ("json_schema", "function_calling")
"""The methods that are chosen for an engine: what follows schemas gets the first."""


def _best(engine: str | None) -> Method:
    return _BEST[0] if (engine or "").casefold() in FOLLOW_A_SCHEMA else _BEST[1]


def _by_tool(llm: ChatXinference, schema: Any, strict: bool | None, kwargs: Any) -> tuple[Any, Any]:
    tool = as_tool(schema, strict=strict)
    name = tool["function"]["name"]
    answers = llm.bind_tools([tool], tool_choice=name, **kwargs)
    if _is_pydantic(schema):
        return answers, PydanticToolsParser(tools=[schema], first_tool_only=True)
    return answers, JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)


def _by_schema(
    llm: ChatXinference, schema: Any, strict: bool | None, kwargs: Any
) -> tuple[Any, Any]:
    function = as_function(schema, strict=strict)
    form = {"name": function["name"], "schema": function["parameters"]}
    if "strict" in function:
        form["strict"] = function["strict"]
    wanted = {"type": "json_schema", "json_schema": form}
    return llm.bind(response_format=wanted, **kwargs), _json_parser(schema)


def _by_json(llm: ChatXinference, schema: Any, strict: bool | None, kwargs: Any) -> tuple[Any, Any]:
    if strict is not None:
        raise BadRequestError("strict has no effect with json_mode.", hint="Leave it out.")
    return llm.bind(response_format={"type": "json_object"}, **kwargs), _json_parser(schema)


_FORMS = {"function_calling": _by_tool, "json_schema": _by_schema, "json_mode": _by_json}


def _json_parser(schema: Any) -> Any:
    return (
        PydanticOutputParser(pydantic_object=schema) if _is_pydantic(schema) else JsonOutputParser()
    )


def _is_pydantic(schema: Any) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)


def _check(schema: Any, strict: bool | None) -> Callable[[Any], str | None] | None:
    """Return a check of parsed answers; None if Pydantic validates them or there is no schema.

    Raises:
        BadRequestError: The schema is not a valid JSON schema.
    """
    if schema is None or _is_pydantic(schema):
        return None
    wanted = as_function(schema, strict=strict)["parameters"]
    reject_invalid_schema(wanted)
    return partial(mismatch, schema=wanted, nulls=not isinstance(schema, dict))


def _with_raw(answers: Any, parser: CheckedParser) -> Runnable[Any, Any]:
    return RunnableMap(raw=answers) | RunnableLambda(parser.beside_raw, parser.abeside_raw)
