"""Chat cells in a real kernel, on older servers."""

from xinference_magics.chat.turn import RECORD_MIME, Turn

CAPITAL = "Where can we visit in the capital of France?"
TURNS = "get_ipython().find_line_magic('chat').__self__.session.conversations.current.turns"


def test_status(kernel, server, version):
    """`%xinference connect`, `status`."""
    assert kernel.run(f"%xinference connect {server.endpoint}").status == "ok"
    assert f"Xinference {version}" in kernel.value("%xinference status")


def test_cells(kernel, uid):
    """`%%chat`: streams, settles, remembers."""
    reply = kernel.run(f"%%chat -m {uid} -t 0 --new\n{CAPITAL}")
    assert reply.status == "ok", reply
    (bundle,) = reply.displays
    assert len([frame for frame in reply.frames if frame]) > 1
    turn = Turn.from_record(bundle[RECORD_MIME])
    assert "Eiffel Tower" in bundle["text/html"]
    assert turn.finish_reason == "stop"
    assert turn.usage["output_tokens"] > 5
    kernel.run(f"%%chat -m {uid} -t 0 --new\nMy name is Alice.")
    reply = kernel.run(f"%%chat -m {uid} -t 0\nWhat is my name?")
    assert "Your name is Alice." in reply.displays[0]["text/plain"]


def test_interrupts(kernel, running):
    """Stop: an interrupt ends the cell, the text is kept (transformers)."""
    uid = running("tiny-chat", "transformers")
    kernel.run(f"%xinference use {uid}")
    sent = kernel.send("%%chat -t 0 --new\nCount from 1 to 300.")
    kernel.collect(sent, until=lambda reply: "1 2" in str(reply.frames))
    kernel.manager.interrupt_kernel()
    reply = kernel.collect(sent)
    assert reply.error.startswith("KeyboardInterrupt")
    assert "Traceback" not in reply.stdout
    assert kernel.value(f"{TURNS}[-1].status") == "'interrupted'"
    assert "1 2" in kernel.value(f"{TURNS}[-1].text")


def test_tools_in_cells(kernel, uid, flawed):
    """`%%chat --tools`."""
    kernel.run(
        "def get_weather(city: str) -> str:\n"
        '    """The weather in a city."""\n'
        '    return "22 degrees and sunny"'
    )
    reply = kernel.run(
        f"%%chat -m {uid} -t 0 --new --tools get_weather\nWhat is the weather in Paris?"
    )
    with flawed("2.0", "llama.cpp", "the server answers 500 where llama.cpp is offered tools"):
        assert reply.status == "ok", reply
        assert "It is 22 degrees and sunny in Paris." in reply.displays[-1]["text/plain"]


def test_thinking_in_cells(kernel, running, engine):
    """`%%chat --think`, `--no-think`."""
    uid = running("tiny-think", engine)
    ask = f"%chat -m {uid} -t 0 --new"
    assert kernel.run(f"turn = {ask} --think What is 12 * 12?").status == "ok"
    assert kernel.value("len(turn.reasoning) > 10, '<think>' in turn.text") == "(True, False)"
    assert kernel.run(f"turn = {ask} --no-think What is 12 * 12?").status == "ok"
    assert kernel.value("turn.reasoning") == "''"


def test_comparing(kernel, running):
    """`%%chat --compare`."""
    uids = [running("tiny-chat", engine) for engine in ("llama.cpp", "transformers")]
    reply = kernel.run(f"%%chat -t 0 --new --compare {','.join(uids)}\n{CAPITAL}")
    assert reply.status == "ok", reply
    assert reply.displays[-1]["text/plain"].count("Eiffel Tower") == 2


def test_text_in_cells(kernel, running):
    """`%%generate`."""
    uid = running("tiny-text", "llama.cpp")
    reply = kernel.run(f"%%generate -m {uid} -t 0 --max-tokens 60\n{CAPITAL}")
    assert reply.status == "ok", reply
    assert "Eiffel Tower" in reply.displays[-1]["text/plain"]
