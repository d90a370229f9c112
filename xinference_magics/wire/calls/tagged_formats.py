"""The formats in which each argument has tags of its own."""

from __future__ import annotations

from dataclasses import replace

from xinference_magics.wire.calls.bodies import Tagged
from xinference_magics.wire.calls.format import Format

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


TAGGED = (
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
        "Qwen3-Coder without its outer tag",
        _QWEN_XML,
        f"{_QWEN_SAMPLE}\n</tool_call>",
        starts=("<function=",),
        ends=("</tool_call>",),
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
        "Seed-OSS",
        _FUNCTION,
        "<seed:tool_call>\n<function=get_weather>\n<parameter=city>Paris</parameter>\n"
        "<parameter=days>2</parameter>\n</function>\n</seed:tool_call>",
        opens=("<seed:tool_call>",),
        ends=("</seed:tool_call>",),
    ),
)
"""Their entries of the table; see `formats`."""
