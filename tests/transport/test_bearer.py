"""The current token, for one request and for many at once."""

import asyncio
import threading

import pytest

from xinference_magics.errors import AuthenticationError
from xinference_magics.transport.bearer import Bearer

ENDPOINT = "http://127.0.0.1:9997"


def test_concurrent_requests_share_one_lookup():
    tokens = iter(["one", "two"])
    may_look = threading.Event()

    def look():
        may_look.wait()
        return next(tokens)

    async def ask():
        asked = [asyncio.create_task(bearer.without_blocking()) for _ in range(8)]
        await asyncio.sleep(0)
        asked[0].cancel()  # the one that began the lookup may leave
        may_look.set()
        found = await asyncio.gather(*asked, return_exceptions=True)
        return found, await bearer.without_blocking()

    bearer = Bearer(ENDPOINT, look)
    (cancelled, *others), later = asyncio.run(ask())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert others == ["one"] * 7
    assert later == "two"


def test_every_loop_does_its_own_lookup():
    tokens = iter(["one", "two"])
    bearer = Bearer(ENDPOINT, lambda: next(tokens))
    assert asyncio.run(bearer.without_blocking()) == "one"
    assert asyncio.run(bearer.without_blocking()) == "two"


def test_a_failed_lookup_fails_all_that_wait_for_it():
    def look():
        raise AuthenticationError("The login has ended.")

    async def ask():
        asked = (bearer.without_blocking() for _ in range(3))
        return await asyncio.gather(*asked, return_exceptions=True)

    bearer = Bearer(ENDPOINT, look)
    assert [str(error) for error in asyncio.run(ask())] == ["The login has ended."] * 3


def test_a_refused_token_is_not_sent_again_at_once():
    bearer = Bearer(ENDPOINT, lambda: "bad")
    bearer.refused("Bearer bad")
    with pytest.raises(AuthenticationError, match="not sent again for 120 s"):
        asyncio.run(bearer.without_blocking())
