"""What an engine ignores is one line below the answer, in a real kernel."""


def test_one_line_without_a_source(kernel, tiny_chat):
    for _ in range(2):
        reply = kernel.run(f"%%chat -m {tiny_chat.pt} -t 0 -p seed=1\nHello")
        assert reply.status == "ok", reply.error
        assert reply.stdout == "Note: The transformers engine ignores seed.\n"
        assert len(reply.displays) == 1
    assert kernel.run(f"%%chat -m {tiny_chat.gguf} -t 0 -p seed=1\nHello").stdout == ""
