"""Every way in which a network fails, at each call: one helpful line, in time, nothing lost."""

import os
import signal
import socket
import threading

import pytest
from broken_shell import CALLS, CHAT_CALLS, SETTINGS, connections, eventually
from faulty_proxy import Fault
from faulty_server import TEXT

from xinference_magics.errors import ConnectError, StreamError

HEAD, BODY = 40, 900  # bytes of a stream: within the headers, and after some text
SILENT = "is not responding: the request timed out. The server's log may have the reason."
CLOSED = "closed the connection before responding. The server's log may have the reason."

# Connections that fail before they respond: the same error at each call.
UNANSWERED = {
    "refused": (Fault("refuse"), "refused the connection: no server is running there. %xinference"),
    "no connection": (Fault("full"), "the connection timed out. %xinference connect"),
    "reset": (Fault("reset"), CLOSED),
    "closed": (Fault("close"), CLOSED),
    "silent": (Fault("silence"), SILENT),
    "silent in the headers": (Fault("silence", HEAD), SILENT),
    "reset in the headers": (Fault("reset", HEAD), CLOSED),
}


@pytest.fixture
def bench(bench):
    """The bench without connections from another test: the first response is the one to break."""
    bench.proxy.drop_all()
    eventually(lambda: not connections(bench.proxy.endpoint), "the connections are closed")
    return bench


@pytest.mark.parametrize("fault", UNANSWERED)
@pytest.mark.parametrize("call", CALLS)
def test_no_answer(bench, call, fault):
    bench.proxy.fault, says = UNANSWERED[fault]
    before = bench.turns
    bench.fails(CALLS[call], ConnectError, bench.proxy.endpoint, says)
    assert bench.turns == before
    bench.mend()
    bench.succeeds(CALLS[call])


# Responses that fail after they have begun.
BROKEN = {
    "closed": (Fault("close", BODY), "the connection was lost"),
    "reset": (Fault("reset", BODY), "the connection was lost"),
    "silent": (Fault("silence", BODY), "the server stopped responding"),
}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("call", ["%%chat", "stream", "astream"])
def test_a_stream_that_has_begun(bench, call, fault):
    bench.proxy.fault, says = BROKEN[fault]
    bench.shell.user_ns["got"] = []
    bench.fails(CHAT_CALLS[call], StreamError, f"The answer of tiny was cut off: {says}.", "log")
    if call == "%%chat":
        turn = bench.turns[-1]
        assert (turn.status, turn.error != "") == ("failed", True)
        text = turn.text
    else:
        text = "".join(bench.shell.user_ns["got"])
    assert text
    assert TEXT.startswith(text)
    bench.mend()
    bench.succeeds(CHAT_CALLS[call])


@pytest.mark.parametrize("fault", ["closed", "reset", "silent"])
@pytest.mark.parametrize("call", ["list", "launch", "invoke", "ainvoke"])
def test_a_non_streamed_answer_that_has_begun(bench, call, fault):
    bench.proxy.fault = Fault(BROKEN[fault][0].then, 170)  # in the body
    bench.fails(CALLS[call], ConnectError, SILENT if fault == "silent" else CLOSED)
    bench.mend()
    bench.succeeds(CALLS[call])


def test_truncated_headers_are_not_mistaken_for_a_response(bench):
    """http.client takes them for a response without a body."""
    for call in ("list", "invoke"):
        bench.proxy.fault = Fault("close", 60)
        bench.fails(CALLS[call], ConnectError, CLOSED)
        bench.mend()
        bench.proxy.drop_all()


@pytest.mark.parametrize("call", CALLS)
def test_a_slow_trickle_is_not_a_timeout(bench, call):
    bench.proxy.fault = Fault(pause=0.0005, piece=1)
    bench.succeeds(CALLS[call])


@pytest.mark.parametrize("call", CALLS)
def test_keep_alive_connections_that_are_lost_between_two_calls(bench, call):
    """As when a server is restarted between two cells."""
    for _ in range(2):
        bench.succeeds(CALLS[call])
        bench.proxy.fault = Fault("refuse")
        bench.proxy.drop_all()
        eventually(lambda: not connections(bench.proxy.endpoint), "the server is gone")
        bench.fails(CALLS[call], ConnectError, "refused the connection")
        bench.mend()


@pytest.mark.parametrize("call", ["%xinference list", "%%chat\nhi", "m.invoke('hi')"])
@pytest.mark.parametrize(
    ("scheme", "host", "says"),
    [
        ("http", "no-such-host.invalid", "cannot be reached: host not found. %xinference connect"),
        ("http", "a" * 64 + ".invalid", "cannot be reached: "),
        ("https", "127.0.0.1", "cannot be reached: the TLS handshake failed. Should it be http://"),
    ],
)
def test_an_unknown_host_name_and_tls_to_a_plain_server(bench, call, scheme, host, says):
    port = bench.proxy.endpoint.rpartition(":")[2]
    url = f"{scheme}://{host}:{port}"
    made = f"from xinference_magics import ChatXinference\nm = ChatXinference('{url}', 'tiny')"
    bench.succeeds(made)
    there = call.replace("list", f"list -e {url}").replace("%%chat", "%%chat -m m")
    bench.fails(there, ConnectError, url, says)


class Resolver:
    """Look names up, but hang for those of one domain until the test has ended.

    Attributes:
        asked: Called once, when a lookup begins to hang.
    """

    def __init__(self):
        self.asked = lambda: None
        self.ended = threading.Event()
        self._look_up = socket.getaddrinfo

    def __call__(self, host, *args, **options):
        if str(host).endswith(".hangs.invalid"):
            asked, self.asked = self.asked, lambda: None
            asked()
            self.ended.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._look_up(host, *args, **options)


@pytest.fixture
def resolver(bench, monkeypatch):
    """The system's resolver, with a name server that has vanished."""
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    yield made
    made.ended.set()


UNFOUND = "http://models.hangs.invalid:9997"
ELSEWHERE = {
    "list": f"%xinference list -e {UNFOUND}",
    "%%chat": "%%chat -m m\nhi",
    "invoke": "m.invoke('hi')",
    "stream": "list(m.stream('hi'))",
    "ainvoke": "await m.ainvoke('hi')",
    "a loop that ends": "import asyncio\nasyncio.run(m.ainvoke('hi'))",
}


@pytest.mark.parametrize("call", ELSEWHERE)
def test_a_resolver_that_hangs(bench, resolver, call):
    """It ignores timeouts, and a thread that waits for it cannot be stopped."""
    bench.succeeds(
        "from xinference_magics import ChatXinference\n"
        f"m = ChatXinference('{UNFOUND}', 'tiny', timeout=(0.5, 0.5))"
    )
    bench.fails(ELSEWHERE[call], ConnectError, UNFOUND, "the connection timed out")
    assert not resolver.ended.is_set()
    bench.succeeds(CALLS["list"])
    bench.succeeds(CALLS["%%chat"])


@pytest.mark.parametrize("call", ["list", "%%chat", "invoke", "ainvoke"])
def test_a_resolver_that_hangs_for_the_proxy(bench, resolver, monkeypatch, call):
    monkeypatch.setenv("http_proxy", "http://proxy.hangs.invalid:3128")
    bench.succeeds(
        "from xinference_magics import ChatXinference\n"
        f"m = ChatXinference('{UNFOUND}', 'tiny', timeout=(0.5, 0.5))"
    )
    bench.fails(ELSEWHERE[call], ConnectError, UNFOUND)
    assert not resolver.ended.is_set()
    bench.succeeds(CALLS["list"])


@pytest.mark.parametrize("call", ["list", "%%chat", "invoke"])
def test_an_interrupt_while_a_resolver_hangs(bench, resolver, call):
    bench.succeeds(
        "%config XinferenceMagics.connect_timeout = 300\n"
        "from xinference_magics import ChatXinference\n"
        f"m = ChatXinference('{UNFOUND}', 'tiny', timeout=300)"
    )
    resolver.asked = lambda: os.kill(os.getpid(), signal.SIGINT)
    ran = bench.run(ELSEWHERE[call])
    assert isinstance(ran.error, KeyboardInterrupt), ran
    bench.succeeds(SETTINGS)
    bench.succeeds(CALLS[call])


@pytest.mark.parametrize("call", ["list", "%%chat", "invoke", "ainvoke"])
def test_a_name_whose_first_address_leads_nowhere(bench, monkeypatch, call):
    """As on a machine that wrongly expects IPv6: the other addresses get a share of the time."""
    port = int(bench.proxy.endpoint.rpartition(":")[2])
    look_up = socket.getaddrinfo

    def two_addresses(host, *args, **options):
        if host != "two.invalid":
            return look_up(host, *args, **options)
        kind = socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, ""
        return [(*kind, (address, port)) for address in (full.getsockname()[0], "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", two_addresses)
    with socket.create_server(("127.0.0.2", port), backlog=0) as full:
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        bench.succeeds(
            "from xinference_magics import ChatXinference\n"
            f"m = ChatXinference('http://two.invalid:{port}', 'tiny', timeout=(1.0, 5.0))"
        )
        bench.succeeds(ELSEWHERE[call].replace(UNFOUND, f"http://two.invalid:{port}"))
        for each in waiting:
            each.close()
