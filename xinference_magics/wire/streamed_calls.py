"""Tool calls of a streamed answer: deltas in any order -> chunks that langchain-core can merge.

Servers number calls, identify them by id, repeat names, or do none of these. Xinference before 4.0
on vLLM, and SGLang, number all calls 0, so the id decides, if there is one.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from langchain_core.messages.tool import tool_call_chunk

from xinference_magics.wire.native_calls import (
    TextCall,
    arguments_in,
    beyond_repair,
    function_in,
    id_in,
    is_object,
    may_be_wrapped,
    name_in,
    new_id,
    unwrapped,
)
from xinference_magics.wire.shapes import Escapes, integer_in, whole_escapes
from xinference_magics.wire.tools import demanding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from langchain_core.messages import ToolCallChunk


_Place = tuple[int | None, float] | int | None
_LAST = None  # the place of the last call, and of a delta without an index


class _Call:
    """A call whose deltas are arriving.

    Args:
        number: The index under which langchain-core merges its chunks.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.id = ""
        self.name = ""
        self.unsent_name = ""
        self.named_again = False  # after its arguments were whole
        self.whole = (0, False)  # after how many pieces its arguments were an object, if they were
        self.wrapped: bool | None = None  # None: before the first character of its arguments
        self.characters = Escapes()

    def shown(self, arguments: str) -> str:
        """Return what can be passed on now; arguments encoded twice wait for their end."""
        if self.wrapped is None and arguments.strip():
            self.wrapped = may_be_wrapped(arguments)
        return "" if self.wrapped else arguments


class StreamedCalls:
    """Convert the calls of one stream, and detect incomplete ones at its end.

    Args:
        first: The index of the first call.
        tools: The tools that the model may call, as OpenAI dicts.
    """

    def __init__(self, first: int, tools: Sequence[Mapping[str, Any]] = ()) -> None:
        self._first = first
        self._offered = [str((each.get("function") or {}).get("name")) for each in tools]
        self._demanding = demanding(tools)
        self._arguments: dict[int, list[str]] = {}
        self._calls: list[_Call] = []
        self._unsent: deque[_Call] = deque()  # calls are passed on in order
        self._by_id: dict[str | None, _Call] = {}
        self._by_place: dict[_Place, _Call] = {}
        self.names: set[str | None] = set()
        self.in_text = False

    @property
    def any(self) -> bool:
        """Whether there was a call."""
        return self.in_text or bool(self._arguments)

    @property
    def lost(self) -> bool:
        """Whether there were calls, but all without required arguments and none in the text."""
        return (
            bool(self._calls)
            and not self.in_text
            and all(
                call.name in self._demanding and not any(self._arguments[call.number])
                for call in self._calls
            )
        )

    def deltas(self, raw: Iterable[Mapping[str, Any]]) -> list[ToolCallChunk]:
        """Convert the server's own tool call deltas.

        A name is held back until its arguments begin: for some calls vLLM sends only the name, and
        such an answer can be requested again as long as none of it was passed on.
        """
        return [
            chunk
            for call, arguments in map(self._piece, raw)
            for chunk in self._news(call, arguments)
        ]

    def _news(self, call: _Call, arguments: str) -> Iterator[ToolCallChunk]:
        """Yield what can be passed on: calls in order, each once its arguments begin."""
        if self._arguments[call.number]:
            while self._unsent and self._unsent[0].number < call.number:
                yield self._send(self._unsent[0], "")
            yield self._send(call, arguments)

    def _piece(self, raw: Mapping[str, Any]) -> tuple[_Call, str]:
        """Read a delta; return its call and what it adds to the arguments."""
        function, given, places = function_in(raw), id_in(raw), _places_in(raw)
        name, arguments = name_in(function), arguments_in(function)
        call = self._continued(given, places[0], name, arguments)
        if call is None:
            before = self._by_id.get(given) or self._by_place.get(places[0])
            name = name or (before.name if before and before.named_again else "")
            call = self._begin()
        self._by_place |= dict.fromkeys(places, call)
        taken = self._by_id.get(given) not in (None, call)
        if given:
            self._by_id[given] = call
        call.id = call.id or (None if taken else given) or new_id()
        if name and not arguments:
            call.named_again = self._is_whole(call)
        self._add_name(call, name)
        arguments = call.characters.feed(arguments)
        if arguments:
            self._arguments[call.number].append(arguments)
        return call, arguments

    def _send(self, call: _Call, arguments: str) -> ToolCallChunk:
        """Return a chunk that langchain-core can merge, with what is new in the call."""
        name, call.unsent_name = call.unsent_name or None, ""
        if first := self._is_next(call):
            self._unsent.popleft()
        return tool_call_chunk(
            name=name,
            args=call.shown(arguments),
            id=call.id if first else None,
            index=call.number,
        )

    def _is_next(self, call: _Call) -> bool:
        return bool(self._unsent) and self._unsent[0] is call

    def _begin(self) -> _Call:
        call = _Call(self._first + len(self._arguments))
        self._calls.append(call)
        self._unsent.append(call)
        self._arguments[call.number] = []
        return call

    def _continued(
        self, given: str | None, place: _Place, name: str, arguments: str
    ) -> _Call | None:
        """Return the call that a delta continues, or None if a new call begins."""
        same_id = self._by_id.get(given)
        call = same_id or self._by_place.get(place)
        if call is None and not (given or name):
            call = self._by_place.get(_LAST)
        if call is None or not call.name:
            return call
        is_there = call is self._by_place.get(place)
        if call is same_id:
            begins = self._begins_under_its_id(call, name, is_there=is_there)
        elif given:
            begins = bool(name or (arguments and self._is_whole(call)))
        else:
            begins = self._is_another(call, name)
        return None if begins or self._begins_again(call, name, arguments) else call

    def _begins_under_its_id(self, call: _Call, name: str, *, is_there: bool) -> bool:
        """Return whether a call begins that has the id of `call`, as some servers' calls have.

        Either it is one of another tool, or it has another index and comes when `call` is whole.
        """
        if self._is_another(call, name):
            return name in self._offered or not is_there
        return bool(name) and not is_there and self._is_whole(call)

    def _begins_again(self, call: _Call, name: str, arguments: str) -> bool:
        """Return whether a call of the same tool begins under the same index.

        A name alone does not tell: some servers repeat it in every delta, or do so at the end.
        """
        begun = arguments.lstrip()[:1] in {"{", '"'}
        return begun and (bool(name) or call.named_again) and self._is_whole(call)

    def _is_another(self, call: _Call, name: str) -> bool:
        """Return whether `name` is that of another tool, instead of a repetition or a part."""
        return bool(name) and name != call.name and not self._is_part(call.name + name)

    def _is_whole(self, call: _Call) -> bool:
        parts = self._arguments[call.number]
        if not parts or parts[-1].rstrip()[-1:] not in {"}", '"'}:
            return False  # a cheap check first: there may be many deltas
        if call.whole[0] != len(parts):
            arguments = "".join(parts)
            call.whole = len(parts), bool(arguments) and is_object(unwrapped(arguments))
        return call.whole[1]

    def _is_part(self, name: str) -> bool:
        return any(each.startswith(name) for each in self._offered)

    def _add_name(self, call: _Call, name: str) -> None:
        """Add what is new in a name; some servers repeat it in every delta."""
        if not name or name == call.name:
            return
        self.names.discard(call.name)
        call.name += name
        call.unsent_name += name
        self.names.add(call.name)

    def held_back(self) -> list[ToolCallChunk]:
        """Return what waited for the end: names, arguments encoded twice, halves of characters."""
        return [chunk for call in self._calls for chunk in self._rest(call)]

    def _rest(self, call: _Call) -> Iterator[ToolCallChunk]:
        if self._is_next(call):
            yield self._send(call, "")
        parts = self._arguments[call.number]
        parts.append(rest := call.characters.end())
        if call.wrapped:
            parts[:] = [rest := whole_escapes(unwrapped("".join(parts)))]
        if rest:
            yield tool_call_chunk(name=None, args=rest, id=None, index=call.number)

    def read(self, pieces: Iterable[Mapping[str, Any]]) -> list[ToolCallChunk]:
        """Convert the tool call deltas that were read from the text."""
        made = self.deltas(pieces := list(pieces))
        self.in_text = self.in_text or bool(pieces)
        return made

    def whole(self, call: TextCall) -> ToolCallChunk:
        """Convert a call that was found in the text."""
        self.in_text = True
        self.names.add(call.name)
        end = "" if call.complete else beyond_repair(call.arguments)
        index = self._first + len(self._arguments)
        self._arguments[index] = [call.arguments if call.complete else "{}"]
        return tool_call_chunk(name=call.name, args=call.arguments + end, id=call.id, index=index)

    def torn(self, finish: str | None) -> list[ToolCallChunk]:
        """Return chunks that make calls with malformed arguments invalid when they are merged."""
        cut = finish == "length"
        return [
            tool_call_chunk(name=None, args=beyond_repair(arguments), id=None, index=index)
            for index, arguments in ((i, "".join(parts)) for i, parts in self._arguments.items())
            if not is_object(arguments) or (not arguments and (cut or self._lacks(index)))
        ]

    def _lacks(self, index: int) -> bool:
        """Return whether a call needs arguments: vLLM sends names of calls it cannot complete."""
        return any(each.number == index and each.name in self._demanding for each in self._calls)


def _places_in(raw: Mapping[str, Any]) -> tuple[_Place, ...]:
    """Return the places of a delta's call, the most exact first: an id that is a number is one."""
    index, number = integer_in(raw, "index"), raw.get("id")
    if isinstance(number, int | float) and not isinstance(number, bool):
        return (index, number), index, _LAST
    return index, _LAST


def joined(pieces: Iterable[ToolCallChunk]) -> list[ToolCallChunk]:
    """Join the chunks of each call: langchain-core merges across messages, not within one."""
    calls: dict[int | str | None, ToolCallChunk] = {}
    for piece in pieces:
        known = calls.setdefault(piece["index"], piece)
        if known is not piece:
            known["args"] = (known["args"] or "") + (piece["args"] or "")
            known["name"] = (known["name"] or "") + (piece["name"] or "") or None
    return list(calls.values())
