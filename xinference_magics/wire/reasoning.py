"""Separate reasoning from the answer, wherever an engine puts them.

Reasoning arrives as `reasoning_content` next to `content`, or in tags at the beginning of the
text, such as ``<think>…</think>``; if the prompt already ends in the opening tag, only the closing
one arrives, as the model's family tells. Engines keep the newlines around both parts, which belong
to the tags.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from typing import TYPE_CHECKING

from xinference_magics.wire.calls.format import MAX_MARGIN_CHARS
from xinference_magics.wire.calls.formats import FORMATS
from xinference_magics.wire.engines import LLAMA_CPP

if TYPE_CHECKING:
    from collections.abc import Iterable


_ALWAYS = frozenset({"Kimi-K2.5", "MiniMax-M2.7", "skywork-or1-preview"})
_WHERE_THINKING_IS_ASKED_FOR = frozenset(
    {
        *("Baichuan-M2", "DeepSeek-V3.2", "DeepSeek-V3.2-Exp", "Deepseek-V3.1"),
        *("GLM-4.7", "GLM-4.7-Flash", "glm-5.1", "glm-5.2"),
        *("Ling-3.0-flash", "Ling-3.0-tiny", "MiniMax-M3", "minicpm5-1b", "minicpm5-2b"),
        *("Nex-N2", "Ornith-1.0-35B", "Ornith-1.5-35B-A3B", "Ornith-1.5-397B"),
        *("qwen3.5", "qwen3.6", "qwen3.8", "qwen3.8-Flash-Next"),
    }
)


def is_prefilled(family: str | None, engine: str | None, *, thinking: bool) -> bool:
    """Return whether an answer begins within the reasoning.

    Args:
        family: The model's family, as Xinference names it.
        engine: The engine; llama.cpp separates the reasoning of such templates itself.
        thinking: Whether the request asks for reasoning.
    """
    if engine == LLAMA_CPP:
        return False
    return family in _ALWAYS or (thinking and family in _WHERE_THINKING_IS_ASKED_FOR)


@dataclass(frozen=True)
class Tags:
    """The tags around a part of the text.

    Args:
        opening: The tag before it.
        closing: The tag after it; an answer may end without one.
        thought: Whether it is reasoning; otherwise it is the answer.
        again: Whether it may follow other parts.
        first: Whether it may be the first part.
    """

    opening: str
    closing: str
    thought: bool = True
    again: bool = False
    first: bool = True


_MESSAGE = "<|channel|>{}<|message|>"
_NEXT_MESSAGE = "<|start|>assistant" + _MESSAGE

TAGS = (
    Tags("<think>", "</think>"),
    Tags("<thinking>", "</thinking>"),
    Tags("[THINK]", "[/THINK]"),  # Magistral
    Tags("<seed:think>", "</seed:think>"),
    Tags("<mm:think>", "</mm:think>"),  # MiniMax M3
    Tags("◁think▷", "◁/think▷"),  # Kimi-VL
    Tags("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
    Tags("<|channel>thought", "<channel|>"),  # Gemma 4
    Tags("<|open|>think<|sep|>", "<|close|>think<|sep|>"),  # Kimi K3
    Tags("<|begin_of_thought|>", "<|end_of_thought|>"),  # OpenThinker, Sky-T1
    Tags("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    Tags(_MESSAGE.format("analysis"), "<|end|>"),  # gpt-oss
    Tags(_NEXT_MESSAGE.format("analysis"), "<|end|>", again=True),
    Tags("<answer>", "</answer>", thought=False, again=True, first=False),
    Tags("<|START_RESPONSE|>", "<|END_RESPONSE|>", thought=False, again=True),
    Tags("<|open|>response<|sep|>", "<|close|>response<|sep|>", thought=False, again=True),
    Tags("<|begin_of_solution|>", "<|end_of_solution|>", thought=False, again=True),
    *(
        Tags(message.format(channel), end, thought=False, again=True)
        for message in (_MESSAGE, _NEXT_MESSAGE)
        for channel, end in (
            ("final", "<|return|>"),
            ("final <|constrain|>json", "<|return|>"),
            ("final<|constrain|>json", "<|return|>"),
            ("commentary", "<|end|>"),
        )
    ),
)
"""One entry for each way models mark reasoning and answers.

From the models' chat templates, the families of Xinference 4.1 (`reasoning_start_tag`) and the
reasoning parsers of vLLM 0.32.
"""

_CLOSINGS = tuple(tags.closing for tags in TAGS if tags.thought and "end|>" not in tags.closing)
_OPENINGS = tuple(tags.opening for tags in TAGS if tags.thought)
_ALONE = re.compile(rf"^[ \t]*(?:{'|'.join(map(re.escape, _CLOSINGS))})[ \t]*$", re.MULTILINE)


_FENCED = re.compile(r"^[ \t]*(```(?!.*`)|~~~)", re.MULTILINE)
_GROUPS = tuple(
    (opening, ends)
    for form in FORMATS
    for opening in (() if form.block else form.opens or form.starts)
    if (ends := (*form.ends, *getattr(form.body, "ends", ())))
)
"""What opens a group of calls, and what may close it."""


def only_closes(text: str) -> bool:
    """Return whether a complete answer closes reasoning on its own line without opening it."""
    found = _ALONE.search(text)
    if not found:
        return False
    before, behind = text[: found.start()], text[found.end() :]
    opened = any(each in before for each in _OPENINGS)
    return not opened and not _in_code(before) and not _in_call(before, behind)


def _in_code(before: str) -> bool:
    """Return whether a code block is open at the end of `before`."""
    fence = ""
    for found in _FENCED.finditer(before):
        fence = "" if fence == found[1] else fence or found[1]
    return bool(fence)


def _in_call(before: str, behind: str) -> bool:
    """Return whether a group of calls is opened in `before` and closed in `behind`."""
    return any(
        before.rfind(opening) > max(map(before.rfind, ends))
        and any(end in behind.partition(opening)[0] for end in ends)
        for opening, ends in _GROUPS
    )


def overlap(text: str, tag: str) -> int:
    """Return how many characters at the end of `text` may be the start of `tag`."""
    longest = min(len(tag) - 1, len(text))
    return next((size for size in range(longest, 0, -1) if tag.startswith(text[-size:])), 0)


_CALL = '{"name":'
"""How a call that was forced begins, without its spaces."""


class _Place(Enum):
    BEFORE = auto()  # only whitespace so far: a tag may follow
    INSIDE = auto()
    AFTER = auto()  # after reasoning, before the answer's first character
    BETWEEN = auto()  # after an answer in tags
    ANSWER = auto()


class _Part:
    """The contents of tags, without leading and trailing whitespace."""

    def __init__(self, closings: Iterable[str], *, thought: bool) -> None:
        self.closings = tuple(closings)
        self.thought = thought
        self._gap: str | None = None  # None: before the first character

    def followed_by_thought(self) -> _Part:
        """Return the part for subsequent reasoning, as a new paragraph if this is reasoning too."""
        part = _Part(_CLOSINGS, thought=True)
        if self.thought and self._gap is not None:
            part._gap = "\n\n"
        return part

    @cached_property
    def _closing(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, self.closings)))

    def split(self, text: str) -> tuple[str, str | None, str]:
        """Return what is certainly inside, what follows the closing tag, and what must wait."""
        if found := self._closing.search(text):
            return self.without_margins(text[: found.start()]), text[found.end() :], ""
        sure = len(text) - max(overlap(text, each) for each in self.closings)
        return self.without_margins(text[:sure]), None, text[sure:]

    def without_margins(self, piece: str) -> str:
        """Drop leading whitespace, and hold back trailing whitespace in case the part ends."""
        whole = piece.lstrip() if self._gap is None else self._gap + piece
        body = whole.rstrip()
        if len(whole) - len(body) > MAX_MARGIN_CHARS:
            body = whole
        if body or self._gap is not None:
            self._gap = whole[len(body) :]
        return body


class ReasoningSplitter:
    """Split each piece of an answer into (reasoning, answer).

    Args:
        prefilled: Whether the prompt ended in an opening tag, so that reasoning comes first.
        forced: Whether the answer must be a call: what begins like one is no reasoning, even after
            an opening tag. vLLM enforces the call, and yet Xinference puts the tag before it.
    """

    def __init__(self, *, prefilled: bool = False, forced: bool = False) -> None:
        self._place = _Place.BEFORE
        self._prefilled = prefilled
        self._forced = forced
        self._held = ""
        self._answered = False  # before reasoning that the engine sent as such
        self._part = _Part(_CLOSINGS, thought=True)

    @property
    def settled(self) -> bool:
        """Whether everything that follows is answer, to be passed on unchanged."""
        return self._place is _Place.ANSWER

    def thought(self, piece: str) -> tuple[str, str]:
        """Add a piece that the engine itself labels reasoning; return the same as `text`."""
        thought, text = "", ""
        if self._place is not _Place.AFTER:
            thought, text = self.end()
            answered = self._place in {_Place.ANSWER, _Place.BETWEEN} or bool(text.strip())
            self._answered = self._answered or answered
            self._place, self._part = _Place.AFTER, self._part.followed_by_thought()
        return thought + self._part.without_margins(piece), text if self._answered else ""

    def text(self, piece: str) -> tuple[str, str]:
        """Add a piece of text; return (reasoning, answer) from it and from what was held back."""
        if self._place is _Place.ANSWER:
            return "", piece
        self._held += piece
        said: dict[bool, list[str]] = {True: [], False: []}
        while self._has_part():
            body, behind, self._held = self._part.split(self._held)
            said[self._part.thought].append(body)
            if behind is None:
                break
            self._place = _Place.AFTER if self._part.thought else _Place.BETWEEN
            self._held = behind
        if self._place is _Place.ANSWER:
            said[False].append(self._held)
            self._held = ""
        return "".join(said[True]), "".join(said[False])

    def end(self) -> tuple[str, str]:
        """Return what is still held back."""
        before = "", ""
        if self._forced:
            self._forced = False  # no call began
            before = self.text("")
        thought, answer = self._rest()
        return before[0] + thought, before[1] + answer

    def _rest(self) -> tuple[str, str]:
        held, self._held = self._held, ""
        if self._place is _Place.BEFORE and self._prefilled:
            return held.strip(), ""
        if self._place is _Place.INSIDE:
            rest = self._part.without_margins(held)
            return (rest, "") if self._part.thought else ("", rest)
        return "", held.lstrip() if self._is_margin else held

    @property
    def _is_margin(self) -> bool:
        """Whether whitespace here only separates reasoning from the answer."""
        return self._place is _Place.AFTER and not self._answered

    def _has_part(self) -> bool:
        """Look for an opening tag if there may be one; return whether the text is inside tags."""
        if self._place not in {_Place.INSIDE, _Place.ANSWER}:
            self._look_for_opening()
        return self._place is _Place.INSIDE

    def _look_for_opening(self) -> None:
        first, start = self._place is _Place.BEFORE, self._held.lstrip()
        following = [tags for tags in TAGS if (tags.first if first else tags.again)]
        if found := next((tags for tags in following if start.startswith(tags.opening)), None):
            self._begin_inside(found, start[len(found.opening) :])
        elif len(self._held) > MAX_MARGIN_CHARS or not any(
            tags.opening.startswith(start) for tags in following
        ):
            self._begin_without(start)

    def _begin_inside(self, tags: Tags, inside: str) -> None:
        """Begin the part within `tags`, unless it is, or may yet be, a call that was forced."""
        begun = "".join(inside[:MAX_MARGIN_CHARS].split()).removeprefix("[")
        if self._forced and begun.startswith(_CALL):
            self._place, self._held = _Place.ANSWER, inside.lstrip()
        elif not self._forced or not _CALL.startswith(begun) or len(inside) > MAX_MARGIN_CHARS:
            self._part = _Part((tags.closing,), thought=tags.thought)
            self._place, self._held = _Place.INSIDE, inside

    def _begin_without(self, start: str) -> None:
        """Begin the answer, or the reasoning that the prompt opened, without a tag."""
        if self._is_margin:
            self._held = start
        prefilled = self._prefilled and self._place is _Place.BEFORE
        self._place = _Place.INSIDE if prefilled else _Place.ANSWER
