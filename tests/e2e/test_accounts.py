"""Logins from real kernels at a real server with authentication enabled."""

import base64
import hashlib
import json
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from kernel_driver import FRAMES, Kernel
from kernel_driver import environment as user_environment

from xinference_magics.auth.login import Login, sign_in
from xinference_magics.cluster.connection import Cluster

USER, PASSWORD = "admin", "correct-horse-battery"


class Secured:
    """A server with authentication enabled, and what its administrator knows."""

    def __init__(self, server, state):
        self.endpoint = server.endpoint
        self.home = server.home
        self.state = state
        self.kernels = []
        self._server = server

    def end(self):
        """Shut down its kernels, then the server."""
        for kernel in self.kernels:
            kernel.close()
        self._server.end()

    @property
    def setup_token(self):
        return re.search(r"Setup token: (\S+)", (self.home / "output.log").read_text())[1]

    def admin(self, method, path, body=None):
        """Send a request as the administrator, with a separate login."""
        token = sign_in(self.endpoint, USER, PASSWORD).access
        answer = requests.request(
            method,
            self.endpoint + path,
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=240,
        )
        answer.raise_for_status()
        return answer.json()

    def kernel(self, **environment):
        own = {
            "XINFERENCE_ENDPOINT": self.endpoint,
            "XINFERENCE_MAGICS_STATE": str(self.state / "magics"),
            "XINFERENCE_HOME": str(self.state / "home"),
        }
        made = Kernel.loaded({**user_environment(self.state), **own, **environment})
        self.kernels.append(made)
        return made

    def bad_attempts(self):
        """Return the number of refused credentials in its audit logs."""
        logs = (self.home / "logs").rglob("*audit*")
        return sum(path.read_text().count('"invalid_') for path in logs)


@pytest.fixture(scope="module")
def secured(start_server, tmp_path_factory):
    server = start_server(
        XINFERENCE_AUTH_ADVANCED="1",
        XINFERENCE_ACCESS_TOKEN_EXPIRE_MINUTES="1",  # noqa: S106
    )
    made = Secured(server, tmp_path_factory.mktemp("user"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def notebook(secured):
    return secured.kernel()


def refused(reply, *parts):
    """Assert that the failure is one line that contains all `parts`."""
    for part in parts:
        assert part in reply.failure


def hidden(kernel, *secrets):
    """Assert that the kernel stores none of `secrets` with its cells and their outputs."""
    kept = kernel.value(
        "repr((In, Out, list(get_ipython().history_manager.get_tail(100)), "
        "sys.last_value, sys.last_traceback)) if 'sys' in dir() else repr((In, Out))"
    )
    assert not [each for each in secrets if each in kept]


def test_a_new_server_is_set_up_from_the_notebook(secured, notebook):
    refused(notebook.run("%xinference status"), "no account yet", "%xinference setup http://")
    refused(notebook.run("%xinference login"), "no account yet", "%xinference setup http://")
    token = secured.setup_token
    reply = notebook.run("%xinference setup", answers=["not-the-token", USER, PASSWORD, PASSWORD])
    refused_after_words(reply, "wrong setup token", "server's log")
    reply = notebook.run("%xinference setup", answers=[token, USER, "short", "7 chars", ""])
    refused_after_words(reply, "Nothing was entered")
    asked = [question for question, _ in reply.questions[2:]]
    assert asked[0].endswith("(8 characters or more): ")
    assert asked[1:] == ["That was too short; 8 characters or more: "] * 2
    reply = notebook.run("%xinference setup", answers=[token, USER, PASSWORD, "other"])
    refused_after_words(reply, "differ")
    reply = notebook.run("%xinference setup", answers=[token, USER, PASSWORD, PASSWORD])
    assert reply.status == "ok", reply
    assert [secret for _, secret in reply.questions] == [True, False, True, True]
    assert f"Connected to {secured.endpoint}" in reply.stdout
    assert "logged in as admin" in reply.stdout
    hidden(notebook, token, PASSWORD)
    refused(notebook.run("%xinference setup"), "already set up", "%xinference login")


def refused_after_words(reply, *parts):
    """Like `refused`, but skip a line for the user that came first."""
    reply.outputs = reply.outputs[1:]
    refused(reply, *parts)


def test_login_and_logout(secured, notebook):
    assert "Logged out" in notebook.run("%xinference logout").stdout
    refused(notebook.run("%xinference list"), "none are saved", "%xinference login http://")
    refused(notebook.run("%xinference logout"), "No login at")
    reply = notebook.run("%xinference login", answers=[USER, "wrong-password"])
    refused(reply, "AuthenticationError", "user name or the password is wrong")
    reply = notebook.run(f"%xinference login -e {secured.endpoint}/", answers=[USER, PASSWORD])
    assert reply.status == "ok", reply
    assert [secret for _, secret in reply.questions] == [False, True]
    assert "logged in as admin" in reply.stdout
    reply = notebook.run("%xinference login --username admin", answers=["wrong-password"])
    refused(reply, "password is wrong")
    assert "logged in as admin" in notebook.value("%xinference status")
    hidden(notebook, PASSWORD, "wrong-password")


def test_nothing_secret_is_in_any_frame_of_a_failure(notebook):
    notebook.run("%xinference login", answers=[USER, "wrong-password"])
    notebook.run(f"import sys\n{FRAMES}known = ''.join(frames(sys.last_value))")
    assert notebook.value("'password is wrong' in known") == "True"
    assert notebook.value("'-'.join(['wrong', 'password']) in known") == "False"
    shown = notebook.run("%xmode Verbose\n%tb").stdout
    notebook.run("%xmode Context")
    assert "wrong-password" not in shown


@pytest.mark.parametrize(
    "line",
    [
        "login --username admin --password hush-hush",
        "login --password=hush-hush",
        "login --api-key hush-hush",
        "login admin hush-hush",
        "setup --password hush-hush",
    ],
)
def test_a_typed_secret_is_refused_and_not_repeated(notebook, line):
    reply = notebook.run(f"%xinference {line}")
    refused(reply, "UsageError")
    assert "hush-hush" not in reply.stdout
    if "--" in line:
        assert "delete this cell and replace the secret" in reply.stdout
    assert not reply.questions


def test_login_without_anybody_to_ask_is_refused(secured):
    kernel = secured.kernel()
    reply = kernel.run("%xinference login", allow_stdin=False)
    refused(reply, "cannot ask for input here", "XINFERENCE_API_KEY")


def test_an_api_key_may_use_but_not_launch(secured):
    key = secured.admin("POST", "/v1/admin/keys", {"name": f"test {time.time()}"})["key"]
    kernel = secured.kernel(
        XINFERENCE_API_KEY=key, XINFERENCE_MAGICS_STATE=str(secured.state / "keyed")
    )
    assert "with the key in XINFERENCE_API_KEY" in kernel.value("%xinference status")
    reply = kernel.run("%xinference launch -n qwen3 -en llama.cpp -s 0_6 -f ggufv2 -q Q4_K_M")
    refused(reply, "PermissionDeniedError", "This is an API key", "%xinference login http://")
    assert key not in reply.stdout

    kernel = secured.kernel(XINFERENCE_MAGICS_STATE=str(secured.state / "asked"))
    reply = kernel.run("%xinference login --api-key", answers=["xf-" + "0" * 48])
    refused(reply, "denied access")
    reply = kernel.run("%xinference login --api-key", answers=[key])
    assert reply.questions[0][1]
    assert "with an API key" in reply.stdout
    hidden(kernel, key)


def test_a_missing_permission_is_named(secured):
    secured.admin(
        "POST",
        "/v1/admin/users",
        {
            "username": "guest",
            "password": "guest-password",
            "permissions": ["models:list", "models:read"],
        },
    )
    kernel = secured.kernel(XINFERENCE_MAGICS_STATE=str(secured.state / "guest"))
    assert kernel.run("%xinference login", answers=["guest", "guest-password"]).status == "ok"
    reply = kernel.run("%xinference launch -n qwen3 -en llama.cpp -s 0_6 -f ggufv2 -q Q4_K_M")
    refused(reply, "PermissionDeniedError", "This user is not allowed to do that", "models:write")


def test_the_command_line_s_login_is_used_until_it_expires(secured):
    home = secured.state / "cli"
    path = home / "auth" / hashlib.sha256(f"{secured.endpoint}/".encode()).hexdigest()
    path.parent.mkdir(parents=True)
    environment = {
        "XINFERENCE_HOME": str(home),
        "XINFERENCE_MAGICS_STATE": str(secured.state / "cli-only"),
    }
    kernel = secured.kernel(**environment)
    path.write_text(sign_in(secured.endpoint, USER, PASSWORD).access)  # it lasts for a minute
    assert "with the command line's login" in kernel.value("%xinference status")
    before = secured.bad_attempts()
    path.write_text(expired(path.read_text()))
    for _ in range(12):
        refused(kernel.run("%xinference list"), "command line's login has expired")
    assert secured.bad_attempts() == before


def expired(token):
    head, _, signature = token.split(".")
    claims = {"sub": USER, "exp": time.time() - 1, "type": "access"}
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{head}.{middle}.{signature}"


def test_a_wrong_key_is_sent_only_once(secured):
    before = secured.bad_attempts()
    cluster = Cluster(secured.endpoint, token=lambda: "xf-" + "1" * 48)
    for _ in range(12):
        with pytest.raises(Exception, match=r"denied access|not sent again"):
            cluster.models()
    cluster.close()
    assert secured.bad_attempts() == before + 1


def test_the_selected_model_keeps_working_when_tokens_expire(
    secured, notebook, tiny_definitions, monkeypatch
):
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(secured.state / "magics"))
    login = Login(secured.endpoint)
    secrets = [login()]
    first_end = login.kept.expires
    register = f"""
import json
cluster = get_ipython().find_line_magic("xinference").__self__.session.connector.get_or_connect()
cluster.registry.register("LLM", json.dumps(json.loads({json.dumps(tiny_definitions[0])!r})))
"""
    reply = notebook.run(register)
    assert reply.status == "ok", reply
    launch = "%xinference launch -n tiny-chat -f ggufv2 --n_threads 1 --disable-virtual-env"
    reply = notebook.run(launch, timeout=300)
    assert reply.status == "ok", reply
    before = secured.bad_attempts()
    notebook.run("import pickle\nfrom langchain_core.load import dumps")
    other = secured.kernel()
    other.run("import asyncio\n%xinference use tiny-chat")
    everybody = (
        "len(await asyncio.gather(*(llm.ainvoke('Hello!', max_tokens=2) for _ in range(16))))"
        " + len(llm.batch(['Hello!'] * 16, max_tokens=2))"
    )
    while not (len(set(secrets)) > 2 and time.time() > first_end + 1):
        assert notebook.value("llm.invoke('Hello!', temperature=0, max_tokens=3).text")
        assert notebook.run("%xinference list").status == "ok"
        assert other.value(everybody) == "32"
        secrets.append(login())
        time.sleep(1)  # each round has 32 requests at once; without a break they take a core
        if len(set(secrets)) == 2:  # do not wait for the second renewal
            login.keep(replace(login.kept, expires=0.0))
    code = "repr(llm) + str(llm) + dumps(llm) + repr(pickle.dumps(llm)) + repr(vars(llm))"
    shown = notebook.value(code) + other.value("repr(globals())")
    kept = Path(login._file).read_text()
    refresh = json.loads(kept)["refresh"]
    assert not [secret for secret in [*secrets, refresh, PASSWORD] if secret in shown]
    hidden(notebook, *secrets, refresh, PASSWORD)
    assert "Hello" in notebook.run("%%chat -t 0\nHello!").displays[0]["text/plain"]
    assert notebook.run("%xinference terminate tiny-chat").status == "ok"
    assert secured.bad_attempts() == before
