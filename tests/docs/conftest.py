"""What the examples of the documentation run on."""

import pytest


@pytest.fixture
def run_example(tiny_chat, tiny_encoders):
    """Run an example on the test server instead of the one it names; return its variables."""
    names = {
        "http://127.0.0.1:9997": tiny_chat.endpoint,
        "my-chat-model": tiny_chat.gguf,
        "my-embedding-model": tiny_encoders["embedding"],
        "my-rerank-model": tiny_encoders["rerank"],
    }

    def run(code, title, others=()):
        for written, meant in {**names, **dict(others)}.items():
            code = code.replace(written, meant)
        variables = {"__name__": "example"}
        exec(compile(code, title, "exec", dont_inherit=True), variables)  # noqa: S102  # our own
        return variables

    return run
