"""What answers and refusals look like, whatever the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from form_rows import PERSON
from row import ASK_WEATHER, IGNORED, REFUSED, SENTENCE, UNCLEAR, WORKS, Row, form
from tool_rows import WEATHER

if TYPE_CHECKING:
    from asking import Model, Whole

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD"
    "hgGAWjR9awAAAABJRU5ErkJggg=="
)
LONGEST_READ = 8_192
"""The prompt tokens that an engine may have to read because it does not refuse the prompt."""

KEPT_BACK = "request failed. Check the server logs for details."
"""The end of the detail with which Xinference 4.1 withholds the reason."""


def _image_part() -> list[dict[str, Any]]:
    image = {"type": "image_url", "image_url": {"url": PIXEL}}
    return [{"role": "user", "content": [{"type": "text", "text": "Say yes."}, image]}]


def _image(model: Model) -> str:
    if model.abilities & {"vision", "omni"}:
        return "it can see"
    answer = model.whole(_image_part(), max_tokens=8)
    return REFUSED if answer.refused else "dropped, silently"


def _overlong(model: Model) -> Whole | None:
    """Send a prompt beyond the context window; return None if that could take hours."""
    length = model.described.get("context_length") or 0
    if length > LONGEST_READ and model.engine == "transformers":
        return None
    return model.whole("word " * (length + 1_000), max_tokens=4)


def _too_long(model: Model) -> str:
    answer = _overlong(model)
    if answer is None:
        return UNCLEAR
    return REFUSED if answer.refused else "cut, silently"


def _beyond(model: Model) -> str:
    answer = model.whole("Say hi.", max_tokens=10_000_000, stop=["."])
    return REFUSED if answer.refused else "capped"


def _reason(model: Model) -> str:
    """Find where the reason is when a request is refused while it is being answered."""
    tried = (
        lambda: model.whole("Say hi.", max_tokens=10_000_000, stop=["."]),
        lambda: model.whole(_image_part(), max_tokens=8),
        lambda: model.whole(ASK_WEATHER, response_format=form(PERSON), tools=[WEATHER]),
        lambda: _overlong(model),
    )
    answers = (ask() for ask in tried)
    refused = next((each for each in answers if each is not None and each.refused), None)
    if refused is None:
        return UNCLEAR
    if not str(refused.data.get("detail")).endswith(KEPT_BACK):
        return "in the error"
    return "in the model's events" if model.failures() else "in the server's log only"


def _thinking_in_vain(model: Model) -> str:
    if model.reasons:
        return "it can reason"
    asked = model.whole(SENTENCE, enable_thinking=True, max_tokens=24)
    if asked.refused:
        return REFUSED
    plain = model.whole(SENTENCE, max_tokens=24)
    return IGNORED if asked.prompt_tokens == plain.prompt_tokens else WORKS


def _times(found: list[Any]) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(len(found), f"{len(found)} times")


def _usage_asked(model: Model) -> str:
    asked = {"stream_options": {"include_usage": True}, "max_tokens": 8}
    return _times(model.streamed(SENTENCE, **asked).usages)


def _usage(model: Model) -> str:
    return _times(model.streamed(SENTENCE, max_tokens=8).usages)


def _finish(model: Model) -> str:
    """Cut an answer off: `stop` after `length` is wrong."""
    asked = {"stream_options": {"include_usage": True}, "max_tokens": 8}
    finishes = model.streamed(SENTENCE, **asked).finishes
    wrong = ", the second one wrong" if finishes == ["length", "stop"] else ""
    return f"{_times(finishes)}{wrong}"


def _chunks(model: Model) -> str:
    asked = {"stream_options": {"include_usage": True}, "max_tokens": 40}
    stream = model.streamed("Count from 1 to 100.", **asked)
    texts = [c for c in stream.choices if (c.get("delta") or {}).get("content")]
    if not texts or not stream.usages:
        return UNCLEAR
    return f"about {stream.usages[-1]['completion_tokens'] / len(texts):.0f}"


def _name(model: Model) -> str:
    named = str(model.whole(SENTENCE, max_tokens=4).data.get("model"))
    return "the UID" if named == model.uid else "a path on the server" if "/" in named else named


def _cached(model: Model) -> str:
    prompt = "You know this list: " + ", ".join(f"item {n}" for n in range(60)) + ". How many?"
    for _ in range(2):
        usage = model.whole(prompt, max_tokens=2).data.get("usage") or {}
    details = usage.get("prompt_tokens_details") or {}
    return "counted" if details.get("cached_tokens") else "not counted"


def _continues(model: Model) -> str:
    messages = [
        {"role": "user", "content": "Name a colour."},
        {"role": "assistant", "content": (begun := "Out of all that I know, I name")},
    ]
    answer = model.whole(messages, max_tokens=16)
    if answer.refused:
        return REFUSED
    return "continued" if answer.text.startswith(begun) else "a new turn"


_AFTER = {"DONE": "goes on until it is aborted", "NO_OP": "goes on"}
"""What an abort reports a moment later; any other message means that nothing runs any more."""


def _stream_left(model: Model) -> str:
    return _AFTER.get(model.abort(model.left_stream()), "ends at once")


def _whole_left(model: Model) -> str:
    request_id = model.left_whole()
    return _AFTER.get(model.abort(request_id), "ends at once") if request_id else UNCLEAR


ANSWER_ROWS = (
    Row(
        "`enable_thinking=True` for a model that cannot reason",
        _thinking_in_vain,
        "a warning, if its description says so",
    ),
    Row("an image for a model that cannot see", _image, "refused before anything is sent"),
    Row(
        "a prompt longer than the context",
        _too_long,
        "`%%chat` leaves out the oldest turns and says so, or refuses; elsewhere a"
        " `ContextLengthError` where the engine refuses",
    ),
    Row("`max_tokens` beyond the context", _beyond),
    Row("why a request failed", _reason, "looked up there and added to the error"),
    Row("a last message of the assistant's", _continues),
    Row("usage in a stream, asked for", _usage_asked, "counted once"),
    Row("usage in a stream, not asked for", _usage, "always asked for"),
    Row("`finish_reason` in a stream", _finish, "the first is kept"),
    Row("tokens in a chunk", _chunks),
    Row("`model` in the answer", _name, "the UID"),
    Row("cached tokens in the usage", _cached),
    Row("a stream that is left, as by Stop", _stream_left, "the request is aborted, too"),
    Row("a whole answer that is left", _whole_left),
)
