"""Event streams in all the forms in which servers and proxies write them."""

import json
import re
from itertools import pairwise

import pytest
import recorded
from hypothesis import given
from hypothesis import strategies as st

from xinference_magics.transport.events import EventError, Events, Lines, aread, read, whole
from xinference_magics.wire.shapes import DONE, MalformedError

A, B = {"choices": [{"delta": {"content": "a"}}]}, {"choices": [], "usage": None}
ENDED = [A, B, {DONE: True}]
DATA = [b"data: " + json.dumps(each).encode() for each in (A, B)] + [b"data: [DONE]"]
HALVES = [b"data: " + part for part in json.dumps(A).encode().split(b" ", 1)]

RIGHT = {
    "as usual": [DATA[0], b"", DATA[1], b"", DATA[2], b""],
    "with CRLF": [each + b"\r" for each in [DATA[0], b"", DATA[1], b"", DATA[2], b""]],
    "with CR": [b"\r\r".join(DATA) + b"\r\r"],
    "without empty lines": DATA,
    "without spaces": [each.replace(b"data: ", b"data:") for each in DATA],
    "empty data": [b"data:", b"", DATA[0], b"", b"data: ", b"", DATA[1], b"data", DATA[2]],
    "null": [b"data: null", b"", DATA[0], b"", DATA[1], b"", b"data: null", b"", DATA[2]],
    "several data lines": [*HALVES, b"", DATA[1], b"", DATA[2], b""],
    "several data lines at the end": [DATA[1], b"", *HALVES],
    "a byte order mark": [b"\xef\xbb\xbf" + DATA[0], b"", *DATA[1:]],
    "comments and other fields": [
        *(b": ping", b"", b"id: 1", b"retry: 5", b"event: message", DATA[0], b""),
        *(b"event: ping", b"data:", b"", *DATA[1:]),
    ],
    "errors that are none": [
        b"data: " + json.dumps({**A, "error": None}).encode(),
        b"data: " + json.dumps({**B, "error": ""}).encode(),
        DATA[2],
    ],
    "done at once": [b"data: [DONE]", b""],
    "a whole answer": [b"{", b'  "choices": []', b"}"],
}
MEANT = {
    "several data lines at the end": [B, A],
    "errors that are none": [{**A, "error": None}, {**B, "error": ""}, {DONE: True}],
    "done at once": [],
    "a whole answer": [{"choices": [], DONE: True}],
}


async def both(lines):
    """Read synchronously and asynchronously; return the events, and the error that ended them."""

    async def sent():
        for each in pieces:
            yield each

    pieces = [line + b"\n" for line in lines]
    found = list_of(read(iter(pieces)))
    assert found == await alist_of(aread(sent()))
    return found


def list_of(events):
    found = []
    try:
        found.extend(events)
    except (EventError, MalformedError) as error:
        return found, (type(error), str(error))
    return found, None


async def alist_of(events):
    found = []
    try:
        async for each in events:
            found.append(each)  # noqa: PERF401
    except (EventError, MalformedError) as error:
        return found, (type(error), str(error))
    return found, None


@pytest.mark.parametrize("shape", RIGHT)
async def test_events_of_other_servers(shape):
    assert await both(RIGHT[shape]) == (MEANT.get(shape, ENDED), None)


SAID = {"object": "error", "message": "out of memory", "code": 500}
CODED = {"code": 500, "message": "it failed"}
FAILED = {
    "an event called error": ([b"event: error", b"data: " + json.dumps(SAID).encode()], SAID),
    "an event called error, as text": ([b"event: error", b"data: it failed", b""], "it failed"),
    "a code and a message": ([b'data: {"code": 500, "message": "it failed"}', DATA[2]], CODED),
    "a failure that says nothing": ([b"event: error", b"data:", b""], ""),
    "a failure of null": ([b"event: error", b"data: null", b""], ""),
    "a failure at the end of the answer": ([b"event: error", DATA[2], b""], ""),
    "an error in an event": (
        [b"data: " + json.dumps({"error": {"message": "m"}}).encode()],
        {"message": "m"},
    ),
    "an error object in an event": ([b"data: " + json.dumps(SAID).encode()], SAID),
    "an error as the whole answer": ([b'{"error": "it failed"}'], "it failed"),
    "details as the whole answer": (
        [b"{", b'"detail": "it failed"', b"}"],
        {"detail": "it failed"},
    ),
}


@pytest.mark.parametrize("shape", FAILED)
async def test_the_message_of_the_server(shape):
    lines, words = FAILED[shape]
    found, (kind, said) = await both([DATA[0], b"", *lines] if "whole" not in shape else lines)
    assert found == ([A] if "whole" not in shape else [])
    assert kind is EventError
    assert said == (words if isinstance(words, str) else json.dumps(words))


@pytest.mark.parametrize(
    "lines",
    [
        [b"data: {nonsense}", b""],
        [b'data: {"choi'],
        [b"data: 5"],
        [b"data: []"],
        [b"data: \xff", b""],
        [b"data: " + b"[" * 5000],
        [b"nonsense"],
        [b"[1]"],
    ],
)
async def test_what_cannot_be_read(lines):
    found, (kind, _) = await both(lines)
    assert (found, kind) == ([], MalformedError)


@pytest.mark.parametrize("rest", [[b""], [], [b"", DATA[2]], [DATA[2]]])
async def test_the_name_of_an_event_may_follow_its_data(rest):
    said = {"why": "it failed"}
    written = json.dumps(said)
    lines = [DATA[0], b"", b"data: " + written.encode(), b"event: error", *rest]
    assert await both(lines) == ([A, said], (EventError, written))


def test_the_name_of_an_event_ends_with_the_event():
    assert list(read([b"event: error\n\n" + DATA[0]])) == [A]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_each_event_comes_with_the_end_of_its_line(end):
    events = Events()
    sent = [b"", *(each + end for each in DATA)]
    assert [list(events.feed(each)) for each in sent] == [[], [A], [B], [{DONE: True}]]


@given(
    text=st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n"]), max_size=12).map(b"".join),
    cuts=st.lists(st.integers(0, 20), max_size=6),
)
def test_lines_cut_anywhere(text, cuts):
    bounds = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    lines = Lines()
    found = [line for begin, end in pairwise(bounds) for line in lines.feed(text[begin:end])]
    assert [*found, lines.end()] == re.split(rb"\r\n|\r|\n", text)


@pytest.mark.parametrize("data", [recorded.whole({"content": "ü"}), recorded.vectors([1.0])])
def test_a_whole_answer(data):
    for body in (
        json.dumps(data, ensure_ascii=False).encode(),
        json.dumps(data).encode("utf-8-sig"),
    ):
        assert whole(body) == data


@pytest.mark.parametrize("body", [b"", b"{'a':", b"\xff", b"[" * 5000, b"9" * 5000])
def test_a_whole_answer_that_is_not_json(body):
    with pytest.raises(MalformedError):
        whole(body)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"error": "it failed"}, "it failed"),
        ({"error": {"message": "m"}}, '{"message": "m"}'),
        ({"detail": "it failed"}, '{"detail": "it failed"}'),
        (SAID, json.dumps(SAID)),
        (CODED, json.dumps(CODED)),
        ({**CODED, "data": None}, json.dumps({**CODED, "data": None})),
    ],
)
def test_a_whole_answer_that_is_an_error(data, words):
    with pytest.raises(EventError) as caught:
        whole(json.dumps(data).encode())
    assert str(caught.value) == words
