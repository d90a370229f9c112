"""A chain that keeps telling a tale until its gate opens, for cells like `%%chat -m tale --bg`."""

import asyncio
import threading

from langchain_core.runnables import RunnableGenerator

gate = threading.Event()


async def _tell(prompts):
    async for _ in prompts:
        pass
    yield "Once upon a time "
    while not gate.is_set():  # another cell opens it
        await asyncio.sleep(0.02)
        yield "and "
    yield "they lived happily."


async def _fail(prompts):
    async for piece in _tell(prompts):
        yield piece
    raise ValueError("no more ink")


tale = RunnableGenerator(_tell)
broken = RunnableGenerator(_fail)
