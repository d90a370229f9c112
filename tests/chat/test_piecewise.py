"""Chains that can only be streamed synchronously, streamed in a thread."""

import asyncio
import threading

import pytest
from langchain_core.runnables import RunnableGenerator, RunnableLambda, RunnableParallel, chain

from xinference_magics.chat.piecewise import pieces


def words(given):
    """An ordinary generator function."""
    for letter in "abc":
        yield f"{letter} {threading.current_thread().name}"


def of_input(given):
    for _ in given:
        yield from "xy"


@chain
def decorated(_text):
    yield from words(None)


@pytest.mark.parametrize(
    "runnable",
    [
        decorated,
        RunnableGenerator(of_input),
        RunnableLambda(str) | RunnableGenerator(of_input),
        RunnableLambda(str) | decorated,
    ],
    ids=["chain", "generator", "behind a step", "chain behind a step"],
)
async def test_a_synchronous_generator_streams(runnable):
    arrived = [piece async for piece in pieces(runnable, "Hi")]
    assert [each[0] for each in arrived] in (list("abc"), list("xy"))
    assert all("xinference-magics-chain" in each for each in arrived if len(each) > 1)


@pytest.mark.parametrize(
    "last",
    [
        decorated,
        RunnableGenerator(of_input),
        decorated.with_config(tags=["a"]),
        RunnableParallel(a=decorated),
    ],
    ids=["chain", "generator", "bound", "parallel"],
)
async def test_steps_before_a_synchronous_generator_run_once(last):
    ran = []
    stream = pieces(RunnableLambda(lambda text: ran.append(text) or text) | last, "Hi")
    assert [piece async for piece in stream]
    assert ran == ["Hi"]


@pytest.mark.parametrize("later", [False, True])
async def test_a_step_without_async_support_does_not_rerun_earlier_steps(later):
    ran = []

    def first(text):
        ran.append(text)
        return text

    async def first_later(text):
        return first(text)

    def second(_text):
        raise NotImplementedError("The client has no async methods.")

    with pytest.raises(NotImplementedError, match="The client has no"):
        _ = [
            piece
            async for piece in pieces(
                RunnableLambda(first_later if later else first) | RunnableLambda(second), "Hi"
            )
        ]
    assert ran == ["Hi"]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
async def test_what_would_end_the_program_ends_the_stream(error):
    @chain
    def ending(_text):
        yield "a"
        raise error

    stream = pieces(ending, "Hi")
    assert await anext(stream) == "a"
    with pytest.raises(RuntimeError, match=f"The chain raised {type(error).__name__}") as raised:
        await asyncio.wait_for(anext(stream), 20)
    assert raised.value.__cause__ is error


async def test_its_own_exceptions_are_raised():
    @chain
    def broken(_text):
        yield "a"
        raise KeyError("mine")

    stream = pieces(broken, "Hi")
    assert await anext(stream) == "a"
    with pytest.raises(KeyError, match="mine"):
        await anext(stream)


@pytest.mark.parametrize("error", [TypeError("mine"), NotImplementedError("mine")])
async def test_an_asynchronous_chain_that_fails_runs_once(error):
    ran = []

    async def broken(_text):
        ran.append(1)
        raise error

    with pytest.raises(type(error), match="mine"):
        _ = [piece async for piece in pieces(RunnableLambda(broken), "Hi")]
    assert ran == [1]


async def test_an_abandoned_chain_ends_after_its_next_piece():
    ended, go_on = threading.Event(), threading.Event()

    @chain
    def endless(_text):
        try:
            while True:
                yield "a"
                go_on.wait(10)
        finally:
            ended.set()

    stream = pieces(endless, "Hi")
    assert await anext(stream) == "a"
    await stream.aclose()
    go_on.set()
    assert await asyncio.to_thread(ended.wait, 10)
