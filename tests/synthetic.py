"""A fake model that streams a given text into the cell that runs it."""

import asyncio

from IPython import get_ipython
from langchain_core.messages import AIMessageChunk

from xinference_magics.chat import runner
from xinference_magics.chat.live import LiveTurn
from xinference_magics.chat.turn import Turn
from xinference_magics.display.views import choose_view

PROSE = (
    "The capital of France is **Paris**. You might visit the Louvre, walk along the Seine and "
    "climb the hill of Montmartre; each of them is worth a morning.\n\n"
)


def chunks(text, size=6):
    return [text[at : at + size] for at in range(0, len(text), size)]


def play(text, *, reasoning="", rate=100.0, wait=0.0, title="qwen2.5-instruct", **fields):
    """Show a turn that streams `rate` chunks per second after `wait` seconds, and return it."""
    live, view = LiveTurn(title), choose_view(get_ipython())
    pieces = [("reasoning", each) for each in chunks(reasoning)]
    pieces += [("text", each) for each in chunks(text)]

    async def stream():
        await asyncio.sleep(wait)
        clock = asyncio.get_running_loop().time
        begun = clock()
        for number, (kind, piece) in enumerate(pieces):
            await asyncio.sleep(max(0.0, begun + number / rate - clock()))
            yield _chunk(kind, piece)
        usage = {"input_tokens": 9, "output_tokens": len(pieces), "total_tokens": len(pieces) + 9}
        yield AIMessageChunk("", usage_metadata=usage, response_metadata=fields)

    [outcome] = runner.run([(stream, live)], view)
    turn = Turn(
        "a prompt",
        live.message(),
        title,
        seconds=outcome.seconds,
        first_token_seconds=live.first_token_seconds,
        status=outcome.status,
        error=str(outcome.error or ""),
    )
    view.close(turn)
    return turn


def _chunk(kind, piece):
    if kind == "text":
        return AIMessageChunk(piece)
    return AIMessageChunk("", additional_kwargs={"reasoning_content": piece})
