"""Error bodies of any server or proxy become one printable line, in linear time."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from json_values import ANYTHING, DEEP

from xinference_magics.errors import ServerError, XinferenceError
from xinference_magics.interrupts import one_line
from xinference_magics.transport.error_details import detail_of
from xinference_magics.transport.failures import server_error

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
STATUS = st.sampled_from([400, 401, 403, 404, 409, 422, 429, 499, 500, 502, 503, 504])
WORDS = st.sampled_from(
    [
        *("[address=127.0.0.1:1, pid=2] ", "Model not found, uid: x", "Model u is launching"),
        *("Available model uids: ['a', 'b']", "Available model uids: [{[]: 1}]", "banned"),
        *("context length", "loading", "Connect call failed", "API keys can only"),
        *("Not enough permissions", "3 validation errors for Model\n", "x\n  field required"),
        *("<html>", "<title>502 Bad Gateway</title>", "<style>", "<script>", "</", "&lt;"),
        *("{'a': {[]: 1}}", "{'error': 'x'}", "{'", '{"detail": ', '["', "\x1b]0;x\x07", "\x9b2J"),
        *("\n", "\r", "\u2028", "\x00", "\u202e", "\ud800"),
    ]
)
BODIES = (
    st.lists(WORDS | st.text(max_size=10), max_size=8).map("".join)
    | ANYTHING.map(json.dumps)
    | ANYTHING.map(repr)
    | st.dictionaries(
        st.sampled_from(["detail", "error", "message", "loc", "msg"]), ANYTHING, min_size=1
    ).map(json.dumps)
)


def check(error):
    assert isinstance(error, XinferenceError)
    shown = "".join(error._render_traceback_())
    assert len(shown.splitlines()) == 1, shown
    assert not [character for character in shown if ord(character) < 32 or character == "\x9b"]
    shown.encode()
    assert len(shown) < 3000


@given(STATUS, BODIES, st.none() | st.text(max_size=9), st.none() | st.text(max_size=30))
@example(500, "{'a': 1, []: 2}", None, None)
@example(404, "Model not found, uid: x. Available model uids: [{[]: 1}]", "9" * 400, None)
@example(422, json.dumps({"detail": [{"loc": 5, "msg": "x"}]}), "²", None)
@example(500, DEEP, None, None)
@example(401, json.dumps({"detail": "api key " * 500}), None, None)
@example(403, json.dumps({"detail": "x" * 4000}), None, None)
@example(404, json.dumps({"detail": "Model not found " * 300}), None, None)
@example(404, f"Model not found, uid: {'x' * 5000}", None, None)
@example(404, f"Model not found, uid: x. Available model uids: {['y' * 4000]}", None, None)
@example(404, f"Model not found, uid: x. Available model uids: {['y' * 9] * 500}", None, None)
@example(403, "Not enough permissions", None, f'Bearer scope="{"x" * 5000}"')
@example(429, json.dumps({"detail": "x" * 4000}), None, None)
@example(500, json.dumps({"detail": "Connect call failed " * 300}), None, None)
@example(500, '{"detail":' * 900 + "1" + "}" * 900, None, None)
@example(500, json.dumps({"detail": "\x1b[2J\x1b]0;title\x07 \x9b2J \ud800"}), None, None)
def test_any_error_body_becomes_one_printable_line(status, body, retry_after, challenge):
    for sent in (body, body.encode("utf-8", "surrogatepass"), body.encode("utf-16", "replace")):
        check(
            server_error(
                status,
                sent,
                endpoint="http://127.0.0.1:9997",
                retry_after=retry_after,
                challenge=challenge,
            )
        )


@given(st.text() | st.lists(WORDS).map("".join))
@example("\x1b]0;x\x07\x1b[2J\x9b2J")
def test_an_interrupt_that_names_a_model_prints_no_control_characters(uid):
    shown = "".join(one_line(f"{uid} is still loading")._render_traceback_())
    assert not CONTROL.search(shown)
    shown.encode()


@pytest.mark.parametrize(
    "piece",
    [
        *("<style", "<style>", "<title>", "[address=", "1", "Model ", "uid: ", " ", "\n", "<"),
        *("Available model uids: [", "Model a is launching", "1 validation error for M\n", "{'a':"),
        *("x\n  y\n", '{"detail":', "[", "context length "),
    ],
)
def test_a_huge_error_body_is_read_quickly(piece):
    """Reading these in quadratic time would take hours."""
    body = f"<html>{piece * (4_000_000 // len(piece))}"
    for sent in (body, body.removeprefix("<html>"), json.dumps({"detail": body})):
        assert len(detail_of(sent)) < 100_000
        assert isinstance(server_error(404, sent, endpoint="http://x"), ServerError)
