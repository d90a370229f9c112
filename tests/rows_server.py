"""A server that answers the prompts of rows with what a test says, and counts what it was asked.

with RowsServer(lambda prompt, times: prompt.upper()) as server:
    ...
server.asked    the last message of each request, in order
"""

import asyncio
import json
import threading
from collections import Counter

DESCRIPTION = {
    "model_name": "tiny-chat",
    "model_type": "LLM",
    "model_ability": ["chat"],
    "model_engine": "llama.cpp",
    "model_format": "ggufv2",
    "model_size_in_billions": "0_002",
    "quantization": "f16",
    "replica": 1,
}


def answered(text, finish="stop"):
    """Return a whole answer."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


class RowsServer:
    """Answers on a thread of its own.

    Args:
        answer: Called with a prompt and how often it was asked before; returns a text, a body, or
            a status, a body and headers.
        delay: Seconds before each answer.
        description: The description of every model; None for none.
        slots: How many requests are answered at once; more get a 429. None for any number.
    """

    def __init__(self, answer=str, *, delay=0.0, description=DESCRIPTION, slots=None):
        self.answer, self.delay, self.description, self.slots = answer, delay, description, slots
        self.asked = []
        self.bodies = []
        self.most_at_once = 0
        self._now = 0
        self._times = Counter()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()

    def __enter__(self):
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _serve(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())
        self._loop.close()

    async def _main(self):
        self._stop = asyncio.Event()
        self._writers = set()
        server = await asyncio.start_server(self._client, "127.0.0.1", 0, backlog=512)
        self.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for _ in range(5):  # aborted connections are closed by the loop
            await asyncio.sleep(0)

    async def _client(self, reader, writer):
        self._writers.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                named = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                body = await reader.readexactly(int(named.get("content-length", 0)))
                method, path, _ = lines[0].split(" ")
                status, content, headers = await self._response(method, path, body)
                data = json.dumps(content).encode()
                told = {"Content-Type": "application/json", "Content-Length": len(data), **headers}
                text = "".join(f"{name}: {value}\r\n" for name, value in told.items())
                writer.write(f"HTTP/1.1 {status} X\r\n{text}\r\n".encode() + data)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _response(self, method, path, body):
        if method == "GET":
            found = self.description is not None and "/events" not in path
            return (200, self.description, {}) if found else (404, {"detail": "Not Found"}, {})
        if path.endswith("/abort"):
            return 200, {"msg": "DONE"}, {}
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            if self.slots is not None and self._now > self.slots:
                return 429, {"detail": "Rate limit reached"}, {}
            if self.delay:
                await asyncio.sleep(self.delay)
            return self._said(json.loads(body))
        finally:
            self._now -= 1

    def _said(self, body):
        self.bodies.append(body)
        prompt = body["messages"][-1]["content"] if "messages" in body else body["input"]
        name = prompt if isinstance(prompt, str) else json.dumps(prompt)
        self.asked.append(name)
        times = self._times[name]
        self._times[name] += 1
        said = self.answer(prompt) if self.answer is str else self.answer(prompt, times)
        if isinstance(said, tuple):
            status, content, *headers = said
            return status, content, headers[0] if headers else {}
        return 200, answered(said) if isinstance(said, str) else said, {}
