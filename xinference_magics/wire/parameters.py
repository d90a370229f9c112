"""Every generation parameter, declared once.

`ChatXinference` and `XinferenceLLM` take their fields from here, a call its keyword arguments,
and a call's config the four names that it may contain. Names and bounds are those of
Xinference 4.1's ``CreateChatCompletion``, which answers an invalid value with a bare HTTP 500.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from xinference_magics.errors import BadRequestError
from xinference_magics.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


SMALLEST, LARGEST = -(2**63), 2**63 - 1
"""The bounds of numbers: engines fail on larger ones without giving a reason."""


def _parameter(description: str, *, from_config: bool = False, **bounds: Any) -> Any:
    return Field(
        default=None,
        description=description,
        json_schema_extra={"from_config": from_config},
        **bounds,
    )


class GenerationParameters(BaseModel):
    """Parameters for generating an answer; None leaves one to the engine."""

    max_tokens: int | None = _parameter(
        "Maximum number of tokens in an answer.", from_config=True, ge=1, le=LARGEST
    )
    temperature: float | None = _parameter(
        "Randomness, 0 (always the likeliest token) to 2.", from_config=True, ge=0, le=2
    )
    top_p: float | None = _parameter(
        "Only the likeliest tokens that add up to this probability.", from_config=True, ge=0, le=1
    )
    top_k: int | None = _parameter(
        "Only this many of the likeliest tokens; 0 for all.", ge=0, le=LARGEST
    )
    seed: int | None = _parameter(
        "The same seed gives the same answer, if the engine supports it.",
        from_config=True,
        ge=SMALLEST,
        le=LARGEST,
    )
    stop: str | list[str] | None = _parameter("Strings that end the answer.")
    stop_token_ids: list[Annotated[int, Field(ge=SMALLEST, le=LARGEST)]] | None = _parameter(
        "IDs of tokens that end the answer."
    )
    frequency_penalty: float | None = _parameter(
        "Penalty for tokens by how often they occurred, -2 to 2.", ge=-2, le=2
    )
    presence_penalty: float | None = _parameter(
        "Penalty for tokens that occurred at least once, -2 to 2.", ge=-2, le=2
    )
    repetition_penalty: float | None = _parameter("Values above 1 penalise repetition.", ge=0)
    logprobs: bool | None = _parameter("Whether to return the tokens' log probabilities.")
    top_logprobs: int | None = _parameter(
        "Number of alternatives returned for each token.", ge=0, le=LARGEST
    )
    enable_thinking: bool | None = _parameter("Reasoning on or off, for models with both modes.")
    chat_template_kwargs: dict[str, Any] | None = _parameter("Variables for the chat template.")
    ignore_eos: bool | None = _parameter("Whether to continue after the end-of-text token.")
    lora_name: str | None = _parameter("The LoRA adapter to use.")
    user: str | None = _parameter("Your own name for the end user.")

    @property
    def generation_parameters(self) -> dict[str, Any]:
        """The generation parameters that are set, by name."""
        values = {name: getattr(self, name) for name in NAMES}
        return {name: value for name, value in values.items() if value is not None}


NAMES = tuple(GenerationParameters.model_fields)

TEXT_CALL_NAMES = (*NAMES, "model", "stream", "extra_body", "generate_config")

CALL_NAMES = (
    *TEXT_CALL_NAMES,
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    # only for traces; langchain-core removes these before a request is built
    "ls_structured_output_format",
    "structured_output_format",
)

CONFIG_NAMES = tuple(
    name
    for name, field in GenerationParameters.model_fields.items()
    if isinstance(field.json_schema_extra, dict) and field.json_schema_extra["from_config"]
)


def reject_unknown(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise BadRequestError, suggesting the nearest name, if one of `given` is not in `known`."""
    known = list(known)
    for name in given:
        if name not in known:
            other = f"Anything else goes into extra_body={{{name!r}: ...}}."
            hint = did_you_mean(name, known) or other
            raise BadRequestError(f"There is no parameter {name!r}.", hint=hint)


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters in `given` as the types that the server expects.

    Raises:
        BadRequestError: A value has the wrong type or is out of bounds; nothing was sent.
    """
    try:
        return GenerationParameters.model_validate(given).model_dump(exclude_none=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name, said = first["loc"][0], first["msg"]
        raise BadRequestError(
            f"{name}={given[str(name)]!r} is not a valid value: {said[0].lower()}{said[1:]}."
        ) from None


def from_configurable(configurable: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a call's config may set."""
    return {name: configurable[name] for name in CONFIG_NAMES if configurable.get(name) is not None}
