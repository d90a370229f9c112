"""Calls written like code: in Python syntax, or in Gemma's with its own quotes."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xinference_magics.wire.calls.bodies import begin
from xinference_magics.wire.calls.cursor import NotACallError
from xinference_magics.wire.calls.json_text import TornError
from xinference_magics.wire.calls.values import expression, literal, load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xinference_magics.wire.calls.bodies import Found
    from xinference_magics.wire.calls.cursor import Cursor, Reading

_MAX_NESTED = 64
_CLOSES = {"(": ")", "[": "]", "{": "}"}
_PLAIN = re.compile(r"""[^()\[\]{}"'#\\]*""")
_INSIDE = {
    '"': re.compile(r'(?:[^"\\\n]|\\.)*', re.DOTALL),
    "'": re.compile(r"(?:[^'\\\n]|\\.)*", re.DOTALL),
}
_KEY = re.compile(r"([{,]\s*)([A-Za-z_][\w.-]*)(\s*:)")


@dataclass(frozen=True)
class Python:
    """``[f(a="x", b=2), g()]``, or without the brackets, one call per line.

    It is parsed as an expression with literal arguments and never executed.

    Args:
        listed: Whether the calls are in brackets.
    """

    listed: bool = True

    def read(self, found: Found) -> Reading[None]:
        """Read the calls."""
        cursor = found.cursor
        if self.listed and not (yield from cursor.any(("[",))):
            raise NotACallError
        before = cursor.mark()
        while (name := (yield from begin(found, ("{name}(",)))) is not None:
            yield from self._call(found, name)
            before = cursor.mark()
            if self.listed and not (yield from cursor.any((",",))):
                break
        if not self.listed:
            cursor.back(before)
        if not found.calls or (self.listed and not (yield from cursor.any(("]",)))):
            raise NotACallError

    def _call(self, found: Found, name: str) -> Reading[None]:
        found.begin(name)
        try:
            yield from _up_to_bracket(found.cursor)
            node = expression(f"f({found.cursor.since(found.begun)}")
            arguments = _arguments(node, [*found.offered.properties(name)])
        except (TornError, ValueError):
            yield from found.give_up()
        else:
            found.add(found.offered.named(name, arguments))


def _up_to_bracket(cursor: Cursor) -> Reading[None]:
    """Consume everything through the bracket that closes the one already consumed.

    Raises:
        TornError: It is missing, or the brackets do not match.
    """
    wanted = [")"]
    while wanted:
        yield from cursor.run(_PLAIN)
        if not (char := (yield from cursor.char())):
            raise TornError
        cursor.step()
        if char in _CLOSES:
            wanted.append(_CLOSES[char])
        elif char in _INSIDE:
            yield from cursor.run(_INSIDE[char])
            if not (yield from cursor.literal(char)):
                raise TornError
        elif char != wanted.pop() or len(wanted) > _MAX_NESTED:
            raise TornError


def _arguments(node: ast.expr, names: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of a call; positional ones get the tool's names, in order.

    Raises:
        ValueError: It isn't a call, or its arguments are not literals with distinct names.
    """
    if not isinstance(node, ast.Call) or len(node.args) > len(names):
        raise ValueError("not a call")
    given = dict(zip(names, map(literal, node.args), strict=False))
    for each in node.keywords:
        if each.arg is None or each.arg in given:
            raise ValueError("no name, or twice")
        given[each.arg] = literal(each.value)
    return given


@dataclass(frozen=True)
class Braces:
    """``call:f{a:<|"|>x<|"|>,b:2}``: unquoted keys, and strings between marks.

    Args:
        quote: The mark on both sides of a string.
    """

    quote: str

    def read(self, found: Found) -> Reading[None]:
        """Read the calls."""
        while (name := (yield from begin(found, ("call:{name}", "call: {name}")))) is not None:
            found.begin(name)
            if (yield from found.cursor.char()) != "{":
                raise NotACallError
            yield from self._arguments(found, name)
        if not found.calls:
            raise NotACallError

    def _arguments(self, found: Found, name: str) -> Reading[None]:
        cursor, text = found.cursor, ""
        while True:
            before = cursor.mark()
            plain, mark = yield from cursor.until(self.quote, *found.ends)
            text += _KEY.sub(r'\1"\2"\3', plain)
            if mark != self.quote:
                break
            inside, mark = yield from cursor.until(self.quote)
            text += json.dumps(inside, ensure_ascii=False)
        cursor.back(before, len(plain.rstrip()))
        try:
            found.add(found.offered.named(name, load(text)), closed=not found.ends)
        except ValueError:
            yield from found.give_up()
