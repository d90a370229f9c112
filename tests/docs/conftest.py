"""What the examples of the documentation run on."""

import ast
import asyncio

import pytest


@pytest.fixture
def run_example(tiny_chat, tiny_encoders):
    """Run an example on the test server instead of the one it names; return its variables.

    As in a notebook, it may use top-level `await`, and continue with the variables of another one.
    """
    names = {
        "http://127.0.0.1:9997": tiny_chat.endpoint,
        "my-chat-model": tiny_chat.gguf,
        "my-embedding-model": tiny_encoders["embedding"],
        "my-rerank-model": tiny_encoders["rerank"],
    }

    def run(code, title, others=(), variables=()):
        for written, meant in {**names, **dict(others)}.items():
            code = code.replace(written, meant)
        variables = {"__name__": "example", **dict(variables)}
        code = compile(code, title, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        awaited = eval(code, variables)  # noqa: S307  # our own
        if awaited is not None:
            asyncio.run(awaited)
        return variables

    return run
