"""The work for a text grows linearly with its length: counted, not timed."""

import io
import sys
from contextlib import suppress

import pytest
import recorded
import requests
import urllib3

from xinference_magics.display.formats import FORMATS
from xinference_magics.display.markdown import to_html, to_safe_line, to_safe_markdown
from xinference_magics.local_server.server_log import cause
from xinference_magics.transport.events import Lines, read
from xinference_magics.transport.handle import body_pieces
from xinference_magics.wire.calls.splitter import ToolCallSplitter
from xinference_magics.wire.reasoning import ReasoningSplitter
from xinference_magics.wire.request import ModelDefaults, chat_request
from xinference_magics.wire.shapes import Escapes, MalformedError
from xinference_magics.wire.stream import StreamConverter

pytestmark = pytest.mark.long

FROM_A_PLACE = {"find", "index", "startswith"}  # these accept a start position
LIMIT = 5  # times the work for four times the text; a quadratic reader needs 16
LOOKED_BACK_OVER = 9  # times the length of a short text
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}


def work(call, *args, characters=False):
    """Count the lines of Python that a call runs, and the characters of the texts it searches.

    Args:
        call: What to call.
        args: Its arguments.
        characters: Whether to count the full length of each text whose methods are called.
    """
    done = 0

    def ran(_frame, _event, _arg):
        nonlocal done
        done += 1
        return ran

    def called(_frame, event, function):
        nonlocal done
        if event == "c_call" and function.__name__ not in FROM_A_PLACE:
            own = getattr(function, "__self__", None)
            done += len(own) if isinstance(own, str | bytes) else 0

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(ran)
    if characters:
        sys.setprofile(called)
    try:
        call(*args)
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return done


def is_linear(call, piece, length, **options):
    """Compare the work for `length` characters of pieces with that for four times as many.

    If a reader looks back over a number of characters, its work grows too fast until the text is
    longer than that, so longer texts decide.
    """
    call(piece)  # one-time work is done now
    for longer in (1, LOOKED_BACK_OVER):
        count = max(1, length * longer // len(piece))
        once, four_times = (work(call, piece * (count * times), **options) for times in (1, 4))
        if four_times < LIMIT * once:
            return
    pytest.fail(f"{piece!r}: {once} steps, and {four_times} for four times the text")


def in_characters(splitter):
    """Feed a text character by character."""

    def feed(text):
        made = splitter()
        for each in text:
            made.text(each)
        made.end()

    return feed


@pytest.mark.parametrize("prefilled", [False, True])
@pytest.mark.parametrize(
    "piece",
    [
        " ",
        "\n",
        "a",
        "<",
        "</",
        "<think>",
        "</think>",
        "<think",
        "</think",
        "a \n",
        "<think> </think> ",
    ],
)
def test_reasoning_is_split_off(piece, prefilled):
    def once(text):
        made = ReasoningSplitter(prefilled=prefilled)
        made.text(text)
        made.end()

    feed = in_characters(lambda: ReasoningSplitter(prefilled=prefilled))
    is_linear(feed, piece, 1_000, characters=True)
    is_linear(once, piece, 1_000, characters=True)


REQUEST = chat_request([], ModelDefaults(model_uid="tiny"), {"tools": [TOOL]})
CALLS = [
    *(" ", "<", "<tool_call>", "<tool_call", "</tool_call>", "<tool_call></tool_call>", "{", '"'),
    *('<tool_call>{"name": "a"}</tool_call>\n', '"name": "', '"arguments": ', "\\", "[", "}"),
    *("<function=", "<parameter=a>\n", "</parameter>", "<parameter=a>\n1\n</parameter>\n"),
    *("<function=add>", "<parameter=a></tool_call>", "<tool_call>{'a</tool_call>", "{\n", "[\n"),
    *('{"name": "add", "arguments":\n', '{"name": "add", "arguments": {"a": "\n', "[add(a=\n"),
    *(
        '<tool_call>{"a": "</tool_call>',
        "```\n",
        "```json\n{",
        "```",
        "add\n{",
        "add",
        "{{",
        "\n\n",
    ),
    *(
        "<|tool_call>call:add{a:",
        '<|"|>',
        "[TOOL_CALLS]",
        "[TOOL_CALLS]add{",
        "<tool_call>add\n",
        "'",
    ),
    *("```json\n<tool_call>", "functools[", "<tools>{}", "a\n", "<arg_key>a</arg_key><arg_value>"),
    *("<a>", "</a>", "<a>1</a>", "<item>", "<a></a>"),
]


def find_calls(*pieces):
    splitter = ToolCallSplitter([TOOL])
    for piece in pieces:
        splitter.feed(piece)
    splitter.end()


BEGINNINGS = [
    *(
        "",
        "<tool_call>",
        "<tool_call>\n<function=add>\n",
        '<tool_call>{"name": "add", "arguments": ',
    ),
    *('{"name": "add", "arguments": {"a": "', "[add(a=", "<tool_call>add\n", "```json\n"),
    *("<|tool_call>call:add{a:", "<function=add><parameter=a>"),
    '<tool_call><invoke name="add"><a>',
]


@pytest.mark.parametrize("begin", BEGINNINGS)
@pytest.mark.parametrize("piece", CALLS)
def test_tool_calls_are_found(piece, begin):
    end = "\n</function>\n</tool_call>" if "function" in begin else ""
    is_linear(lambda text: find_calls(begin + text + end), piece, 1_000, characters=True)


@pytest.mark.parametrize("begin", ["", "<tool_call>"])
@pytest.mark.parametrize("piece", [" ", "<", "<tool_call", "</tool_call>", "{", "a", "\n", "\\"])
def test_tool_calls_are_found_character_by_character(piece, begin):
    is_linear(lambda text: find_calls(*(begin + text)), piece, 1_000, characters=True)


@pytest.mark.parametrize("piece", ["\\", r"\ud83d", r"\ud83d\ude00", r"\u", "a"])
def test_escapes_are_joined(piece):
    def feed(pieces):
        escapes = Escapes()
        for each in pieces:
            escapes.feed(each)
        escapes.end()

    is_linear(feed, piece, 1_000, characters=True)
    is_linear(lambda text: feed([text]), piece, 1_000, characters=True)


def convert(text):
    converter = StreamConverter(REQUEST)
    for data in recorded.transformers(*text):
        converter.feed(data)
    converter.end()


@pytest.mark.parametrize("piece", ["a", "<", "<tool_call>", '<tool_call>{"name": "a"}</tool_call>'])
def test_a_stream_is_converted(piece):
    is_linear(convert, piece, 500)


def read_lines(data):
    answer = requests.Response()
    answer.raw = urllib3.HTTPResponse(io.BytesIO(data.encode()), preload_content=False)
    received = Lines()
    for each in body_pieces(answer):
        received.feed(each)
    received.end()


@pytest.mark.parametrize("piece", ["a", "\n", "a\n", "data: {}\n\n", "\r\n", "a" * 9000 + "\n"])
def test_lines_of_a_stream_are_read(piece):
    is_linear(read_lines, piece, 100_000, characters=True)


def read_events(data):
    with suppress(MalformedError):
        for _ in read(data.encode().splitlines(keepends=True)):
            pass


@pytest.mark.parametrize("piece", ["\n", "a\n", "data: {}\n\n", "data: {\n", "{\n", "data:\n"])
def test_events_of_a_stream_are_read(piece):
    is_linear(read_events, piece, 3_000, characters=True)


MARKDOWN = [
    *(
        "$",
        "$ ",
        "$a ",
        "$$ a\n\n",
        "$$a\n",
        "$$\n",
        "$$a$",
        "\\(",
        "\\[ a\n\n",
        "\\begin{align}\n",
    ),
    *("*", "* a ", "*a_ ", "_a __b ", "~~a", "~", "[", "![", "[a](", "](", "[a]: b\n", "[a]\n\n"),
    *("`", "`a ", "`` ` ", "```\n", "``` ", "~~~ a\n", "<", "<a", "<http://a ", "<!--", "&", "&#"),
    *("> ", "- ", "1. ", "- a\n  ", "> - ", "+ a\n\n\n", "#", "---\n", "    x\n", "\t", "\\"),
    *("| a ", "|a|\n", "a|b\n-|-\n", "|-\n", "a\n", "x@y.z ", "](javascript:", "\n", " "),
    *("<sub>", "</sub>", "<br>", "[^1]", "www.a", "http://a", "a@a.", "- [x] a\n", "(www.a))"),
]


@pytest.mark.parametrize("piece", MARKDOWN)
@pytest.mark.parametrize("render", [to_html, to_safe_markdown])
def test_markdown_is_rendered(render, piece):
    is_linear(render, piece, 800)


@pytest.mark.parametrize("form", [each for each in FORMATS if each != "markdown"])
@pytest.mark.parametrize("piece", ["```\n", "~~~ a\n", "````", "$", "$$", "[", '{"a":', "[1,", "<"])
def test_answers_are_shown(form, piece):
    is_linear(FORMATS[form], piece, 800)


@pytest.mark.parametrize(
    "piece",
    [
        *("](", "](a", "]: ", "](\n", "\\", "\\a", "javascript", "data:", "&", "&#", "<", "!", " "),
        *("```", "`", "$", "$$\n", "\n", "[a]", "a", "file\\:", "\\href", "{", '"'),
    ],
)
def test_huge_texts_are_written_quickly(piece):
    """A quadratic regular expression would take hours; its work cannot be counted."""
    text = piece * (600_000 // len(piece))
    for write in (to_safe_markdown, to_safe_line, *FORMATS.values()):
        write(text)


@pytest.mark.parametrize("piece", ["a.", "a", ".", "Error", "Errora", "a.Error ", "Exit.", ": "])
def test_the_cause_in_a_huge_log_line_is_found_quickly(piece):
    cause([piece * (600_000 // len(piece))])
