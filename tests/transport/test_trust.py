"""A server with a certificate of a private authority, as companies have them."""

import shutil
import ssl
import subprocess

import pytest
import recorded
from scripted_server import Reply, ScriptedServer

from xinference_magics import ChatXinference
from xinference_magics.errors import ConnectError

ANSWER = Reply(body=recorded.whole({"content": "Hello!"}))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that is its own authority, and its key."""
    if not (openssl := shutil.which("openssl")):
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("authority")
    made, key = folder / "own.pem", folder / "key.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", made),
        ],
        check=True,
        capture_output=True,
    )
    return made, key


@pytest.fixture
def secured(certificate):
    """A model on a server that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with ScriptedServer(ANSWER) as server:
        http = server._http
        http.socket = context.wrap_socket(http.socket, server_side=True)
        yield ChatXinference(server.endpoint.replace("http:", "https:"), "tiny")


@pytest.fixture(autouse=True)
def no_bundle(monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


async def refused(llm, says):
    with pytest.raises(ConnectError, match=says):
        llm.invoke("x")
    with pytest.raises(ConnectError, match=says):
        await llm.ainvoke("x")
    with pytest.raises(ConnectError, match=says):
        await anext(llm.astream("x"))


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
async def test_it_is_trusted_where_the_environment_says_so(secured, certificate, name, monkeypatch):
    await refused(secured, "a TLS that this machine trusts")
    monkeypatch.setenv(name, str(certificate[0]))
    assert secured.invoke("x").content == (await secured.ainvoke("x")).content == "Hello!"


async def test_certificates_that_are_not_there_are_named(secured, tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "absent.pem"))
    await refused(secured, r"no certificates at .*absent\.pem")


async def test_what_holds_no_certificates_is_refused(secured, tmp_path, monkeypatch):
    (tmp_path / "odd.pem").write_text("odd")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "odd.pem"))
    await refused(secured, "a TLS that this machine trusts")


async def test_without_tls_none_are_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "absent.pem"))
    with ScriptedServer(ANSWER) as server:
        llm = ChatXinference(server.endpoint, "tiny")
        assert llm.invoke("x").content == (await llm.ainvoke("x")).content == "Hello!"
