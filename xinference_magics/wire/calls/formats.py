"""The ways models write tool calls, one entry each, with a sample that is its test.

All are tried, regardless of the model's name, because weights are also served under other names.
Formats that start alike are tried in table order. Sources are the models' chat templates, and the
parsers of Xinference 4.1 (model/llm/tool_parsers) and vLLM 0.32 (tool_parsers).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xinference_magics.wire.calls.bodies import Named, Objects, Tagged
from xinference_magics.wire.calls.expressions import Braces, Python

if TYPE_CHECKING:
    from xinference_magics.wire.calls.bodies import Body

NAME = "{name}"
"""Stands for a tool's name at the start of a call."""

MAX_MARGIN_CHARS = 4_000
"""Characters of whitespace to hold back because a tag may follow; more are passed on."""

FENCE = "```"
TILDES = "~~~"
LANGUAGES = (
    *("", "json", "JSON", "jsonc", "json5", "jsonl", "xml"),
    *("tool_call", "tool_calls", "tool", "text", "plaintext"),
)
"""What may follow the characters of a fence around calls."""


@dataclass(frozen=True)
class Format:
    """A way of writing calls.

    Args:
        name: The models that use it.
        body: The reader for the calls.
        sample: A call to get_weather with the city Paris and 2 days.
        opens: What precedes all calls.
        ends: What may follow all calls; a text that ends without it is still complete, unless it
            was cut off.
        starts: How the first call begins, if nothing precedes all calls.
        block: Whether it differs from text only in being on its own lines, outside code, and in
            having arguments that fit the tool.
        languages: What a fence around it may name.
    """

    name: str
    body: Body
    sample: str
    opens: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    block: bool = False
    languages: tuple[str, ...] = LANGUAGES


_OBJECT = '{"name": "get_weather", "arguments": {"city": "Paris", "days": 2}}'
_GIVEN = '{"city": "Paris", "days": 2}'
_OBJECTS = Objects()
_FUNCTION = Tagged(
    ("<function={name}>",), ("</function>",), (("<parameter={key}>", "</parameter>"),)
)
_QWEN_XML = replace(_FUNCTION, breaks=True)
_QWEN_SAMPLE = (
    "<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n"
    "<parameter=days>\n2\n</parameter>\n</function>"
)
_KEYS_AND_VALUES = (("<arg_key>{key}</arg_key> <arg_value>", "</arg_value>"),)
_KEYS_AND_VALUES_SAMPLE = (
    "<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n"
    "<arg_key>days</arg_key>\n<arg_value>2</arg_value>"
)
_HARMONY = tuple(
    before
    for channel in ("commentary", "analysis")
    for before in (
        f"<|channel|>{channel} to=functions.{{name}}",
        f"<|start|>assistant<|channel|>{channel} to=functions.{{name}}",
        f"<|start|>assistant to=functions.{{name}}<|channel|>{channel}",
    )
)
"""What precedes a call in gpt-oss's format, up to the kind of its arguments."""

_MINIMAX_MARK = "]<]minimax[>["
"""MiniMax M3's special token before each tag, which servers may leave in the text."""


def _minimax(mark: str = "") -> Tagged:
    return Tagged(
        (f'{mark}<invoke name="{{name}}">',),
        (f"{mark}</invoke>",),
        (
            (f'{mark}<parameter name="{{key}}">', f"{mark}</parameter>"),
            (f"{mark}<{{key}}>", f"{mark}</{{key}}>"),
        ),
        nests=True,
        mark=mark,
    )


def _dsml(outer: str, gap: str = "") -> Format:
    """Return a DeepSeek format; V3.2, V4 and V4.1 differ in the outer tag and in a space."""
    mark = f"｜DSML｜{gap}"
    value = f'<{mark}parameter name="%s" string="%s">%s</{mark}parameter>\n'
    return Format(
        f"DeepSeek, {outer}",
        Tagged(
            (f'<{mark}invoke name="{{name}}">',),
            (f"</{mark}invoke>",),
            ((f'<{mark}parameter name="{{key}}" string="{{type}}">', f"</{mark}parameter>"),),
        ),
        f'<{mark}{outer}>\n<{mark}invoke name="get_weather">\n'
        + value % ("city", "true", "Paris")
        + value % ("days", "false", "2")
        + f"</{mark}invoke>\n</{mark}{outer}>",
        opens=(f"<{mark}{outer}>",),
        ends=(f"</{mark}{outer}>",),
    )


FORMATS = (
    Format(
        "Hermes, Qwen",
        _OBJECTS,
        f"<tool_call>\n{_OBJECT}\n</tool_call>",
        opens=("<tool_call>",),
        ends=("</tool_call>",),
    ),
    Format(
        "Qwen3-Coder, Qwen3.5, Nemotron 3",
        _QWEN_XML,
        f"<tool_call>\n{_QWEN_SAMPLE}\n</tool_call>",
        opens=("<tool_call>",),
        ends=("</tool_call>",),
    ),
    Format(
        "GLM 4.5 to 5.3, Ling 3, Spark-X2.5",
        Tagged(("{name}",), ("</tool_call>",), _KEYS_AND_VALUES),
        f"<tool_call>get_weather\n{_KEYS_AND_VALUES_SAMPLE}\n</tool_call>",
        opens=("<tool_call>",),
    ),
    Format(
        "Llama 3, as a function",
        Named(("<function={name}>",), ("</function>",)),
        f"<function=get_weather>{_GIVEN}</function>",
        starts=("<function=",),
        ends=("</tool_call>",),
    ),
    Format(
        "Qwen3-Coder without its outer tag",
        _QWEN_XML,
        f"{_QWEN_SAMPLE}\n</tool_call>",
        starts=("<function=",),
        ends=("</tool_call>",),
    ),
    Format(
        "Qwen2.5-Coder",
        Objects(explicit=True),  # its template has definitions in these tags
        f"<tools>\n{_OBJECT}\n</tools>",
        opens=("<tools>",),
        ends=("</tools>",),
    ),
    Format(
        "Llama 3.1",
        _OBJECTS,
        '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Paris", "days": 2}}',
        opens=("<|python_tag|>",),
    ),
    Format(
        "MiniCPM 5",
        Tagged(
            ('<function name="{name}">',),
            ("</function>",),
            (('<param name="{key}">', "</param>"),),
        ),
        '<function name="get_weather"><param name="city">Paris</param>'
        '<param name="days">2</param></function>',
        starts=('<function name="',),
    ),
    Format(
        "LFM2",
        Python(),
        '<|tool_call_start|>[get_weather(city="Paris", days=2)]<|tool_call_end|>',
        opens=("<|tool_call_start|>",),
        ends=("<|tool_call_end|>",),
    ),
    Format(
        "Llama 4",
        Python(),
        '<|python_start|>[get_weather(city="Paris", days=2)]<|python_end|>',
        opens=("<|python_start|>",),
        ends=("<|python_end|>",),
    ),
    Format(
        "Olmo 3",
        Python(listed=False),
        '<function_calls>get_weather(city="Paris", days=2)</function_calls>',
        opens=("<function_calls>",),
        ends=("</function_calls>",),
    ),
    Format(
        "DeepSeek R1",
        Named(
            ("<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json",),
            ("```<｜tool▁call▁end｜>", "``` <｜tool▁call▁end｜>", "```"),
        ),
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n"
        f"```json\n{_GIVEN}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        opens=("<｜tool▁calls▁begin｜>",),
        ends=("<｜tool▁calls▁end｜>",),
    ),
    Format(
        "DeepSeek V3.1",
        Named(("<｜tool▁call▁begin｜>{name}<｜tool▁sep｜>",), ("<｜tool▁call▁end｜>",)),
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>"
        f"{_GIVEN}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        opens=("<｜tool▁calls▁begin｜>",),
        ends=("<｜tool▁calls▁end｜>",),
    ),
    _dsml("function_calls"),
    _dsml("tool_calls"),
    _dsml("calls", gap=" "),
    Format(
        "DeepSeek V3.2 and V4 without their mark",
        Tagged(
            ('<invoke name="{name}">',),
            ("</invoke>",),
            (('<parameter name="{key}" string="{type}">', "</parameter>"),),
        ),
        '<function_calls>\n<invoke name="get_weather">\n'
        '<parameter name="city" string="true">Paris</parameter>\n'
        '<parameter name="days" string="false">2</parameter>\n</invoke>\n</function_calls>',
        opens=("<function_calls>", "<tool_calls>"),
        ends=("</function_calls>", "</tool_calls>"),
    ),
    Format(
        "Kimi K2",
        Named(
            (
                "<|tool_call_begin|> functions.{name}:{number} <|tool_call_argument_begin|>",
                "<|tool_call_begin|> {name}:{number} <|tool_call_argument_begin|>",
            ),
            ("<|tool_call_end|>",),
        ),
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0"
        f"<|tool_call_argument_begin|>{_GIVEN}<|tool_call_end|><|tool_calls_section_end|>",
        opens=("<|tool_calls_section_begin|>",),
        ends=("<|tool_calls_section_end|>",),
    ),
    Format(
        "Kimi K3",
        Tagged(
            (
                '<|open|> call tool="{name}" index="{number}" <|sep|>',
                '<|open|> call tool="{name}" <|sep|>',
            ),
            ("<|close|>call<|sep|>",),
            (('<|open|> argument key="{key}" type="{type}" <|sep|>', "<|close|>argument<|sep|>"),),
        ),
        '<|open|>tools<|sep|><|open|>call tool="get_weather" index="0"<|sep|>'
        '<|open|>argument key="city" type="string"<|sep|>Paris<|close|>argument<|sep|>'
        '<|open|>argument key="days" type="number"<|sep|>2<|close|>argument<|sep|>'
        "<|close|>call<|sep|><|close|>tools<|sep|>",
        opens=("<|open|>tools<|sep|>",),
        ends=("<|close|>tools<|sep|>",),
    ),
    Format(
        "MiniMax M2",
        _minimax(),
        '<minimax:tool_call>\n<invoke name="get_weather">\n<parameter name="city">Paris</parameter>'
        '\n<parameter name="days">2</parameter>\n</invoke>\n</minimax:tool_call>',
        opens=("<minimax:tool_call>",),
        ends=("</minimax:tool_call>",),
    ),
    Format(
        "MiniMax M3",
        _minimax(),
        '<tool_call>\n<invoke name="get_weather"><city>Paris</city><days>2</days></invoke>\n'
        "</tool_call>",
        opens=("<tool_call>",),
        ends=("</tool_call>",),
    ),
    Format(
        "MiniMax M3 with its mark",
        _minimax(_MINIMAX_MARK),
        f'{_MINIMAX_MARK}<tool_call>\n{_MINIMAX_MARK}<invoke name="get_weather">'
        f"{_MINIMAX_MARK}<city>Paris{_MINIMAX_MARK}</city>"
        f"{_MINIMAX_MARK}<days>2{_MINIMAX_MARK}</days>"
        f"{_MINIMAX_MARK}</invoke>\n{_MINIMAX_MARK}</tool_call>",
        opens=(f"{_MINIMAX_MARK}<tool_call>",),
        ends=(f"{_MINIMAX_MARK}</tool_call>",),
    ),
    Format(
        "MiniMax M1, Hunyuan",
        _OBJECTS,
        f"<tool_calls>\n{_OBJECT}\n</tool_calls>",
        opens=("<tool_calls>",),
        ends=("</tool_calls>",),
    ),
    Format(
        "Hunyuan 3",
        Tagged(("<tool_call>{name}<tool_sep>",), ("</tool_call>",), _KEYS_AND_VALUES),
        f"<tool_calls>\n<tool_call>get_weather<tool_sep>\n{_KEYS_AND_VALUES_SAMPLE}\n"
        "</tool_call>\n</tool_calls>",
        opens=("<tool_calls>",),
        ends=("</tool_calls>",),
    ),
    Format(
        "Hunyuan 3 without its outer tag",
        Tagged(("{name}<tool_sep>",), ("</tool_call>",), _KEYS_AND_VALUES),
        f"<tool_call>get_weather<tool_sep>\n{_KEYS_AND_VALUES_SAMPLE}\n</tool_call>",
        opens=("<tool_call>",),
    ),
    Format(
        "Gemma 4",
        Braces('<|"|>'),
        '<|tool_call>call:get_weather{city:<|"|>Paris<|"|>,days:2}<tool_call|>',
        opens=("<|tool_call>",),
        ends=("<tool_call|>",),
    ),
    Format(
        "FunctionGemma",
        Braces("<escape>"),
        "<start_function_call>call:get_weather{city:<escape>Paris<escape>,days:2}"
        "<end_function_call>",
        opens=("<start_function_call>",),
        ends=("<end_function_call>",),
    ),
    Format(
        "Gemma 3",
        Python(listed=False),
        '```tool_code\nget_weather(city="Paris", days=2)\n```',
        block=True,
        languages=("tool_code",),
    ),
    Format(
        "Mistral",
        _OBJECTS,
        f"[TOOL_CALLS] [{_OBJECT}]",
        opens=("[TOOL_CALLS]",),
    ),
    Format(
        "Mistral, tokenizer 11 and later",
        Named(("{name}[CALL_ID]{id}[ARGS]", "{name} [ARGS]", "{name}")),
        f"[TOOL_CALLS]get_weather[ARGS]{_GIVEN}",
        opens=("[TOOL_CALLS]",),
    ),
    Format(
        "Granite",
        _OBJECTS,
        f"<|tool_call|>[{_OBJECT}]",
        opens=("<|tool_call|>",),
        ends=("<|/tool_call|>", "<|end_of_text|>"),
    ),
    Format(
        "InternLM",
        _OBJECTS,
        f"<|action_start|><|plugin|>\n{_OBJECT}<|action_end|>",
        opens=("<|action_start|><|plugin|>", "<|action_start|> <|plugin|>"),
        ends=("<|action_end|>",),
    ),
    Format(
        "Command R7B and A",
        _OBJECTS,
        '<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "get_weather", '
        f'"parameters": {_GIVEN}}}]<|END_ACTION|>',
        opens=("<|START_ACTION|>",),
        ends=("<|END_ACTION|>",),
    ),
    Format(
        "Seed-OSS",
        _FUNCTION,
        "<seed:tool_call>\n<function=get_weather>\n<parameter=city>Paris</parameter>\n"
        "<parameter=days>2</parameter>\n</function>\n</seed:tool_call>",
        opens=("<seed:tool_call>",),
        ends=("</seed:tool_call>",),
    ),
    Format(
        "Nemotron",
        _OBJECTS,
        f"<TOOLCALL>[{_OBJECT}]</TOOLCALL>",
        opens=("<TOOLCALL>",),
        ends=("</TOOLCALL>",),
    ),
    Format(
        "gpt-oss, harmony",
        Named(
            tuple(
                f"{before} {kind}<|message|>"
                for before in _HARMONY
                for kind in ("<|constrain|>json", "json", "code", "")
            ),
            ("<|call|>",),
        ),
        "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"
        f"{_GIVEN}<|call|>",
        starts=tuple(before.partition("{")[0] for before in _HARMONY),
    ),
    Format("Phi-4", _OBJECTS, f"functools[{_OBJECT}]", opens=("functools",), block=True),
    Format(
        "Command R",
        _OBJECTS,
        f'Action: ```json\n[\n    {{"tool_name": "get_weather", "parameters": {_GIVEN}}}\n]```',
        opens=("Action:",),
        block=True,
    ),
    Format("an object, Llama 3", _OBJECTS, _OBJECT, starts=("{",), block=True),
    Format("a list of objects", _OBJECTS, f"[{_OBJECT}]", starts=("[",), block=True),
    Format(
        "a list as in Python, Llama 4, Olmo",
        Python(),
        '[get_weather(city="Paris", days=2)]',
        starts=("[",),
        block=True,
    ),
    Format(
        "GLM 4",
        Named(("{name}\n",)),
        f"get_weather\n{_GIVEN}",
        starts=(NAME,),
        block=True,
    ),
)
