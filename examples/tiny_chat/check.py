"""Ask a running server every dialogue and count the exact answers.

    python check.py http://127.0.0.1:9997 --chat tiny-chat --think tiny-think --stream

The models must be running already. Needs only the standard library and jinja2.
"""

from __future__ import annotations

import argparse
import json
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from augment import Augmenter
from dialogues import Dialogue, answer_text, read_all

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Reply:
    """A server's answer: text, reasoning, and tool calls as name and arguments."""

    text: str = ""
    thought: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    finish: str | None = None
    error: str = ""


def turns(dialogue: Dialogue) -> Iterator[Dialogue]:
    """Yield a dialogue for each answer in it that was trained on."""
    for place, message in enumerate(dialogue.messages):
        last = place == len(dialogue.messages) - 1
        if message["role"] != "assistant" or (dialogue.only_last and not last):
            continue
        if dialogue.think and not last:
            continue
        yield replace(dialogue, messages=dialogue.messages[: place + 1])


def distinct(dialogues: list[Dialogue]) -> list[Dialogue]:
    """Return every question once."""
    found: dict[str, Dialogue] = {}
    for dialogue in dialogues:
        for turn in turns(dialogue):
            key = json.dumps([turn.prompt, turn.tools, turn.think], sort_keys=True)
            found.setdefault(key, turn)
    return list(found.values())


def events(response: Any) -> Iterator[dict[str, Any]]:
    """Yield the events of a stream; an error event raises."""
    for line in response:
        if line.startswith(b"data: ") and not line.startswith(b"data: [DONE]"):
            event: dict[str, Any] = json.loads(line[6:])
            if "error" in event:
                raise ValueError(event["error"])
            yield event


def gather(response: Any) -> Reply:
    """Assemble the reply from a stream."""
    reply = Reply()
    calls: dict[int, list[str]] = {}
    for event in events(response):
        for choice in event["choices"]:
            delta = choice.get("delta") or {"content": choice.get("text")}
            reply.text += delta.get("content") or ""
            reply.thought += delta.get("reasoning_content") or ""
            reply.finish = reply.finish or choice["finish_reason"]
            for call in delta.get("tool_calls") or []:
                kept = calls.setdefault(call["index"], ["", ""])
                kept[0] += call["function"].get("name") or ""
                kept[1] += call["function"].get("arguments") or ""
    reply.calls = tuple((name, arguments) for name, arguments in calls.values())
    return reply


def body(uid: str, stream: bool, dialogue: Dialogue) -> dict[str, Any]:
    """Return the request that asks a dialogue's question at temperature 0."""
    content: dict[str, Any] = {
        "model": uid,
        "temperature": 0,
        "max_tokens": 64 + len(dialogue.answer),
        "stream": stream,
    }
    if dialogue.raw:
        return {**content, "prompt": dialogue.prompt[0]["content"]}
    content["messages"] = dialogue.prompt
    if dialogue.tools:
        content["tools"] = dialogue.tools
    if dialogue.think:
        content["chat_template_kwargs"] = {"enable_thinking": True}
    return content


def message_reply(choice: dict[str, Any]) -> Reply:
    """Return the reply in a choice that was not streamed."""
    if "message" not in choice:
        return Reply(choice["text"], finish=choice["finish_reason"])
    message = choice["message"]
    calls = tuple(
        (call["function"]["name"], call["function"]["arguments"])
        for call in message.get("tool_calls") or []
    )
    thought = message.get("reasoning_content") or ""
    return Reply(message.get("content") or "", thought, calls, choice["finish_reason"])


def ask(endpoint: str, uid: str, stream: bool, dialogue: Dialogue) -> Reply:
    """Send one dialogue's prompt and read the answer."""
    path = "completions" if dialogue.raw else "chat/completions"
    request = urllib.request.Request(  # noqa: S310  (the user's own endpoint)
        f"{endpoint}/v1/{path}",
        json.dumps(body(uid, stream, dialogue)).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=600) as response:  # noqa: S310
            if stream:
                return gather(response)
            return message_reply(json.loads(response.read())["choices"][0])
    except (OSError, ValueError) as error:
        return Reply(error=repr(error))


def exact(dialogue: Dialogue, reply: Reply) -> bool:
    """Return whether the answer is right to the letter, wherever the engine put its parts."""
    if reply.error or reply.finish == "length":
        return False
    message = dialogue.messages[-1]
    content = message.get("content") or ""
    wanted = [
        (call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls") or []
    ]
    if reply.calls and not broken(reply):
        given = [(name, json.loads(arguments)) for name, arguments in reply.calls]
        text = content.split("</think>")[-1].strip()
        return given == wanted and reply.text.split("</think>")[-1].strip() == text
    text = answer_text(message)
    if dialogue.think:
        return reply.text.split("</think>")[-1].strip() == text.split("</think>")[-1].strip()
    return reply.text == text


def broken(reply: Reply) -> bool:
    """Return whether a tool call's arguments are not a JSON object."""
    try:
        return not all(isinstance(json.loads(arguments), dict) for _, arguments in reply.calls)
    except ValueError:
        return True


def show(dialogue: Dialogue, reply: Reply) -> None:
    """Print a wrong answer next to the right one."""
    print(f"  {dialogue.source}: {str(dialogue.prompt[-1]['content'])[:100]!r}")
    print(f"    wanted {dialogue.answer[:160]!r}")
    print(f"    got    {reply!r:.300}")


def check(uid: str, dialogues: list[Dialogue], options: argparse.Namespace) -> int:
    """Ask one model all dialogues, print the counts, and return the number of wrong answers."""
    question = partial(ask, options.endpoint.rstrip("/"), uid, options.stream)
    with ThreadPoolExecutor(options.parallel) as pool:
        replies = list(pool.map(question, dialogues))
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    wrong = []
    for dialogue, reply in zip(dialogues, replies, strict=True):
        asked[dialogue.source] += 1
        if exact(dialogue, reply):
            right[dialogue.source] += 1
        else:
            wrong.append((dialogue, reply))
    print(f"{uid}{' (stream)' if options.stream else ''}: {right.total()} of {asked.total()} exact")
    print("  " + ", ".join(f"{name} {right[name]}/{asked[name]}" for name in asked))
    for dialogue, reply in wrong[: options.shown]:
        show(dialogue, reply)
    return len(wrong)


def main() -> None:
    """Read the command line and check every model named there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("endpoint")
    parser.add_argument("--chat", nargs="*", default=[], help="UIDs of tiny-chat")
    parser.add_argument("--think", nargs="*", default=[], help="UIDs of tiny-think")
    parser.add_argument("--text", nargs="*", default=[], help="UIDs of tiny-text")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--only", nargs="*", help="names of files")
    parser.add_argument("--every", type=int, default=1, help="ask only one in this many")
    parser.add_argument("--augmented", type=int, default=0, help="use this many generated ones")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--shown", type=int, default=20, help="wrong answers to print")
    options = parser.parse_args()
    if options.augmented:
        maker = Augmenter(seed=2**20)
        dialogues = [replace(maker.make(), only_last=True) for _ in range(options.augmented)]
    else:
        dialogues = read_all()
    dialogues = [d for d in distinct(dialogues) if not options.only or d.source in options.only]
    wrong = 0
    for uids, kind in ((options.chat, "chat"), (options.think, "think"), (options.text, "text")):
        chosen = [d for d in dialogues if d.kind == kind][:: options.every]
        for uid in uids:
            wrong += check(uid, chosen, options)
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
