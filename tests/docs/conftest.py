"""What the examples of the documentation run on."""

from dataclasses import replace

import pytest

from xinference_magics.cluster.launch import LaunchRequest


@pytest.fixture(scope="package")
def text_model(cluster, tiny_registered):
    """A model that only continues texts."""
    request = LaunchRequest(
        model_name="tiny-text",
        model_uid="documented-text",
        model_format="ggufv2",
        enable_virtual_env=False,
        extra={"n_threads": 1},
    )
    yield cluster.launch(request).wait().uid
    cluster.terminate("documented-text")


@pytest.fixture(scope="package")
def vision_model(cluster, sight_registered):
    """A model that sees."""
    uid = cluster.launch(replace(sight_registered, model_uid="documented-sight")).wait().uid
    yield uid
    cluster.terminate(uid)


@pytest.fixture(scope="package")
def run_example(tiny_chat, tiny_encoders, text_model, vision_model):
    """Run an example on the test server instead of the one it names; return its variables."""
    names = {
        "http://127.0.0.1:9997": tiny_chat.endpoint,
        "my-chat-model": tiny_chat.gguf,
        "my-text-model": text_model,
        "my-vision-model": vision_model,
        "my-embedding-model": tiny_encoders["embedding"],
        "my-rerank-model": tiny_encoders["rerank"],
    }

    def run(code, title):
        for written, meant in names.items():
            code = code.replace(written, meant)
        variables = {"__name__": "example"}
        exec(compile(code, title, "exec", dont_inherit=True), variables)  # noqa: S102  # our own
        return variables

    return run
