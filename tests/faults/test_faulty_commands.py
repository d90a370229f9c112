"""The faults of networks and servers at every other call: commands, logins, the other classes."""

import getpass
import os
import signal
import traceback
from pathlib import Path

import IPython
import pytest
import recorded
from broken_shell import CALLS, CHAT_CALLS
from faulty_proxy import Fault
from scripted_server import Reply, Stream
from token_server import TokenServer

from xinference_magics.auth.login import Login
from xinference_magics.errors import AuthenticationError, ConnectError, ServerError, StreamError

OUTSIDE = str(Path(__file__).parent), str(Path(IPython.__file__).parent)
"""Paths of the code whose frames may hold all that a notebook holds."""
PASSWORD = "right-password"  # noqa: S105  # planted, to be looked for

ELSEWHERE = "%xinference connect URL connects to another server."
LOG = "The server's log may have the reason."
PAGE = "<html><head><title>502 Bad Gateway</title></head></html>"
HTML = {"Content-Type": "text/html"}

# A fault, the error it raises and what its line says: of the network, and of the server.
BROKEN = {
    "refused": (Fault("refuse"), ConnectError, "no server is running there. %xinference serve"),
    "closed": (Fault("close"), ConnectError, LOG),
    "reset in the headers": (Fault("reset", 40), ConnectError, LOG),
    "silent": (Fault("silence"), ConnectError, LOG),
}
STRANGE = {
    "401": (Reply(401, {"detail": "No"}), AuthenticationError, "%xinference login http://"),
    "500": (
        Reply(500, "Internal Server Error"),
        ServerError,
        "See the server's log for the reason.",
    ),
    "502": (Reply(502, PAGE, HTML), ServerError, "502 Bad Gateway. Try again soon."),
    "page": (Reply(200, PAGE, HTML), ConnectError, f"not an Xinference server. {ELSEWHERE}"),
    "no JSON": (Reply(200, "{'a':"), (ConnectError, ServerError), "server"),
}
COMMANDS = {
    **{
        each: f"%xinference {each}"
        for each in (
            *("status", "describe tiny", "use other --as o", "terminate tiny", "cancel tiny"),
            *("search tiny", "registrations", "unregister -n tiny", "engine -n tiny-chat"),
            *("cached", "remove-cache -n tiny -y", "vllm-models", "workers", "replicas tiny"),
            *("replicas tiny 2", "watch -n 1", "logs -n 3", "logs tiny"),
            *("relaunch-api", "relaunch-supervisor", "stop-cluster -y", "generate -m tiny hi"),
            *("chat -m other hi", "chat --compare tiny,other hi", "launch -n tiny-chat --dry-run"),
        )
    },
    "reload": "%xinference reload tiny --model-config '{\"a\": 1}'",
    "register": '%%xinference register\n{"version": 2, "model_name": "m"}',
    "connect": "%xinference connect {url}",
    "login": "%xinference login {url} --username alice",
    "setup": "%xinference setup {url} --username alice",
}
LEFT_OUT = {
    # These wait for a long time by design: the server answers once processes have ended.
    **{each: {"silent"} for each in ("cancel tiny", "reload", "stop-cluster -y")},
    # Any successful response means yes, or comes from a server that asks for no setup.
    "terminate tiny": {"silent", "no JSON"},
    "setup": {"no JSON"},
}
OBJECTS = """
from langchain_core.documents import Document
from xinference_magics import XinferenceEmbeddings, XinferenceLLM, XinferenceRerank
at = dict(server_url={url!r}, model_uid="tiny", timeout=0.5)
e, r, t = XinferenceEmbeddings(**at), XinferenceRerank(**at), XinferenceLLM(**at)
documents = [Document("a"), Document("b")]
"""
SIBLINGS = {
    "embed": "e.embed_query('x')",
    "aembed": "await e.aembed_query('x')",
    "rerank": "r.compress_documents(documents, 'x')",
    "arerank": "await r.acompress_documents(documents, 'x')",
    "text": "t.invoke('x')",
    "atext": "await t.ainvoke('x')",
}


@pytest.fixture
def url(bench, monkeypatch):
    """The URL of the bench's server; password prompts there are answered."""
    monkeypatch.setattr(getpass, "getpass", lambda *_: PASSWORD)
    bench.server.answers |= {
        "POST /v1/embeddings": recorded.vectors([1.0, 2.0]),
        "POST /v1/rerank": recorded.scores((0, 0.5), (1, 0.4)),
        "POST /v1/completions": recorded.whole_text("abc"),
    }
    bench.succeeds(OBJECTS.format(url=bench.proxy.endpoint))
    return bench.proxy.endpoint


def check_all(bench, code, faults):
    """Check that each fault fails the cell with one line and loses nothing; the next cell works."""
    before = bench.session.model, bench.turns
    for fault, kind, says in faults.values():
        if isinstance(fault, Fault):
            bench.proxy.fault = fault
        else:
            bench.server.faults[".*"] = fault
        bench.fails(code, kind, says)
        bench.mend()
    bench.succeeds(CALLS["list"])
    assert (bench.session.model, bench.turns) == before


@pytest.mark.parametrize("call", COMMANDS)
def test_a_command(bench, url, call):
    left_out = LEFT_OUT.get(call, ())
    faults = {name: each for name, each in (BROKEN | STRANGE).items() if name not in left_out}
    check_all(bench, COMMANDS[call].replace("{url}", url), faults)


@pytest.mark.parametrize("call", SIBLINGS)
def test_another_class(bench, url, call):
    cell = SIBLINGS[call]
    bench.succeeds(cell)
    check_all(bench, cell, BROKEN | STRANGE)
    bench.succeeds(cell)


@pytest.mark.parametrize("call", ["t.stream('x')", "t.astream('x')"])
def test_a_text_that_is_cut_off(bench, url, call):
    """What arrived before the cut is delivered."""
    word = "async for" if "astream" in call else "for"
    cell = f"got = []\n{word} each in {call}: got.append(each)"
    pieces = recorded.llama_text("One", " two", " three")
    for stream in (
        Stream(pieces[:2], end="reset"),
        Stream(pieces[:2], done=False),
        Stream(pieces[:2], end="never"),
    ):
        bench.server.faults["POST /v1/completions"] = stream
        bench.fails(cell, StreamError, "The answer of tiny was cut off", "see the server's log")
        assert bench.shell.user_ns["got"] == ["One", " two"]
    bench.server.faults["POST /v1/completions"] = Stream(pieces)
    bench.succeeds(cell)


# The three requests of a login.
STEPS = ("GET /v1/cluster/auth", "GET /v1/admin/setup/status", "POST /token")


@pytest.fixture
def asked(bench, url):
    """The server requires a login, and nobody is logged in."""
    with TokenServer() as tokens:
        bench.server.answers |= {
            "GET /v1/cluster/auth": {"auth": True},
            "GET /v1/admin/setup/status": {"needs_setup": False},
            "POST /token": tokens.new(),
        }
        yield f"%xinference login {url} --username alice"
    Login(url).end()
    bench.server.answers["GET /v1/cluster/auth"] = {"auth": False}
    bench.succeeds(f"%xinference connect {url}")  # without the credentials


@pytest.mark.parametrize("step", STEPS)
def test_a_login_that_fails_at_each_of_its_requests(bench, asked, step):
    """Nothing of it is saved, and no frame holds the password."""
    faults = {**STRANGE, "silent": (Stream([], end="never"), ConnectError, LOG)}
    for name, (fault, kind, says) in faults.items():
        if (name, step) == ("no JSON", STEPS[1]):
            continue  # an older server, which does not ask for a setup
        bench.server.faults[step] = fault
        ran = bench.fails(asked, kind, says)
        assert PASSWORD not in "".join(known(ran.error))
        assert not Login(bench.proxy.endpoint).username
        bench.server.faults.clear()
    bench.succeeds(asked)


def test_a_login_that_is_interrupted(bench, asked):
    """The interrupt, which is shown with the contents of its frames, does not hold it either."""

    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        return Stream([], end="never")

    bench.server.faults["POST /token"] = interrupt
    ran = bench.run(asked)
    assert isinstance(ran.error, KeyboardInterrupt)
    assert PASSWORD not in "".join(known(ran.error)) + ran.shown
    bench.server.faults.clear()
    bench.succeeds(asked)


def test_a_logout_does_not_wait_for_the_server(bench, asked, url):
    bench.succeeds(asked)
    bench.server.faults[".*/logout"] = Stream([], end="never")
    bench.succeeds(f"%xinference logout {url}")
    assert not Login(url).username


def known(error, seen=()):
    """Yield everything that an exception, those it carries, and all their frames hold."""
    if not isinstance(error, BaseException) or error in seen:
        return
    yield f"{error!r} {error} {vars(error)}"
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if not frame.f_code.co_filename.startswith(OUTSIDE):
            yield repr(dict(frame.f_locals))
    for each in (error.__cause__, error.__context__, *error.args):
        yield from known(each, (*seen, error))


KEY = "xf-planted"
KEYED = {
    "invoke": "k.invoke('x')",
    "stream": "list(k.stream('x'))",
    "ainvoke": "await k.ainvoke('x')",
    "astream": "async for each in k.astream('x'): pass",
    "embed": "e.embed_query('x')",
    "aembed": "await e.aembed_query('x')",
}
MAKE = """
from xinference_magics import ChatXinference, XinferenceEmbeddings
at = dict(server_url={url!r}, model_uid="tiny", timeout=0.5)
k, e = ChatXinference(**at, api_key=key()), XinferenceEmbeddings(**at, api_key=key())
"""


@pytest.mark.parametrize("call", KEYED)
def test_no_exception_and_no_frame_holds_the_key(bench, url, call):
    """Some tracebacks show what frames hold, and exceptions of clients hold what was sent."""
    bench.shell.user_ns["key"] = lambda: KEY
    make = MAKE.format(url=url)
    bench.succeeds(make)
    for fault, kind, _ in (BROKEN | STRANGE).values():
        if isinstance(fault, Fault):
            bench.proxy.fault = fault
        else:
            bench.server.faults[".*"] = fault
        ran = bench.fails(
            KEYED[call], (kind, StreamError) if isinstance(kind, type) else (*kind, StreamError)
        )
        assert KEY not in "".join(known(ran.error)), fault
        bench.mend()
        bench.succeeds(make)  # rejected credentials are not sent again
    bench.run("del k, e, key")


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (f"{KEY}\nmore", "they contain a line break or another control character."),
        (f"{KEY}-ключ", "they contain a character that is not ASCII."),
    ],
)
def test_no_command_shows_a_key_that_cannot_be_sent(bench, asked, monkeypatch, key, says):
    """Neither in a verbose traceback, nor afterwards."""
    monkeypatch.setenv("XINFERENCE_API_KEY", key)
    url, says = bench.proxy.endpoint, f"cannot be sent: {says} %xinference login"
    made = f"from xinference_magics import ChatXinference\nk = ChatXinference({url!r}, 'tiny')"
    bench.succeeds(made)
    bench.server.requests.clear()
    bench.succeeds("%xmode Verbose")
    for cell in (
        f"%xinference connect {url}",
        *(f"%xinference {each} -e {url}" for each in ("list", "describe tiny", "cached")),
        "%%chat -m k\nCount.",
        *(each.replace("llm.", "k.") for each in CHAT_CALLS.values() if "llm." in each),
    ):
        ran = bench.fails(cell, AuthenticationError, f"The credentials for {url} {says}")
        shown = ran.shown + bench.run("%tb").shown
        assert not [each for each in (KEY, "ключ") if each in shown + "".join(known(ran.error))]
    bench.succeeds("%xmode Context\ndel k")
    asked_for = {each.path for each in bench.server.requests}
    assert asked_for == {"/v1/cluster/auth", "/v1/admin/setup/status"}


def test_a_key_with_a_trailing_line_break_is_valid(bench, asked, monkeypatch):
    """Such as one that was read from a file."""
    monkeypatch.setenv("XINFERENCE_API_KEY", f"{KEY}\n")
    bench.server.requests.clear()
    bench.succeeds(f"%xinference list -e {bench.proxy.endpoint}")
    sent = {each.headers.get("Authorization") for each in bench.server.requests}
    assert sent == {None, f"Bearer {KEY}"}


def test_no_frame_of_a_command_holds_the_password_of_a_proxy(bench, monkeypatch, closed_port):
    monkeypatch.setenv("http_proxy", f"http://me:{PASSWORD}@127.0.0.1:{closed_port}")
    for code in ("%xinference list -e", "%xinference connect"):
        ran = bench.fails(f"{code} http://models.example", ConnectError, "the proxy refused")
        assert PASSWORD not in "".join(known(ran.error))
