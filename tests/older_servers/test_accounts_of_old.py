"""Credentials on older servers, from real kernels."""

import json
import re

import pytest

from xinference_magics import ChatXinference
from xinference_magics.auth.login import sign_in
from xinference_magics.errors import AuthenticationError
from xinference_magics.transport.sync import open_session

USER, PASSWORD = "admin", "correct-horse-battery"
KEY = "sk-0123456789abc"
IN_A_FILE = {
    "auth_config": {
        "algorithm": "HS256",
        "secret_key": "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "token_expire_in_minutes": 30,
    },
    "user_config": [
        {"username": USER, "password": PASSWORD, "permissions": ["admin"], "api_keys": [KEY]},
        {
            "username": "guest",
            "password": PASSWORD,
            "permissions": ["models:list", "models:read"],
            "api_keys": [],
        },
    ],
}
BEFORE_3 = ("1.", "2.")
"""Before 3.0, accounts were in a file (`--auth-config`); 3.0 brought a database and `setup`."""


@pytest.fixture(scope="module")
def secured(start_server, version, notebook, tmp_path_factory):
    """A server that requires credentials."""
    if not version.startswith(BEFORE_3):
        server = start_server(XINFERENCE_AUTH_ADVANCED="1")
        made = notebook(server.endpoint)
        answers = [USER, PASSWORD, PASSWORD]
        if token := re.search(r"Setup token: (\S+)", (server.home / "output.log").read_text()):
            answers = [token[1], *answers]
        reply = made.run("%xinference setup", answers=answers)
        assert "logged in as admin" in reply.stdout, reply
        return server.endpoint
    path = tmp_path_factory.mktemp("accounts") / "accounts.json"
    path.write_text(json.dumps(IN_A_FILE))
    return start_server("--auth-config", str(path)).endpoint


@pytest.fixture(scope="module")
def visitor(secured, notebook):
    """A notebook at that server, without credentials so far."""
    return notebook(secured)


def refused(reply, *parts):
    """Check that the cell failed with one line that contains all `parts`."""
    assert reply.status == "error", reply
    (line,) = (line for line in reply.stdout.splitlines() if line.strip())
    for part in parts:
        assert part in line


def test_logging_in(secured, visitor, version):
    """`login`, `logout`; before 3.0 with accounts of a file, since then with `setup` first."""
    refused(visitor.run("%xinference list"), "none are saved", "%xinference login http://")
    wrong = visitor.run("%xinference login", answers=[USER, "wrong-password"])
    refused(wrong, "the password is wrong")
    reply = visitor.run("%xinference login", answers=[USER, PASSWORD])
    assert reply.status == "ok", reply
    assert "logged in as admin" in reply.stdout
    assert f"Xinference {version}" in reply.stdout
    assert visitor.run("%xinference registrations").status == "ok"
    assert "Logged out" in visitor.run("%xinference logout").stdout
    refused(visitor.run("%xinference list"), "none are saved")


def new_key(endpoint):
    token = sign_in(endpoint, USER, PASSWORD).access
    with open_session(endpoint, token=lambda: token) as session:
        return session.post(f"{endpoint}/v1/admin/keys", json={"name": "tests"}).json()["key"]


def test_keys(secured, visitor, notebook, version):
    """An API key, for commands and objects."""
    key = KEY if version.startswith(BEFORE_3) else new_key(secured)
    keyed = notebook(secured, XINFERENCE_API_KEY=key)
    assert "with the key in XINFERENCE_API_KEY" in keyed.value("%xinference status")
    assert keyed.run("%xinference list").status == "ok"
    with pytest.raises(AuthenticationError, match="denied access"):
        ChatXinference(secured, "none", api_key="sk-wrong").invoke("Hello")
