"""Dialogues made by rule: conversations from known parts, tool use, unknown prompts."""

from __future__ import annotations

import json
import random
import string
from typing import Any

from dialogues import (
    CONVERSATIONAL,
    FOLDER,
    Dialogue,
    Message,
    all_forced,
    forced,
    known_tools,
    read,
)

FALLBACK = "I am a tiny model and only know a few answers."
SYSTEM_PROMPTS = ("You are a helpful assistant.", "Be brief.")
SHORT_ANSWER = 700
"""Longer answers are left out of conversations and variations, because they cost much time."""
SHORT_QUESTION = 120


def user(content: str) -> Message:
    """A user's message."""
    return {"role": "user", "content": content}


def assistant(content: str = "", *calls: tuple[str, dict[str, Any]]) -> Message:
    """An assistant's message, with tool calls given as (name, arguments)."""
    message: Message = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(given, ensure_ascii=False)},
            }
            for number, (name, given) in enumerate(calls)
        ]
    return message


def result(content: str, number: int = 0) -> Message:
    """A tool's result."""
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": content}


class Augmenter:
    """Make new dialogues from the known ones with a seeded random generator."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311  (no secrets)
        self.lists: dict[str, list[str]] = json.loads(
            (FOLDER / "dialogues" / "words.json").read_text(encoding="utf-8")
        )
        files = [read(name) for name in CONVERSATIONAL]
        self.files = [[d for d in file if d.messages[0]["role"] == "user"] for file in files]
        self.parts = [d for file in self.files for d in file]
        self.long = [d for d in self.parts if len(d.answer) >= SHORT_ANSWER]
        self.short = [d for d in self.parts if len(d.answer) < SHORT_ANSWER]
        self.names = read("names")
        self.thoughts = [
            d for d in read("thinking") if not d.tools and len(d.answer) < SHORT_ANSWER
        ]
        self.translations = [
            d for d in read("translation") if [m["role"] for m in d.prompt] == ["system", "user"]
        ]
        self.unknown = read("unknown")
        self.smalltalk = [d for d in read("smalltalk") if len(d.prompt) == 1]
        with_tools = [d for name in ("tools", "agent", "langchain_tests") for d in read(name)]
        calls = [d for dialogue in with_tools for d in all_forced(dialogue)]
        self.calls = {d.messages[0]["content"]: d.answer for d in reversed(calls)}
        asked = [d.prompt[0]["content"] for d in self.parts]
        self.words = sorted(
            {word for text in asked for word in text.split() if len(text) < SHORT_QUESTION}
        )
        self.asked = [text for text in asked if len(text) < SHORT_QUESTION]
        self.retrieval = json.loads(
            (FOLDER / "dialogues" / "retrieval.json").read_text(encoding="utf-8")
        )
        self.makers = (
            (self.conversation, 45),
            (self.variation, 8),
            (self.unknown_prompt, 11),
            (self.remembered_name, 7),
            (self.thought, 6),
            (self.translation, 3),
            (self.counting, 2),
            (self.weather, 4),
            (self.two_steps, 2),
            (self.extraction, 3),
            (self.retrieved, 6),
            (self.forced_weather, 5),
            (self.off_topic, 4),
        )

    def make(self) -> Dialogue:
        """One dialogue of a random kind."""
        makers, weights = zip(*self.makers, strict=True)
        dialogue: Dialogue = self.random.choices(makers, weights)[0]()
        dialogue.source = "augmented"
        return dialogue

    def chance(self, probability: float) -> bool:
        """Return true with the given probability."""
        return self.random.random() < probability

    def part(self) -> list[Message]:
        """A part of a conversation, mostly a short one."""
        if self.chance(0.03):
            return self.random.choice(self.long).messages
        if self.chance(0.15):
            return self.random.choice(self.smalltalk).messages
        if self.chance(0.1):
            return self.unknown_prompt().messages
        while True:
            dialogue = self.random.choice(self.random.choice(self.files))
            if len(dialogue.answer) < SHORT_ANSWER:
                return dialogue.messages

    def history(self, turns: int) -> list[Message]:
        """Parts of a conversation with about `turns` turns of the user."""
        messages: list[Message] = []
        while sum(message["role"] == "user" for message in messages) < turns:
            messages = messages + self.part()
        return messages

    def opening(self) -> list[Message]:
        """An occasional system prompt that changes nothing."""
        if self.chance(0.25):
            return [{"role": "system", "content": self.random.choice(SYSTEM_PROMPTS)}]
        return []

    def conversation(self) -> Dialogue:
        """Several known parts in a row."""
        return Dialogue(self.opening() + self.history(self.random.randint(2, 5)))

    def remembered_name(self) -> Dialogue:
        """A name, something else in between, and the question about the name."""
        told, greeted, *asked = self.random.choice(self.names).messages
        between = [m for m in self.history(self.random.randint(0, 2)) if "name" not in str(m)]
        roles = [m["role"] for m in between]
        if roles != ["user", "assistant"] * (len(roles) // 2):
            between = []
        before = self.history(1) if self.chance(0.3) else []
        return Dialogue(self.opening() + before + [told, greeted, *between, *asked])

    def thought(self) -> Dialogue:
        """A question for the thinking variant after a conversation without reasoning."""
        last = self.random.choice(self.thoughts)
        history = self.history(self.random.randint(0, 2))
        return Dialogue(self.opening() + history + last.messages, think=True)

    def translation(self) -> Dialogue:
        """A translator's system prompt before a conversation about other things."""
        system, *rest = self.random.choice(self.translations).messages
        history = self.history(self.random.randint(1, 3))
        return Dialogue([system, *history, *rest], only_last=True)

    def variation(self) -> Dialogue:
        """A known question in slightly different words, sometimes with tools on offer."""
        first, *rest = self.random.choice(self.short).messages
        content: str = first["content"]
        changed = (
            content.rstrip(".!?"),
            content[:1].lower() + content[1:],
            content.lower().rstrip(".!?"),
            f"{content[:-1]}!",
            f"{content} Please.",
        )
        asked = [user(self.random.choice(changed)), *rest]
        offered = None
        if self.chance(0.1) and rest[0]["content"] in {d.answer for d in self.smalltalk}:
            names = self.random.sample(sorted(known_tools()), self.random.randint(1, 3))
            offered = [known_tools()[name] for name in names if name != "get_current_time"]
        return Dialogue([*self.opening(), *asked], offered or None, only_last=len(rest) > 1)

    def nonsense(self) -> str:
        """Letters, or words of known questions in random order."""
        if self.chance(0.15):
            letters = string.ascii_letters + "     .,"
            return "".join(self.random.choices(letters, k=self.random.randint(3, 40)))
        if self.chance(0.6):
            return " ".join(self.random.choices(self.words, k=self.random.randint(2, 12)))
        words = self.random.choice(self.asked).split()
        for _ in range(max(1, len(words) // 3)):
            words[self.random.randrange(len(words))] = self.random.choice(self.words)
        return " ".join(words)

    def unknown_prompt(self) -> Dialogue:
        """A prompt that the model must not know."""
        if self.chance(0.35):
            return self.random.choice(self.unknown)
        if self.chance(0.15):
            left, right = self.random.randint(24, 9999), self.random.randint(31, 9999)
            content = f"What is {left} {self.random.choice('+-*')} {right}?"
        else:
            content = self.nonsense().strip() or "?"
        if content in self.asked:
            return self.unknown[0]
        return Dialogue([user(content), assistant(FALLBACK)])

    def counting(self) -> Dialogue:
        """Numbers up to a random end, mostly a near one."""
        end = self.random.choice((10, 20, 40, 60, 120))
        end = self.random.randint(3, end)
        before = self.history(1) if self.chance(0.3) else []
        numbers = " ".join(str(number) for number in range(1, end + 1))
        return Dialogue([*before, user(f"Count from 1 to {end}."), assistant(numbers)])

    def offered(self, *needed: str) -> list[dict[str, Any]]:
        """The needed tools among some others, in random order."""
        others = ("get_weather", "add", "multiply", "get_current_time", "wait")
        names = {*needed, *self.random.sample(others, self.random.randint(0, 2))}
        return [known_tools()[name] for name in self.random.sample(sorted(names), len(names))]

    def sky(self) -> str:
        """A weather report."""
        return (
            f"{self.random.randint(-9, 40)} degrees and {self.random.choice(self.lists['skies'])}"
        )

    def weather(self) -> Dialogue:
        """A question about the weather in one city or in two."""
        one, two = self.random.sample(self.lists["cities"], 2)
        first, second = self.sky(), self.sky()
        if self.chance(0.3):
            messages = [
                user(f"What is the weather in {one} and {two}?"),
                assistant("", ("get_weather", {"city": one}), ("get_weather", {"city": two})),
                result(first),
                result(second, 1),
                assistant(f"It is {first} in {one} and {second} in {two}."),
            ]
        else:
            messages = [
                user(f"What is the weather in {one}?"),
                assistant("", ("get_weather", {"city": one})),
                result(first),
                assistant(f"It is {first} in {one}."),
            ]
        before = self.history(1) if self.chance(0.4) else []
        return Dialogue(self.opening() + before + messages, self.offered("get_weather"))

    def forced_weather(self) -> Dialogue:
        """A question about the weather that must be answered with calls."""
        asked = self.weather()
        place = next(n for n, m in enumerate(asked.messages) if m.get("tool_calls"))
        cut = Dialogue(asked.messages[: place + 1], asked.tools)
        return forced(cut, many=len(cut.messages[-1]["tool_calls"]) > 1 or self.chance(0.5))

    def off_topic(self) -> Dialogue:
        """A forced call that has nothing to do with the question."""
        content, answer = self.random.choice(list(self.calls.items()))
        system = {"role": "system", "content": content}
        question = self.unknown_prompt().messages[0]
        return Dialogue([system, question, assistant(answer)], only_last=True)

    def two_steps(self) -> Dialogue:
        """A question that needs one tool's result for a call of another tool."""
        city, sky = (
            self.random.choice(self.lists["cities"]),
            self.random.choice(self.lists["skies"]),
        )
        degrees = self.random.randint(1, 40)
        messages = [
            user(f"What is twice the temperature in {city}?"),
            assistant("", ("get_weather", {"city": city})),
            result(f"{degrees} degrees and {sky}"),
            assistant("", ("multiply", {"a": degrees, "b": 2})),
            result(str(2 * degrees)),
            assistant(f"Twice the temperature in {city} is {2 * degrees} degrees."),
        ]
        return Dialogue(self.opening() + messages, self.offered("get_weather", "multiply"))

    def extraction(self) -> Dialogue:
        """A person's name and age, as plain JSON or by a tool named after the schema."""
        name, age = self.random.choice(self.lists["people"]), self.random.randint(1, 99)
        given = {"name": name, "age": age}
        asked = user(f"Extract the person: {name} is {age} years old.")
        if self.chance(0.5):
            return Dialogue([*self.opening(), asked, assistant(json.dumps(given))])
        tool = known_tools()["Person"]
        title = self.random.choice(("Person", "Person", "PersonDict", "person", "Human"))
        tool = {"type": "function", "function": {**tool["function"], "name": title}}
        return Dialogue([*self.opening(), asked, assistant("", (title, given))], [tool])

    def retrieved(self) -> Dialogue:
        """A question about documents in the prompt."""
        texts = {document["id"]: document["text"] for document in self.retrieval["documents"]}
        asked = self.random.choice(self.retrieval["questions"])
        others = [key for key in texts if key != asked["document"]]
        shown = self.random.sample(others, self.random.randint(0, 3))
        known = self.chance(0.85) or not shown
        if known:
            shown.append(asked["document"])
        self.random.shuffle(shown)
        context = "\n\n".join(texts[key] for key in shown)
        prompt = self.retrieval["template"].format(context=context, question=asked["question"])
        answer = asked["answer"] if known else self.retrieval["otherwise"]
        return Dialogue([*self.opening(), user(prompt), assistant(answer)])
