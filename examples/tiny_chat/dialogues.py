"""The dialogues: reading them, and rendering them as the servers' engines do."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

FOLDER = Path(__file__).resolve().parent
Message = dict[str, Any]

CONVERSATIONAL = ("documentation", "smalltalk", "names", "arithmetic", "showcase", "unknown")
"""Files whose dialogues may follow one another in a conversation."""

FILES = (
    *CONVERSATIONAL,
    "translation",
    "applications",
    "tools",
    "agent",
    "thinking",
    "extraction",
    "completions",
    "langchain_tests",
)
"""All files of dialogues, without the suffix ``.jsonl``."""


@dataclass
class Dialogue:
    """Messages that end with the assistant's answer, the tools offered, and how to ask."""

    messages: list[Message]
    tools: list[dict[str, Any]] | None = None
    think: bool = False
    only_last: bool = False
    """Whether to train only on the last answer, not on the assistant's earlier ones."""
    source: str = ""

    @property
    def raw(self) -> bool:
        """Whether the prompt is bare text to complete, not a conversation."""
        return bool(self.messages[0]["role"] == "text")

    @property
    def kind(self) -> str:
        """Which of the models answers: tiny-chat, tiny-think or tiny-text."""
        return "text" if self.raw else "think" if self.think else "chat"

    @property
    def prompt(self) -> list[Message]:
        """All messages except the answer."""
        return self.messages[:-1]

    @property
    def answer(self) -> str:
        """The text that the model must write, including tool calls."""
        return answer_text(self.messages[-1])


@cache
def template() -> jinja2.Template:
    """The chat template, compiled as transformers compiles it."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)  # noqa: S701  (no page)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(template_text())


@cache
def template_text() -> str:
    """The source of the chat template."""
    return (FOLDER / "chat_template.jinja").read_text(encoding="utf-8")


@cache
def known_tools() -> dict[str, dict[str, Any]]:
    """The tools that dialogues refer to by name."""
    content: dict[str, dict[str, Any]] = json.loads(
        (FOLDER / "dialogues" / "tools.json").read_text(encoding="utf-8")
    )
    return content


def answer_text(message: Message) -> str:
    """Return the text of an assistant's message, with its tool calls in Qwen's format."""
    content = message.get("content") or ""
    calls = [
        '<tool_call>\n{"name": "'
        + call["function"]["name"]
        + '", "arguments": '
        + call["function"]["arguments"]
        + "}\n</tool_call>"
        for call in message.get("tool_calls") or []
    ]
    if calls and content and not content.endswith("\n"):
        content += "\n"
    return content + "\n".join(calls)


def render(dialogue: Dialogue) -> str:
    """Return the text that the model is given, up to where its answer begins."""
    if dialogue.raw:
        return str(dialogue.prompt[0]["content"])
    return template().render(
        messages=dialogue.prompt,
        tools=dialogue.tools,
        add_generation_prompt=True,
        can_think=dialogue.think,
    )


TOLD = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within \
<tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>

For this response, call the required tool{many}. \
Return only a JSON {form} with name and arguments."""
"""How a request for forced calls describes the tools, as Qwen's templates do."""


def forced(dialogue: Dialogue, *, many: bool) -> Dialogue:
    """The same question with its calls as a JSON answer: a list of them, or a single one."""
    *asked, answer = dialogue.messages
    calls = [call["function"] for call in answer["tool_calls"]]
    names = {call["name"] for call in calls}
    tools = [t for t in dialogue.tools or [] if many or t["function"]["name"] in names]
    told = TOLD.format(
        tools="\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools),
        many="(s)" if many else "",
        form="array of objects" if many else "object",
    )
    if asked[0]["role"] == "system":
        told = f"{asked.pop(0)['content']}\n\n{told}"
    texts = [f'{{"name": "{c["name"]}", "arguments": {c["arguments"]}}}' for c in calls]
    text = f"[{', '.join(texts)}]" if many else texts[0]
    messages = [{"role": "system", "content": told}, *asked, {**answer, "content": text}]
    del messages[-1]["tool_calls"]
    return Dialogue(messages, only_last=True, source="forced")


def all_forced(dialogue: Dialogue) -> list[Dialogue]:
    """Return the dialogues that force the tool calls of a dialogue."""
    made = []
    for place, message in enumerate(dialogue.messages):
        if message.get("tool_calls"):
            cut = replace(dialogue, messages=dialogue.messages[: place + 1])
            made += [forced(cut, many=many) for many in (True, False)]
    return made


def read(name: str) -> list[Dialogue]:
    """Return the dialogues of one file."""
    path = FOLDER / "dialogues" / f"{name}.jsonl"
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        content = json.loads(line)
        tools = [
            known_tools()[tool] if isinstance(tool, str) else tool
            for tool in content.get("tools", [])
        ]
        found.append(
            Dialogue(
                content["messages"],
                tools or None,
                content.get("think", False),
                only_last=name == "langchain_tests",
                source=name,
            )
        )
    return found


def read_all() -> list[Dialogue]:
    """Return every dialogue of every file; of those with the same prompt, the first."""
    found: dict[str, Dialogue] = {}
    read_ones = [dialogue for name in FILES for dialogue in read(name)]
    made = [each for dialogue in read_ones if not dialogue.think for each in all_forced(dialogue)]
    for dialogue in read_ones + made:
        found.setdefault(render(dialogue), dialogue)
    return list(found.values())
