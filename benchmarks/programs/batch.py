"""Ask 32 questions at once: `batch.py ENDPOINT UID ROUNDS`; prints the seconds of each round.

Asks with `llm.abatch`, and with aiohttp alone.
"""

import asyncio
import json
import sys
import time

import aiohttp

from xinference_magics import ChatXinference

AT_ONCE = 32
ENDPOINT, UID, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
PROMPT = "What is the capital of France?"


async def ours() -> int:
    llm = ChatXinference(ENDPOINT, UID, temperature=0, max_tokens=32)
    return len(await llm.abatch([PROMPT] * AT_ONCE, config={"max_concurrency": AT_ONCE}))


async def raw() -> int:
    messages = [{"role": "user", "content": PROMPT}]
    body = {"model": UID, "messages": messages, "temperature": 0, "max_tokens": 32}

    async def ask(session: aiohttp.ClientSession) -> str:
        async with session.post(f"{ENDPOINT}/v1/chat/completions", json=body) as response:
            answer = await response.json()
            return answer["choices"][0]["message"]["content"]

    async with aiohttp.ClientSession() as session:
        return len(await asyncio.gather(*(ask(session) for _ in range(AT_ONCE))))


async def main() -> None:
    found: dict[str, list[float]] = {"ours": [], "raw": []}
    ways = list(zip(found, (ours, raw), strict=True))
    for number in range(-1, ROUNDS):
        for name, way in ways if number % 2 else reversed(ways):
            begun = time.perf_counter()
            if await way() != AT_ONCE:
                sys.exit(f"{name} has not all answers")
            if number >= 0:
                found[name].append(time.perf_counter() - begun)
    print(json.dumps(found))


asyncio.run(main())
