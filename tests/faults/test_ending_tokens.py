"""Tokens that expire during a conversation: renewed silently, or reported in one line."""

import getpass

import pytest
import recorded
from broken_shell import CALLS
from faulty_server import ANSWER, TEXT, FaultyServer
from scripted_server import Stream
from token_server import TokenServer, end_token

from xinference_magics.auth.login import Login
from xinference_magics.errors import AuthenticationError

CHAT = CALLS["%%chat"]
LOGIN = "%xinference login http://"
OPEN = {
    "GET /v1/cluster/auth": {"auth": True},
    "GET /v1/admin/setup/status": {"needs_setup": False},
}


class GuardedServer(FaultyServer):
    """A server that requires a token with each request; `tokens` issues and checks them."""

    def __init__(self):
        super().__init__()
        self.tokens = TokenServer()
        self.answers |= OPEN

    def __enter__(self):
        self.tokens.__enter__()
        return super().__enter__()

    def __exit__(self, *_):
        super().__exit__()
        self.tokens.__exit__()

    def script_for(self, request):
        if f"{request.method} {request.path}" in OPEN:
            return super().script_for(request)
        reply = self.tokens.script_for(request)
        if reply.status != 200 or request.path in TokenServer.LOGINS:
            return reply
        return super().script_for(request)

    def end_token(self):
        """Expire the access token."""
        end_token(Login(self.endpoint), self.tokens)


@pytest.fixture
def guarded(bench, monkeypatch):
    """A server where the bench's notebook is logged in and has begun a conversation."""
    monkeypatch.setattr(getpass, "getpass", lambda *_: "right")
    with GuardedServer() as server:
        bench.succeeds(f"%xinference login {server.endpoint} --username alice")
        bench.succeeds(f"%xinference connect {server.endpoint}")
        bench.succeeds("%xinference use tiny")
        bench.succeeds(CHAT.replace("%%chat", "%%chat --new"))
        yield server
        bench.succeeds(f"%xinference connect {bench.proxy.endpoint}")
        bench.succeeds("%xinference use tiny\n%conversation clear")


def goes_on(bench, guarded, turns):
    """Check that the next turn continues all the earlier ones, with tokens renewed once."""
    bench.succeeds(CHAT)
    assert [turn.text for turn in bench.turns] == [TEXT] * turns
    assert len(guarded.bodies[-1]["messages"]) == 2 * turns - 1
    assert (guarded.tokens.counts["refresh"], guarded.tokens.counts["bad"]) == (1, 0)


def test_between_two_turns(bench, guarded):
    guarded.end_token()
    goes_on(bench, guarded, turns=2)
    bench.succeeds(CALLS["list"])
    bench.succeeds(CALLS["invoke"])


def test_while_an_answer_streams(bench, guarded):
    """Tokens are checked when a request arrives: the answer continues, as does the next turn."""

    def chunks():
        begin, *rest = recorded.llama(*ANSWER)
        yield begin
        guarded.end_token()
        yield from rest

    guarded.faults["POST /v1/chat/completions"] = Stream(chunks())
    bench.succeeds(CHAT)
    guarded.faults.clear()
    goes_on(bench, guarded, turns=3)


def test_while_a_tool_runs(bench, guarded):
    """The model is called again in the same turn, with a new token."""
    call = recorded.llama(recorded.call_begin("wait", arguments="{}"), finish="tool_calls")
    answers = iter([Stream(call)])
    guarded.faults["POST /v1/chat/completions"] = lambda: next(
        answers, Stream(recorded.llama(*ANSWER))
    )
    bench.shell.user_ns["end_token"] = guarded.end_token
    bench.succeeds('def wait():\n    """Wait for long."""\n    end_token()\n    return "done"')
    bench.succeeds(CHAT.replace("%%chat", "%%chat --tools wait"))
    assert [message.type for message in bench.turns[-1].messages] == ["human", "ai", "tool", "ai"]
    assert bench.turns[-1].text == TEXT
    assert (guarded.tokens.counts["refresh"], guarded.tokens.counts["bad"]) == (1, 0)


def test_a_login_that_cannot_be_renewed(bench, guarded):
    """It fails with one line and sends no token; after a login the conversation continues."""
    guarded.end_token()
    guarded.tokens.refreshing = False
    before = [*bench.turns]
    bench.fails(CHAT, AuthenticationError, f"has expired. {LOGIN}")
    for code in CALLS.values():
        bench.fails(code, AuthenticationError, LOGIN)
    assert bench.turns == before
    assert guarded.tokens.counts["bad"] == 0
    bench.succeeds(f"%xinference login {guarded.endpoint} --username alice")
    bench.succeeds(CHAT)
    assert [turn.text for turn in bench.turns] == [TEXT] * 2


def test_a_token_that_the_server_has_revoked(bench, guarded):
    """As after a change of its secret: a token that looks valid here is sent once, not again."""
    guarded.tokens.end_all()
    bench.fails(CHAT, AuthenticationError, LOGIN)
    for code in (CHAT, CALLS["invoke"], CALLS["astream"]):
        bench.fails(code, AuthenticationError, "not sent again", LOGIN)
    assert guarded.tokens.counts["bad"] == 1
    bench.succeeds(f"%xinference login {guarded.endpoint} --username alice")
    bench.succeeds(CHAT)
    assert [turn.text for turn in bench.turns] == [TEXT] * 2
