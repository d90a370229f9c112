"""A prompt without braces reaches a real server as it was typed; a proxy records the requests."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from recording_proxy import RecordingProxy
from typed_prompts import PROMPTS


@pytest.fixture
def sent(kernel, server, tiny_chat):
    """Run a chat cell in a kernel; return the prompt that the real server received."""
    with RecordingProxy(server.endpoint) as recorded:
        kernel.run(f"%xinference connect {recorded.endpoint}\n%xinference use {tiny_chat.gguf}")

        def run(prompt):
            before = len(recorded.bodies)
            reply = kernel.run(f"%%chat --once --max-tokens 1\n{prompt}")
            assert reply.status == "ok", reply.error
            [body] = recorded.bodies[before:]
            return body["messages"][-1]["content"]

        yield run


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25
)
@given(prompt=PROMPTS)
@example(
    prompt='{"a": {"b": [1, 2]}} {country} ${HOME} $x^2$ f"{x!r}" \\frac{1}{2} 100% #no ~ `c` \t?'
)
def test_a_prompt_arrives_as_it_was_typed(sent, prompt):
    # Frontends do not report whether the last line ends in a line break.
    assert sent(prompt) == prompt.removesuffix("\n")
