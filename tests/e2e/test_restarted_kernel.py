"""A kernel that is restarted in the middle of something: its work can be continued."""

import pytest
from kernel_driver import PATIENCE, Kernel

pytestmark = pytest.mark.long

OPTIONS = "-f ggufv2 --n_threads 1 --disable-virtual-env"
LAUNCH = f"uid = %xinference launch -n tiny-chat -u twice-begun {OPTIONS}"
COUNT = "%%chat -t 0\nCount from 1 to 300."


@pytest.fixture
def restarted(kernel_env):
    """Run cells, and restart the kernel once `when` holds for the reply of the last one."""
    kernel = Kernel.loaded(kernel_env)

    def restart(*cells, when):
        for code in cells[:-1]:
            assert kernel.run(code).status == "ok", code
        kernel.collect(kernel.send(cells[-1]), until=when)
        kernel.manager.restart_kernel(now=True)
        kernel.client.wait_for_ready(timeout=PATIENCE)
        assert kernel.run("%load_ext xinference_magics").status == "ok"
        return kernel

    yield restart
    kernel.close()


@pytest.mark.parametrize("asked", ["", "Launching twice-begun"], ids=["sent", "loading"])
def test_while_it_launches(restarted, cluster, tiny_registered, asked):
    """If the launch has reached the server, it continues there; the same line joins it."""
    kernel = restarted(LAUNCH, when=lambda reply: asked in reply.stdout + str(reply.displays))
    reply = kernel.run(LAUNCH)
    assert reply.status == "ok", reply
    assert kernel.value("uid, llm.model_uid") == "('twice-begun', 'twice-begun')"
    assert "Hello" in kernel.run("%%chat -t 0\nHello!").settled["text/plain"]
    assert [each.uid for each in cluster.models()].count("twice-begun") == 1
    kernel.run("%xinference terminate twice-begun")


@pytest.mark.parametrize(
    ("engine", "until"),
    [("gguf", ""), ("gguf", "1 2 3"), ("pt", "1 2 3")],
    ids=["sent", "llama.cpp", "transformers"],
)
def test_while_an_answer_streams(restarted, slow_endpoint, tiny_chat, engine, until):
    use = f"%xinference connect {slow_endpoint}\n%xinference use {getattr(tiny_chat, engine)}"
    kernel = restarted(use, COUNT, when=lambda reply: until in reply.streamed())
    lost = kernel.run("%%chat\nHello!")
    assert "%xinference use" in lost.failure  # which of the two is no longer known
    assert kernel.run(use).status == "ok"
    answer = kernel.run("%%chat -t 0\nHello!").settled["text/plain"]
    assert "Hello" in answer
    assert "299" not in answer
    assert (
        kernel.value(
            "len(get_ipython().find_line_magic('chat').__self__.session"
            ".conversations.current.turns)"
        )
        == "1"
    )


def test_while_an_answer_streams_in_the_background(restarted, slow_endpoint, tiny_chat):
    use = f"%xinference connect {slow_endpoint}\n%xinference use {tiny_chat.pt}"
    begun = COUNT.replace("%%chat", "%%chat --bg")
    kernel = restarted(use, begun, when=lambda reply: bool(reply.frames))
    assert kernel.run(use).status == "ok"
    assert "Hello" in kernel.run("%%chat -t 0\nHello!").settled["text/plain"]
