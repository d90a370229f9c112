"""What an engine ignores, or what is omitted from a value, is one line in a real kernel."""


def test_one_line_without_a_source(kernel, tiny_chat):
    for _ in range(2):
        reply = kernel.run(f"%%chat -m {tiny_chat.pt} -t 0 -p seed=1\nHello")
        assert reply.status == "ok", reply.error
        assert reply.stdout == "Note: The transformers engine ignores seed.\n"
        assert len(reply.displays) == 1
    assert kernel.run(f"%%chat -m {tiny_chat.gguf} -t 0 -p seed=1\nHello").stdout == ""


def test_what_is_omitted_from_a_value_is_one_line(chatting, tiny_text):
    chatting.run(
        "import pandas as pd, numpy as np\n"
        "df = pd.DataFrame(np.zeros((60, 40)))\nfor _ in range(3_000): print('line')"
    )
    note = "Note: df: first 30 of 60 rows and first 30 of 40 columns sent.\n"
    assert chatting.run("%%chat --once\n{{df}} Hello").stdout == note
    assert chatting.run("%%chat --once --bg\n{{df}} Hello").stdout == note
    assert chatting.run("%%chat --show-prompt\n{{df}} Hello").stdout.startswith(note)
    assert chatting.run("%chat --once {{df[:9].T[:9]}} Hello").stdout == ""
    continued = chatting.run(f"%%generate -m {tiny_text} --max-tokens 4\n{{{{df}}}} Hello")
    assert continued.stdout == note
    cells = chatting.run("%chat --show-prompt --context 6 Hello").stdout
    assert "first 4,000 of 14,999 characters sent.\n" in cells
    assert "[first 4,000 of 14,999 characters]" in cells
