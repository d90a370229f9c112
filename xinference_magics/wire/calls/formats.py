"""The ways models write tool calls, one entry each, with a sample that is its test.

All are tried, regardless of the model's name, because weights are also served under other names.
Formats that start alike are tried in table order. Sources are the models' chat templates, and the
parsers of Xinference 4.1 (model/llm/tool_parsers) and vLLM 0.32 (tool_parsers).
"""

from __future__ import annotations

from xinference_magics.wire.calls.bodies import Named, Objects
from xinference_magics.wire.calls.expressions import Braces, Python
from xinference_magics.wire.calls.format import NAME, Format
from xinference_magics.wire.calls.tagged_formats import TAGGED

_OBJECT = '{"name": "get_weather", "arguments": {"city": "Paris", "days": 2}}'
_GIVEN = '{"city": "Paris", "days": 2}'
_OBJECTS = Objects()
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

_MARKED = (
    Format(
        "Hermes, Qwen",
        _OBJECTS,
        f"<tool_call>\n{_OBJECT}\n</tool_call>",
        opens=("<tool_call>",),
        ends=("</tool_call>",),
    ),
    Format(
        "Llama 3, as a function",
        Named(("<function={name}>",), ("</function>",)),
        f"<function=get_weather>{_GIVEN}</function>",
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
        "MiniMax M1, Hunyuan",
        _OBJECTS,
        f"<tool_calls>\n{_OBJECT}\n</tool_calls>",
        opens=("<tool_calls>",),
        ends=("</tool_calls>",),
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
)
"""Calls between tags, or after one."""

_BARE = (
    Format(
        "Gemma 3",
        Python(listed=False),
        '```tool_code\nget_weather(city="Paris", days=2)\n```',
        block=True,
        languages=("tool_code",),
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
"""Calls that nothing marks.

Such a call has to be a block of its own, because answers contain such data and code, too: it begins
a line, its arguments fit the tool, and the line below is blank or begins another call. The line
above may introduce it. Models that write bare calls, such as Qwen2.5-Coder, write nothing after
them; an object in the middle of a paragraph is an example.
"""

FORMATS = (*_MARKED, *TAGGED, *_BARE)
