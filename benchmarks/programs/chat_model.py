"""Read a stream in every way: `chat_model.py ENDPOINT UID ROUNDS`.

Prints the seconds and CPU seconds of each way in each round.
"""

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable

import readers

ENDPOINT, UID, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
MODELS = ("trivial chat model", "ChatXinference", "ChatOpenAI")
Way = Callable[[], int]


def run(way: Callable[[str, str], Awaitable[int]]) -> Way:
    async def read() -> int:
        return await way(ENDPOINT, UID)

    return lambda: asyncio.run(read())


def call(way: Callable[[str, str], int]) -> Way:
    return lambda: way(ENDPOINT, UID)


ways: dict[str, dict[str, Way]] = {
    "sync": {
        "raw reader": call(readers.raw),
        "xinference-client": call(readers.client),
        "openai client": call(readers.openai_client),
        **{name: call(readers.langchain(name)) for name in MODELS},
    },
    "async": {
        "raw reader": run(readers.araw),
        "xinference-client": run(readers.aclient),
        "openai client": run(readers.aopenai_client),
        **{name: run(readers.alangchain(name)) for name in MODELS},
    },
}


def turn(way: Way) -> tuple[float, float, int]:
    """Return the seconds and CPU seconds of one read, not counting the garbage of others."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    seen = way()
    return time.perf_counter() - wall, time.process_time() - cpu, seen


found: dict[str, dict[str, list[tuple[float, float]]]] = {}
for kind, by_name in ways.items():
    found[kind] = {name: [] for name in by_name}
    expected = by_name["raw reader"]()
    for number in range(-1, ROUNDS):
        for name, way in list(by_name.items())[:: 1 if number % 2 else -1]:
            wall, cpu, seen = turn(way)
            if seen != expected:
                sys.exit(f"{kind} {name} saw {seen} of {expected} characters")
            if number >= 0:
                found[kind][name].append((wall, cpu))
print(json.dumps(found))
