"""Every bad answer that a server or a proxy could give, at each call."""

import json

import pytest
import recorded
from broken_shell import CALLS, CHAT_CALLS, eventually
from faulty_server import TEXT, UID
from scripted_server import Reply, Stream

from xinference_magics.errors import (
    AuthenticationError,
    ConnectError,
    ModelNotFoundError,
    ModelNotReadyError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StreamError,
)

HTML = {"Content-Type": "text/html"}
JSON = {"Content-Type": "application/json"}
PAGE = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"
ELSEWHERE = "%xinference connect URL connects to another server."
GONE = "Model not found in the model list, uid: tiny. Available model uids: ['tinny']"

# Responses with an error status: the error that each call raises, and what its line says.
REFUSED = {
    "401": (
        Reply(401, {"detail": "Could not validate credentials"}),
        AuthenticationError,
        "%xinference login http://",
    ),
    "403": (Reply(403, {"detail": "Not enough permissions"}), PermissionDeniedError, "login as"),
    "404": (Reply(404, {"detail": "Not Found"}), ServerError, ELSEWHERE),
    "404, model": (Reply(404, {"detail": GONE}), ModelNotFoundError, "Did you mean tinny?"),
    "405": (Reply(405, {"detail": "Method Not Allowed"}), ServerError, ELSEWHERE),
    "429": (Reply(429, {"detail": "Rate limit reached"}), RateLimitError, "Try again soon."),
    "429, later": (
        Reply(429, {"detail": "Rate limit reached"}, {"Retry-After": "7"}),
        RateLimitError,
        "Try again in 7 s.",
    ),
    "500, text": (
        Reply(500, "Internal Server Error"),
        ServerError,
        "failed (HTTP 500): Internal Server Error. See the server's log for the reason.",
    ),
    "500, nothing": (Reply(500, ""), ServerError, "See the server's log for the reason."),
    "500, Latin-1": (
        Reply(500, "d\xe9tail", {"Content-Type": "text/plain"}),
        ServerError,
        "failed (HTTP 500): d",
    ),
    "502, page": (Reply(502, PAGE, HTML), ServerError, "502 Bad Gateway. Try again soon."),
    "503": (
        Reply(503, {"detail": "Model is loading"}, {"Retry-After": "30"}),
        ModelNotReadyError,
        "still loading. Try again in 30 s.",
    ),
    "503, date": (
        Reply(
            503, {"detail": "Model is loading"}, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}
        ),
        ModelNotReadyError,
        "still loading. Try again soon.",
    ),
    "503, before the past": (
        Reply(503, {"detail": "Model is loading"}, {"Retry-After": "-1"}),
        ModelNotReadyError,
        "still loading. Try again soon.",
    ),
    "503, proxy": (
        Reply(503, "upstream connect error", {"Retry-After": "3"}),
        ServerError,
        "upstream connect error. Try again in 3 s.",
    ),
    "page": (Reply(200, PAGE, HTML), ConnectError, f"not an Xinference server. {ELSEWHERE}"),
    "endless redirects": (
        Reply(307, "", {"Location": "/loop"}),
        ConnectError,
        f"redirects endlessly. {ELSEWHERE}",
    ),
    "redirect to another scheme": (
        Reply(302, "", {"Location": "ftp://nowhere/"}),
        ConnectError,
        f"redirects to something that is not a server address. {ELSEWHERE}",
    ),
    "redirect to nonsense": (Reply(302, "", {"Location": "http://[::1/"}), ConnectError, ELSEWHERE),
}
PATHS = {"list": "GET /v1/models", "launch": "POST /v1/models"}


def break_call(bench, call, script):
    bench.server.faults[PATHS.get(call, "POST /v1/chat/completions") + "|.* /loop"] = script


@pytest.mark.parametrize("answer", REFUSED)
@pytest.mark.parametrize("call", CALLS)
def test_an_answer_with_an_error_status(bench, call, answer):
    script, kind, says = REFUSED[answer]
    break_call(bench, call, script)
    bench.fails(CALLS[call], kind, says)
    bench.mend()
    bench.succeeds(CALLS[call])


# Responses with a good status that make no sense.
STRANGE = {
    "no JSON": Reply(200, "{'a':", JSON),
    "nothing": Reply(200, ""),
    "not decodable": Reply(200, "nonsense", {"Content-Encoding": "gzip", **JSON}),
    "no content": Reply(204, ""),
    "redirect without a place": Reply(302, ""),
}
SHAPES = {"a list": [1], "null": None, "a text": "x", "another object": {"a": 1}}


@pytest.mark.parametrize("answer", STRANGE)
@pytest.mark.parametrize("call", CALLS)
def test_an_answer_that_makes_no_sense(bench, call, answer):
    break_call(bench, call, STRANGE[answer])
    bench.fails(CALLS[call], (ConnectError, ServerError, StreamError), "server")
    bench.mend()
    bench.succeeds(CALLS[call])


@pytest.mark.parametrize("answer", SHAPES)
@pytest.mark.parametrize("call", PATHS)
def test_json_of_another_shape(bench, call, answer):
    break_call(bench, call, Reply(200, SHAPES[answer]))
    bench.fails(CALLS[call], ConnectError, f"is not an Xinference server. {ELSEWHERE}")


def begun(*more, **options):
    """Return a stream that goes wrong after some of it has arrived."""
    return Stream([*recorded.llama("One", " two")[:3], *more], **{"done": False, **options})


HALF = recorded.events(recorded.chunk({"content": "ü"}))

# Streams that go wrong because of their content.
SPOILT = {
    "an error event": (begun({"error": recorded.FAILED}), ServerError, "server logs"),
    "an error that is an object": (
        begun({"error": {"message": "out of memory", "code": 500}}),
        ServerError,
        "out of memory",
    ),
    "rate limit": (begun({"error": "Rate limit reached"}), RateLimitError, "Try again soon."),
    "no JSON": (begun(b"data: {nonsense}\n\n"), StreamError, "a line of it cannot be parsed"),
    "no UTF-8": (
        begun(HALF.replace("ü".encode(), b"\xc3")),
        StreamError,
        "a line of it cannot be parsed",
    ),
    "a list": (begun([1]), StreamError, "a line of it cannot be parsed"),
    "a web page": (begun(f"<p>{PAGE}\n\n".encode()), StreamError, "before its end"),
    "no end": (begun(), StreamError, "before its end"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
@pytest.mark.parametrize("call", ["%%chat", "stream", "astream"])
def test_a_stream_with_bad_content(bench, call, spoilt):
    script, kind, says = SPOILT[spoilt]
    break_call(bench, call, script)
    bench.shell.user_ns["got"] = []
    bench.fails(CHAT_CALLS[call], kind, says)
    got = bench.turns[-1].text if call == "%%chat" else "".join(bench.shell.user_ns["got"])
    assert got == "One two"
    bench.mend()
    bench.succeeds(CHAT_CALLS[call])


@pytest.mark.parametrize("call", ["%%chat", "stream", "astream"])
def test_characters_and_lines_that_arrive_in_pieces(bench, call):
    stream = recorded.llama("Grüße, ", "世界", " 😀!")
    for split in (1, 2, 3, 7):
        break_call(bench, call, Stream(stream, split=split))
        bench.shell.user_ns["got"] = []
        bench.succeeds(CHAT_CALLS[call])
        got = bench.turns[-1].text if call == "%%chat" else "".join(bench.shell.user_ns["got"])
        assert got == "Grüße, 世界 😀!"


@pytest.mark.parametrize("call", ["%%chat", "stream", "astream", "invoke"])
def test_half_a_character_in_json_does_not_raise(bench, call):
    r"""An engine that cuts in the middle of a character may send "\ud83d" alone."""
    whole = json.dumps(recorded.whole({"content": "a\ud83d"}))
    text = recorded.events(*recorded.llama("a", "?", "!"))
    cut = Reply(200, whole, JSON) if call == "invoke" else Stream([text.replace(b"?", rb"\ud83d")])
    break_call(bench, call, cut)
    ran = bench.run(CHAT_CALLS[call])
    assert ran.error is None, ran
    ran.shown.encode()


def test_ten_megabytes_in_one_line_arrive(bench):
    break_call(bench, "%%chat", Stream(recorded.llama("x" * 10_000_000)))
    bench.succeeds("%%chat\nA lot.")
    assert len(bench.turns[-1].text) == 10_000_000


# The launch has begun; then the server responds to polling with this.
POLLED = {
    "500": (Reply(500, "Internal Server Error"), ServerError),
    "502, page": (Reply(502, PAGE, HTML), ServerError),
    "page": (Reply(200, PAGE, HTML), ConnectError),
    "no JSON": (Reply(200, "{'a':", JSON), ConnectError),
    "reset": (Stream([], end="reset"), ConnectError),
}


@pytest.mark.parametrize("answer", POLLED)
def test_a_launch_that_cannot_be_followed_may_continue(bench, answer):
    script, kind = POLLED[answer]
    bench.server.faults["GET /v1/models/instances"] = script
    ran = bench.fails(CALLS["launch"], kind, "If new is still loading: %xinference use new uses it")
    assert "✗ Launching new: failed" in ran.shown


def test_credentials_that_expire_while_a_launch_is_followed_suggest_a_login(bench):
    gone = Reply(401, {"detail": "Could not validate credentials"})
    bench.server.faults["GET /v1/models/instances"] = gone
    bench.fails(CALLS["launch"], AuthenticationError, "%xinference login")


def test_a_loading_model_is_waited_for_if_retries_are_set(bench):
    """The only call that is retried automatically."""
    loading = Reply(503, {"detail": "Model is loading"}, {"Retry-After": "0"})
    answers = iter([loading, loading])
    healthy = Reply(body=recorded.whole({"content": TEXT}))
    bench.server.faults["POST /v1/chat/completions"] = lambda: next(answers, healthy)
    bench.succeeds(
        f"r = llm.model_copy(update={{'max_retries': 2}})\nsaid = r.invoke({UID!r}).text"
    )
    assert bench.shell.user_ns["said"] == TEXT
    bench.run("del r")


def test_credentials_do_not_follow_a_redirect_of_an_answer(bench):
    """The asynchronous session does not send them to another host either."""
    port = bench.proxy.endpoint.rpartition(":")[2]
    elsewhere = {"Location": f"http://localhost:{port}/v1/chat/there"}
    bench.server.faults["POST /v1/chat/completions"] = Reply(307, "", elsewhere)
    bench.run("s = llm.model_copy(update={'api_key': __import__('pydantic').SecretStr('xf-key')})")
    for call in ("s.invoke('hi')", "await s.ainvoke('hi')"):
        bench.server.requests.clear()
        bench.fails(call, ServerError, ELSEWHERE)
        sent = {each.path: "xf-key" in str(each.headers) for each in bench.server.requests}
        assert sent == {"/v1/chat/completions": True, "/v1/chat/there": False}
    bench.run("del s\nraise ValueError")  # the last error keeps its frames


def test_a_stream_that_times_out_is_closed_on_the_server(bench):
    break_call(bench, "%%chat", begun(end="never"))
    bench.run("%config XinferenceMagics.read_timeout = 0.5")
    bench.fails("%%chat\nCount.", StreamError, "stopped responding")
    eventually(lambda: not bench.server.left.empty(), "the connection was closed")
