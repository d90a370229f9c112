"""How many requests at once: it finds the slots of a server, and gives way when refused."""

import asyncio
import time

import pytest
from rows_server import RowsServer

from xinference_magics import XinferenceEmbeddings
from xinference_magics.errors import BadRequestError
from xinference_magics.transport import limiter as limiters
from xinference_magics.transport.limiter import Limiter, Slots, usual_slots


def rate_of(limiter, monkeypatch, slots, seconds=0.1, windows=30):
    """Drive a limiter with a server of `slots`, in simulated time; return the limits it tried."""
    now = [0.0]
    monkeypatch.setattr(limiters.time, "monotonic", lambda: now[0])
    limiter._begin_window()
    tried = []
    for _ in range(windows):
        for _ in range(3 * limiter.limit + 4):
            now[0] += seconds / min(limiter.limit, slots)
            limiter.active += 1
            limiter.release(answered=True)
        tried.append(limiter.limit)
    return tried


def test_it_grows_to_what_a_server_can_do(monkeypatch):
    tried = rate_of(Limiter(2), monkeypatch, slots=16)
    assert max(tried[4:]) <= 40
    assert sorted(tried[4:])[len(tried[4:]) // 2] >= 16
    assert set(rate_of(Limiter(64), monkeypatch, slots=1000)) == {64}


def test_it_does_not_grow_where_nothing_is_gained(monkeypatch):
    tried = rate_of(Limiter(4), monkeypatch, slots=4)
    assert tried.count(4) > 20
    assert max(tried) <= 8


def test_it_shrinks_once_for_requests_sent_together(monkeypatch):
    now = [10.0]
    monkeypatch.setattr(limiters.time, "monotonic", lambda: now[0])
    limiter = Limiter(32, why="told")
    for _ in range(20):
        limiter.refused(9.0, "429")
    assert (limiter.limit, limiter.why) == (16, "halved: 429")
    now[0] = 11.0
    limiter.refused(10.5, "429")
    assert limiter.limit == 8
    for _ in range(9):
        now[0] += 1
        limiter.refused(now[0], "503")
    assert limiter.limit == 2
    fixed = Limiter.fixed(1)
    fixed.refused(99.0, "429")
    assert (fixed.limit, fixed.is_fixed) == (1, True)


def test_it_waits_as_long_as_the_server_asks():
    async def waited():
        limiter = Limiter(4)
        limiter.refused(time.monotonic(), "503", retry_after=0.2)
        began = time.monotonic()
        await limiter.acquire()
        return time.monotonic() - began

    assert asyncio.run(waited()) >= 0.2


def test_it_falls_when_the_server_slows_down(monkeypatch):
    limiter = Limiter(8)
    rate_of(limiter, monkeypatch, slots=8, windows=10)
    before = limiter.limit
    rate_of(limiter, monkeypatch, slots=1, windows=10)
    assert limiter.limit < before


def test_where_it_starts():
    assert usual_slots("vLLM", 2) == Slots(2, 64, "usual for vLLM")
    assert Limiter(usual_slots("vLLM", 2).total).limit == 64
    assert Limiter(usual_slots("unknown").total).limit == 2
    assert str(Slots(1, 3, "launched with n_parallel=3")) == (
        "1 replica of 3 slots (launched with n_parallel=3)"
    )


def test_embeddings_send_several_batches_at_once():
    def embed(texts, _times):
        data = [{"index": n, "embedding": [float(text)]} for n, text in enumerate(texts)]
        return {"object": "list", "data": data, "usage": {}}

    with RowsServer(embed, delay=0.05) as server:
        embeddings = XinferenceEmbeddings(server.endpoint, "e", api_key="", batch_size=2)
        texts = [str(number) for number in range(40)]
        found = asyncio.run(embeddings.aembed_documents(texts))
        assert found == [[float(number)] for number in range(40)]
        assert 2 <= server.most_at_once <= 16
        server.slots = 2
        assert asyncio.run(embeddings.aembed_documents(texts)) == found
        server.slots = None
        server.answer = lambda *_: (400, {"detail": "no"})
        asked = len(server.asked)
        with pytest.raises(BadRequestError):
            asyncio.run(embeddings.aembed_documents(texts))
        assert len(server.asked) < asked + 20
