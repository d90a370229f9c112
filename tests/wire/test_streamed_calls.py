"""Tool calls of streams, in every way in which servers number, identify and name them."""

import json
from itertools import pairwise, product

import pytest
import recorded
from deltas import BOTH, PARIS, REQUEST, ROME, called, of_pieces, piece, streamed

from xinference_magics.wire.answer import to_message
from xinference_magics.wire.stream import StreamConverter, as_chunk

PARALLEL = {
    "whole": [
        piece(PARIS, "weather", index=0, id="a"),
        piece(ROME, "weather", index=0, id="b"),
    ],
    "in pieces": [
        piece("", "weather", index=0, id="a"),
        piece(PARIS[:9], index=0),
        piece(PARIS[9:], index=0),
        piece("", "weather", index=0, id="b"),
        piece(ROME[:9], index=0),
        piece(ROME[9:], index=0),
    ],
    "in pieces with ids": [
        piece(PARIS[:9], "weather", index=0, id="a"),
        piece(ROME[:9], "weather", index=0, id="b"),
        piece(PARIS[9:], index=0, id="a"),
        piece(ROME[9:], index=0, id="b"),
    ],
    "without ids": [
        piece(PARIS, "weather", index=0, id=None),
        piece(ROME, "weather", index=0, id=""),
    ],
    "without ids and numbers": [
        piece(PARIS[:9], "weather"),
        piece(PARIS[9:]),
        piece(ROME, "weather"),
    ],
    "without an id in the second": [
        piece(PARIS, "weather", index=0, id="a"),
        piece(ROME, "weather", index=1),
    ],
    "numbers for ids": [
        piece(PARIS, "weather", index=0, id=0),
        piece(ROME, "weather", index=1, id=0),
    ],
    "numbers written as texts": [
        piece(PARIS, "weather", index="0", id="a"),
        piece(ROME, "weather", index="1", id="b"),
    ],
    "a new id in every piece": [
        piece(PARIS[:9], "weather", index=0, id="a"),
        piece(PARIS[9:], index=0, id="b"),
        piece(ROME[:9], "weather", index=1, id="c"),
        piece(ROME[9:], index=1, id="d"),
    ],
    "one id for both": [
        piece(PARIS, "weather", index=0, id="a"),
        piece(ROME[:9], "weather", index=1, id="a"),
        piece(ROME[9:], index=1),
    ],
    "one tool again, in pieces": [
        *(piece(part, name, index=0) for part, name in (("", "weather"), (PARIS[:9], None))),
        piece(PARIS[9:], index=0),
        *(piece(part, name, index=0) for part, name in (("", "weather"), (ROME[:9], None))),
        piece(ROME[9:], index=0),
    ],
    "one tool again, in pieces with its name": [
        *(piece(part, "weather", index=0) for part in ("", PARIS[:9], PARIS[9:])),
        *(piece(part, "weather", index=0) for part in ("", ROME[:9], ROME[9:])),
    ],
    "one tool again, in pieces without numbers": [
        *(piece("", "weather"), piece(PARIS[:9]), piece(PARIS[9:])),
        *(piece("", "weather"), piece(ROME[:9]), piece(ROME[9:])),
    ],
    "numbers for ids, in pieces": [
        *(piece(part, "weather", index=0, id=0) for part in ("", PARIS[:9], PARIS[9:])),
        *(piece(part, "weather", index=0, id=1) for part in ("", ROME[:9], ROME[9:])),
    ],
    "numbers for ids, only at the start": [
        *(piece("", "weather", index=0, id=7), piece(PARIS[:9], index=0), piece(PARIS[9:])),
        *(piece("", "weather", index=0, id=8), piece(ROME[:9], index=0), piece(ROME[9:])),
    ],
    "numbers for ids, alternately": [
        piece(PARIS[:9], "weather", index=0, id=0),
        piece(ROME[:9], "weather", index=0, id=1),
        piece(PARIS[9:], index=0, id=0),
        piece(ROME[9:], index=0, id=1),
    ],
    "the same number for ids": [
        *(piece(part, "weather", index=0, id=0) for part in ("", PARIS[:9], PARIS[9:])),
        *(piece(part, "weather", index=0, id=0) for part in ("", ROME[:9], ROME[9:])),
    ],
    "one id for both, and one number": [
        piece(PARIS, "weather", index=0, id="a"),
        *(piece("", "weather", index=0, id="a"), piece(ROME, index=0, id="a")),
    ],
    "name and id apart": [
        piece(index=0, id="a"),
        piece("", "weather", index=0),
        piece(PARIS, index=0),
        piece(index=0, id="b"),
        piece(ROME, "weather", index=0),
    ],
}


@pytest.mark.parametrize("pieces", PARALLEL.values(), ids=PARALLEL)
def test_two_calls_in_one_stream(pieces):
    assert called(of_pieces(*pieces)) == BOTH


ONE = {
    "without a number": [piece(PARIS[:9], "weather", id="a"), piece(PARIS[9:])],
    "its name again and again": [
        piece("", "weather", index=0, id="a"),
        *(piece(part, "weather", index=0) for part in (PARIS[:9], PARIS[9:], "")),
    ],
    "its id again and again": [
        piece(PARIS[:9], "weather", index=0, id="a"),
        piece(PARIS[9:], "weather", index=0, id="a"),
        piece("", "weather", index=0, id="a"),
    ],
    "two numbers": [
        piece(PARIS[:9], "weather", index=0, id="a"),
        piece(PARIS[9:], "weather", index=1, id="a"),
    ],
    "numbered pieces without an id": [
        piece("", "weather", index=0),
        piece(PARIS[:9], index=1),
        piece(PARIS[9:], index=2),
    ],
    "its name in pieces": [
        piece("", "wea", index=0, id="a"),
        piece("", "ther", index=0),
        piece(PARIS, index=0),
    ],
    "no id": [piece(PARIS[:9], "weather", index=0, id=None), piece(PARIS[9:], index=0, id="")],
    "an id that comes late": [piece("", "weather", index=0), piece(PARIS, index=0, id="late")],
    "arguments that are an object": [piece({"city": "Paris"}, "weather", index=0, id="a")],
    "no function around it": [{"index": 0, "id": "a", "name": "weather", "arguments": PARIS}],
    "encoded twice": [piece(json.dumps(PARIS), "weather", index=0, id="a")],
    "encoded twice, in pieces": [
        piece("", "weather", index=0, id="a"),
        *(piece(each, index=0) for each in [" ", *json.dumps(PARIS)]),
    ],
}


@pytest.mark.parametrize("pieces", ONE.values(), ids=ONE)
def test_one_call_in_a_stream(pieces):
    assert called(of_pieces(*pieces)) == BOTH[:1]


@pytest.mark.parametrize("index", [0, 1, None])
@pytest.mark.parametrize("key", [{}, {"id": "a"}, {"id": 0}])
def test_calls_of_two_tools_under_one_number_or_id(key, index):
    pieces = piece("", "time", index=0, **key), piece(PARIS, "weather", index=index, **key)
    assert called(of_pieces(*pieces)) == [("time", {}), *BOTH[:1]]


@pytest.mark.parametrize("pieces", [*PARALLEL.values(), *ONE.values()], ids=[*PARALLEL, *ONE])
def test_pieces_in_one_delta(pieces):
    for at in range(len(pieces)):
        deltas = [{"tool_calls": each} for each in (pieces[:at], pieces[at:])]
        message = streamed([*map(recorded.chunk, deltas), recorded.chunk({}, "tool_calls")])
        assert called(message) == (BOTH if pieces in PARALLEL.values() else BOTH[:1])


def test_pieces_in_one_delta_are_one_call_at_once():
    pieces = [piece("", "weather", index=0, id="a"), piece(PARIS[:9]), piece(PARIS[9:])]
    chunk = StreamConverter(REQUEST).feed(recorded.chunk({"tool_calls": pieces}))
    assert called(chunk.message) == BOTH[:1]


def test_one_call_without_a_list():
    call = piece(PARIS, "weather", id="a")
    stream = [recorded.chunk({"tool_calls": call}), recorded.chunk({}, "tool_calls")]
    assert called(streamed(stream)) == BOTH[:1]
    whole = recorded.whole({"content": None, "tool_calls": call}, "tool_calls")
    assert called(to_message(whole, REQUEST)) == BOTH[:1]
    assert called(streamed([as_chunk(whole, REQUEST)])) == BOTH[:1]


@pytest.mark.parametrize("key", [None, "", "same", 0, 7.5])
@pytest.mark.parametrize(
    "read",
    [lambda data: to_message(data, REQUEST), lambda data: streamed([as_chunk(data, REQUEST)])],
)
def test_ids_of_a_whole_answer(read, key):
    calls = [piece(PARIS, "weather", index=0, id=key), piece(ROME, "weather", index=0, id=key)]
    message = read(recorded.whole({"content": None, "tool_calls": calls}, "tool_calls"))
    assert called(message) == BOTH
    assert (message.tool_calls[0]["id"] == "same") is (key == "same")


@pytest.mark.parametrize(
    "arguments", [json.dumps(PARIS), {"city": "Paris"}, PARIS, f" {json.dumps(PARIS)}\n"]
)
def test_arguments_of_a_whole_answer(arguments):
    call = piece(arguments, "weather", id="a")
    whole = recorded.whole({"content": "", "tool_calls": [call]}, "tool_calls")
    assert called(to_message(whole, REQUEST)) == BOTH[:1]


@pytest.mark.parametrize("arguments", ['"Paris"', '"[1]"', json.dumps(json.dumps(PARIS)), '""'])
def test_arguments_unwrapped_once_are_an_object_or_invalid(arguments):
    call = piece(arguments, "weather", id="a")
    whole = to_message(recorded.whole({"tool_calls": [call]}, "tool_calls"), REQUEST)
    for message in (whole, of_pieces({**call, "index": 0})):
        assert message.tool_calls == []
        assert [each["name"] for each in message.invalid_tool_calls] == ["weather"]


def test_arguments_encoded_twice_and_cut():
    cut = json.dumps(PARIS)[:12]
    message = of_pieces(piece(cut, "weather", index=0, id="a"), finish="length")
    assert message.tool_calls == []
    [call] = message.invalid_tool_calls
    assert call["args"].startswith(cut)


IDS = {
    "none": lambda _: {},
    "empty": lambda _: {"id": ""},
    "its own": lambda call: {"id": "ab"[call]},
    "its number": lambda call: {"id": call},
    "one for both": lambda _: {"id": "x"},
    "one number for both": lambda _: {"id": 0},
}
NUMBERS = {
    "none": lambda _: {},
    "its own": lambda call: {"index": call},
    "one for both": lambda _: {"index": 0},
}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("key", IDS.values(), ids=IDS)
def test_every_dialect(key, number):
    cuts = ((), (9,), (1, 10, 15), (len(PARIS),))
    for all_ids, all_names, apart, at in product((False, True), (False, True), (False, True), cuts):
        pieces = []
        for call, arguments in enumerate((PARIS, ROME)):
            ends = [0, *at, len(arguments)]
            parts = [arguments[a:b] for a, b in pairwise(ends)]
            for place, part in enumerate(["", *parts] if apart else parts):
                name = "weather" if all_names or not place else None
                given = key(call) if all_ids or not place else {}
                pieces.append(piece(part, name, **given, **number(call)))
        assert called(of_pieces(*pieces)) == BOTH, pieces
