"""A real llama.cpp model whose slots have an eighth of the context that the server reports."""

import pytest

pytestmark = pytest.mark.long

FILLER = "filler = 'The quick brown fox jumps over the lazy dog and runs away. ' * 100"
LAUNCH = (
    "%xinference launch -n tiny-chat -f ggufv2 --disable-virtual-env --n_threads 1 "
    "--n_parallel 8 -u tiny-eight"
)


@pytest.fixture(scope="module")
def eight(cluster, tiny_registered, tiny_request):
    """The UID of a model with eight slots that no notebook of ours has launched."""
    uid = "tiny-of-others"
    cluster.launch(tiny_request(uid, "ggufv2", n_threads=1, n_parallel=8)).wait()
    yield uid
    cluster.terminate(uid)


def test_a_conversation_continues_if_the_server_refuses_it(kernel, eight):
    kernel.run(f"%xinference use {eight}\n{FILLER}")
    assert kernel.run("%chat --new --max-tokens 20 {{filler}} Hello").status == "ok"
    reply = kernel.run("%chat --max-tokens 20 {{filler}} Hello")
    assert reply.status == "ok", reply.error
    refused = f"{eight} refused the prompt as too long for its 4,096 tokens"
    assert f"{refused}; sent it again without the oldest turn." in reply.stdout
    for _ in range(3):  # the limit is known now, and so is the length of such words
        reply = kernel.run("%chat --max-tokens 20 {{filler}} Hello")
        assert reply.status == "ok", reply.error
        assert "turns: the context of" in reply.stdout or "oldest turn: the" in reply.stdout
    shown = kernel.run(f"%xinference describe {eight}").displays[0]["text/plain"]
    assert "4,096 (the server refused more)" in shown


def test_a_conversation_asked_from_code_continues_too(kernel, eight):
    kernel.run(f"%xinference use {eight}\n{FILLER}\ntalk = %conversation use talk")
    code = "[talk.ask(filler, max_tokens=20).status for _ in range(3)]"
    assert kernel.value(code) == "['done', 'done', 'done']"
    code = "[(await talk.aask(filler, max_tokens=20)).status for _ in range(2)]"
    assert kernel.value(code) == "['done', 'done']"


def test_a_launch_of_ours_is_known_before_anything_is_refused(kernel, cluster, tiny_registered):
    reply = kernel.run(LAUNCH, timeout=300)
    assert reply.status == "ok", reply.error
    try:
        kernel.run(FILLER)
        assert kernel.value("llm.profile['max_input_tokens'], llm.max_tokens") == "(4096, 2048)"
        shown = kernel.run("%xinference describe tiny-eight").displays[0]["text/plain"]
        assert "4,096 (launched with n_parallel=8)" in shown
        kernel.run("%chat --new --max-tokens 20 {{filler}} Hello")
        for _ in range(3):
            reply = kernel.run("%chat --max-tokens 20 {{filler}} Hello")
            assert reply.status == "ok", reply.error
            assert "the context of tiny-eight is full." in reply.stdout
    finally:
        cluster.terminate("tiny-eight")


def test_a_guess_is_only_shown(kernel, tiny_chat):
    kernel.run(f"%xinference use {tiny_chat.gguf}")
    shown = kernel.run(f"%xinference describe {tiny_chat.gguf}").displays[0]["text/plain"]
    assert "per request" in shown
    assert "about " in shown
    assert int(kernel.value("llm.profile['max_input_tokens']")) == 32_768
