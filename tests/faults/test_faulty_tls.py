"""A server behind TLS with a bad certificate or handshake: one line with the remedy."""

import datetime as dt
from contextlib import ExitStack

import pytest
import trustme
from broken_shell import CHAT_CALLS
from faulty_proxy import Fault, FaultyProxy
from secured_server import secured_server

from xinference_magics.errors import ConnectError

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
UNKNOWN = "has a certificate that is not trusted here: unable to get local issuer certificate."
MISMATCH = "certificate is not valid for '127.0.0.1'. Connect with a name that is in"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority that nobody knows; `authority.file` is its certificate."""
    made = trustme.CA()
    made.file = tmp_path_factory.mktemp("authority") / "ca.pem"
    made.cert_pem.write_to_path(made.file)
    return made


@pytest.fixture
def secured(authority, bench, monkeypatch):
    """Start a server with a certificate: `secured("127.0.0.1", not_after=...)` returns its URL."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that what the cells set is undone
        monkeypatch.delenv(name)
    with ExitStack() as started:

        def start(*names, **options):
            return started.enter_context(secured_server(authority, *names, **options))[1]

        yield start
        bench.run("m = None")


def calls(bench, url):
    """Return what users call at `url`, each as a cell."""
    bench.succeeds(
        "from xinference_magics import ChatXinference\n"
        f"m = ChatXinference('{url}', 'tiny', timeout=(0.5, 0.5))"
    )
    there = [
        code.replace("%%chat", "%%chat -m m").replace("llm.", "m.") for code in CHAT_CALLS.values()
    ]
    return [f"%xinference list -e {url}", *there]


def test_an_unknown_authority(bench, secured, authority):
    """The line that the error suggests is the remedy for every call from then on."""
    there = calls(bench, secured("127.0.0.1"))
    for code in there:
        bench.fails(code, ConnectError, UNKNOWN, "%env REQUESTS_CA_BUNDLE=")
    bench.succeeds(f"%env REQUESTS_CA_BUNDLE={authority.file}")
    for code in there:
        bench.succeeds(code)


@pytest.mark.parametrize("name", ["CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_other_variables_name_an_authority_too(bench, secured, authority, name):
    bench.succeeds(f"%env {name}={authority.file}")
    for code in calls(bench, secured("localhost").replace("127.0.0.1", "localhost")):
        bench.succeeds(code)


def test_a_certificate_for_another_host(bench, secured, authority):
    bench.succeeds(f"%env REQUESTS_CA_BUNDLE={authority.file}")
    for code in calls(bench, secured("models.example")):
        bench.fails(code, ConnectError, "is not trusted here", MISMATCH)


def test_a_certificate_that_has_expired(bench, secured, authority):
    bench.succeeds(f"%env REQUESTS_CA_BUNDLE={authority.file}")
    past = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    for code in calls(bench, secured("127.0.0.1", not_after=past)):
        bench.fails(code, ConnectError, "certificate has expired. Renew it on the server")


def test_a_server_that_requires_a_client_certificate(bench, secured, authority):
    bench.succeeds(f"%env REQUESTS_CA_BUNDLE={authority.file}")
    for code in calls(bench, secured("127.0.0.1", ask_back=True)):
        bench.fails(code, ConnectError)


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_without_certificates(bench, secured, tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    bench.succeeds(f"%env REQUESTS_CA_BUNDLE={path}")
    for code in calls(bench, secured("127.0.0.1")):
        bench.fails(code, ConnectError, f"REQUESTS_CA_BUNDLE names {path}, which contains no")


def test_no_certificates_are_looked_up_without_tls(bench, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/absent/ca.pem")
    for code in calls(bench, bench.proxy.endpoint):
        bench.succeeds(code)


@pytest.mark.parametrize("then", ["silence", "close", "reset"])
def test_a_handshake_that_is_not_answered(bench, secured, then):
    with FaultyProxy(secured("127.0.0.1").replace("https:", "http:")) as proxy:
        proxy.fault = Fault(then)
        for code in calls(bench, proxy.endpoint.replace("http:", "https:")):
            bench.fails(code, ConnectError, proxy.endpoint.replace("http:", "https:"))
