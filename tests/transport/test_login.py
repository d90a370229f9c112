"""The life of a login: one file per server, renewed once for all, never sent once expired."""

import asyncio
import base64
import json
import os
import pickle
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from traceback import walk_tb

import pytest
from pydantic import SecretStr
from scripted_server import Reply, ScriptedServer
from token_server import TokenServer, end_token

from xinference_magics import ChatXinference
from xinference_magics.auth.identity import Identity
from xinference_magics.auth.login import Login, Tokens, sign_in
from xinference_magics.errors import AuthenticationError, ConnectError, ServerError
from xinference_magics.files import locked, open_private
from xinference_magics.transport.endpoint import Timeouts
from xinference_magics.transport.sync import open_session

OTHER_NOTEBOOK = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from xinference_magics.auth.login import Login
login = Login({endpoint!r})
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(8) as pool:
    print(len(set(pool.map(lambda _: login(), range(8)))), flush=True)
"""


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XINFERENCE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XINFERENCE_API_KEY", raising=False)
    return tmp_path / "state"


def logged_in(server):
    login = Login(server.endpoint)
    login.keep(sign_in(server.endpoint, "ann", "right"))
    return login


def near_its_end(login):
    """Leave a little less than a quarter of the token's life."""
    login.keep(replace(login.kept, expires=time.time() + 440))


def chat_model(server, **fields):
    return ChatXinference(server.endpoint, "tiny", **fields)


def test_wrong_passwords_are_reported_and_nothing_is_saved():
    with TokenServer() as server:
        with pytest.raises(AuthenticationError, match="name or the password is wrong"):
            sign_in(server.endpoint, "ann", "wrong")
        assert not Login(server.endpoint).usable


def test_the_file_is_private_and_nothing_secret_shows(state):
    with TokenServer() as server:
        login = logged_in(server)
        tokens = Tokens.load(login._file)
        folder = state / "logins"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {each.stat().st_mode & 0o777 for each in folder.iterdir()} == {0o600}
        shown = f"{login!r}{tokens!r}{Identity(server.endpoint)!r}{pickle.dumps(login)!r}"
        assert tokens.access not in shown
        assert tokens.refresh not in shown


def test_a_file_becomes_private_without_fchmod(tmp_path, monkeypatch):
    """As on Windows before Python 3.13."""
    monkeypatch.delattr(os, "fchmod")
    path = tmp_path / "some.json"
    path.touch(0o644)
    with open_private(path) as file:
        assert path.stat().st_mode & 0o777 == 0o600
        file.write("{}")


def test_a_token_is_renewed_before_it_expires():
    with TokenServer() as server:
        login = logged_in(server)
        first = login()
        assert login() == first
        near_its_end(login)
        assert login() != first
        assert server.counts["refresh"] == 1


@pytest.mark.parametrize("ahead", [7200, -7200])
def test_a_wrong_clock_does_no_harm(ahead):
    with TokenServer(life=1800, ahead=ahead) as server:
        llm = logged_in(server) and chat_model(server)
        for _ in range(3):
            assert llm.invoke("hi").text == "ok"
        assert (server.counts["refresh"], server.counts["bad"]) == (0, 0)


@pytest.mark.parametrize("late", [False, True], ids=["near its end", "after its end"])
def test_thirty_two_calls_at_the_moment_of_expiry_cost_no_bad_attempt(late):
    with TokenServer(delay=0.3) as server:
        login = logged_in(server)
        sync, others = chat_model(server), chat_model(server)
        if late:
            end_token(login, server)
        else:
            near_its_end(login)

        async def ask():
            return await asyncio.gather(*(others.ainvoke("hi") for _ in range(16)))

        with ThreadPoolExecutor(17) as pool:
            at_once = pool.submit(asyncio.run, ask())
            answers = list(pool.map(lambda _: sync.invoke("hi"), range(16)))
        assert len(answers + at_once.result()) == 32
        assert server.counts["refresh"] == 1
        assert (server.counts["bad"], server.counts["refused refresh"]) == (0, 0)
        assert server.counts["good"] == 32


def test_the_event_loop_keeps_running_while_a_token_is_renewed():
    with TokenServer(delay=1.0) as server:
        end_token(logged_in(server), server)

        async def ask():
            asked = asyncio.ensure_future(chat_model(server).ainvoke("hi"))
            ticks = 0
            while not asked.done():
                await asyncio.sleep(0.05)
                ticks += 1
            return ticks

        assert asyncio.run(ask()) > 8


def test_concurrent_processes_renew_once(run_python):
    with TokenServer(delay=0.3) as server:
        login = logged_in(server)
        code = OTHER_NOTEBOOK.format(endpoint=server.endpoint)
        notebooks = [run_python(code) for _ in range(3)]
        for each in notebooks:
            assert each.stdout.readline() == "ready\n"
        end_token(login, server)
        for each in notebooks:
            each.stdin.write("go\n")
            each.stdin.flush()
        assert [each.stdout.readline() for each in notebooks] == ["1\n"] * 3
        assert (server.counts["refresh"], server.counts["refused refresh"]) == (1, 0)


def test_an_expired_login_is_reported_and_nothing_is_sent():
    with TokenServer() as server:
        login = logged_in(server)
        llm = chat_model(server)
        server.refreshing = False
        end_token(login, server)
        for _ in range(3):
            with pytest.raises(AuthenticationError, match="has expired") as caught:
                login()
            assert "Log in at" in caught.value.hint
        assert server.counts["refused refresh"] == 1
        with pytest.raises(AuthenticationError, match="login of ann has expired"):
            Identity(server.endpoint)()
        with pytest.raises(AuthenticationError):
            llm.invoke("hi")
        assert server.counts["bad"] == 0


def test_a_refresh_that_is_refused_early_leaves_the_rest_of_the_token():
    with TokenServer() as server:
        login = logged_in(server)
        first = login()
        server.refreshing = False
        near_its_end(login)
        assert login() == login() == first
        assert server.counts["refused refresh"] == 1


def test_a_server_that_is_briefly_away_does_not_end_a_login():
    with TokenServer() as server:
        login = logged_in(server)
        end_token(login, server)
    with pytest.raises(ConnectError):
        login()
    assert login.usable


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_that_fails_to_renew_a_token_leaves_the_rest_of_it(monkeypatch, status):
    """The failure is reported only once the token has expired; its exception holds no token."""
    with TokenServer() as server:
        login = logged_in(server)
        monkeypatch.setattr(server, "refresh", lambda _: (status, {"detail": "busy"}))
        near_its_end(login)
        first = login.kept
        assert login() == first.access
        login.keep(replace(first, expires=time.time() - 1))
        with pytest.raises(ServerError, match="busy") as caught:
            login()
        assert login.kept.refresh == first.refresh
        frames = [frame for frame, _ in walk_tb(caught.value.__traceback__)]
        held = [repr(frame.f_locals) for frame in frames if "test_login" not in str(frame.f_code)]
        assert not [text for text in held if first.refresh in text or first.access in text]


def interrupt_and(answer):
    """Interrupt this process when a request arrives, before it is answered."""

    def interrupted(body):
        os.kill(os.getpid(), signal.SIGINT)
        return answer(body)

    return interrupted


def test_an_interrupt_during_a_renewal_does_not_lose_the_login(monkeypatch):
    with TokenServer(delay=0.3) as server:
        login = logged_in(server)
        end_token(login, server)
        with monkeypatch.context() as patch:
            patch.setattr(server, "refresh", interrupt_and(server.refresh))
            with pytest.raises(KeyboardInterrupt):
                login()
        assert login()
        assert (server.counts["refresh"], server.counts["refused refresh"]) == (1, 0)


def test_waiting_for_another_notebook_to_renew_times_out(monkeypatch):
    monkeypatch.setattr("xinference_magics.auth.login._LOCK_SECONDS", 0.1)
    with TokenServer() as server:
        login = logged_in(server)
        end_token(login, server)
        with (
            locked(login._lock),
            pytest.raises(ConnectError, match="another notebook has been renewing it"),
        ):
            chat_model(server).invoke("hi")
        assert chat_model(server).invoke("hi").text == "ok"


def test_a_logout_takes_effect_at_once_and_on_the_server():
    with TokenServer() as server:
        login = logged_in(server)
        llm = chat_model(server)
        assert llm.invoke("hi").text == "ok"
        assert login.end()
        assert server.ended == ["refresh-0"]
        assert not login.end()
        with pytest.raises(AuthenticationError, match="denied access"):
            llm.invoke("hi")
        assert server.counts["bad"] == 0


def huge():
    """Return a response whose token expires later than any clock can tell."""
    middle = base64.urlsafe_b64encode(b'{"exp": 1%s}' % (b"0" * 400)).decode().rstrip("=")
    return json.dumps({"access_token": f"e30.{middle}.sig"}).encode()


@pytest.mark.parametrize(
    "said", [b"[1]", b"{}", b'{"access_token": "x"}', b"?", b"[" * 99_999, huge()]
)
def test_another_server_is_not_an_xinference(said):
    reply = Reply(body=said, headers={"Content-Type": "application/json"})
    with ScriptedServer() as server:
        server["*"] = reply
        with pytest.raises(ConnectError, match="not an Xinference"):
            sign_in(server.endpoint, "ann", "right")


@pytest.mark.parametrize("way", ["sync", "async"])
def test_refused_credentials_are_not_sent_again(way):
    with TokenServer() as server:
        server.accepting = False
        llm = chat_model(server, api_key="xf-wrong")

        def ask():
            return llm.invoke("hi") if way == "sync" else asyncio.run(llm.ainvoke("hi"))

        with pytest.raises(AuthenticationError, match="denied access"):
            ask()
        for _ in range(12):
            with pytest.raises(AuthenticationError, match="not sent again"):
                ask()
        assert server.counts["bad"] == 1
        llm.api_key = SecretStr("xf-other")
        with pytest.raises(AuthenticationError, match="denied access"):
            ask()


def test_a_session_stops_after_a_refusal():
    with (
        TokenServer() as server,
        open_session(server.endpoint, token=lambda: "xf-wrong", timeouts=Timeouts()) as session,
    ):
        for _ in range(3):
            with pytest.raises(AuthenticationError):
                session.get(f"{server.endpoint}/v1/models")
        assert server.counts["bad"] == 1
