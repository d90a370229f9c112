"""How much of a model's context window one request gets, depending on the launch."""

import pytest

from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.cluster.models import RunningModel
from xinference_magics.cluster.request_context import guessed, launched_with


def running(engine, context_length=32_768):
    return RunningModel(uid="m", name="m", engine=engine, context_length=context_length)


@pytest.mark.parametrize(
    ("engine", "extra", "tokens"),
    [
        ("llama.cpp", {"n_parallel": 8}, 4096),
        ("llama.cpp", {"n_parallel": 2, "n_ctx": 4096}, 2048),
        ("llama.cpp", {"context_length": 4096, "n_parallel": 2}, 4096),  # n_ctx is 8,192 then
        ("llama.cpp", {"n_ctx": 4096}, None),  # the slots depend on the worker's CPUs
        ("llama.cpp", {"n_parallel": "many"}, None),
        ("llama.cpp", {"n_parallel": 0}, None),
        ("llama.cpp", {"max_model_len": 4096}, None),
        ("vLLM", {"max_model_len": 4096}, 4096),
        ("vLLM", {"context_length": 4096}, 4096),
        ("vLLM", {"max_model_len": -1}, None),
        ("vLLM", {}, None),
        ("SGLang", {"context_length": 4096}, 4096),
        ("Transformers", {"context_length": 4096}, 4096),
        ("TRT-LLM", {"max_seq_len": 4096}, 4096),
        (None, {"context_length": 4096}, 4096),
    ],
)
def test_the_launch_determines_it(engine, extra, tokens):
    found = launched_with(LaunchRequest(model_name="m", extra=extra), running(engine))
    assert (found and found.tokens) == tokens
    assert found is None or not found.guessed


def test_without_a_length_slots_divide_nothing():
    request = LaunchRequest(model_name="m", extra={"n_parallel": 8})
    assert launched_with(request, running("llama.cpp", None)) is None


@pytest.mark.parametrize(
    ("engine", "cpus", "says"),
    [
        ("llama.cpp", 2, "about 16,384 (2 CPUs, so n_parallel=2)"),
        ("llama.cpp", 64, "about 4,096 (64 CPUs, so n_parallel=8)"),
        ("llama.cpp", None, None),
        ("vLLM", 64, None),
        (None, 64, None),
    ],
)
def test_the_cpus_of_a_worker_give_a_guess(engine, cpus, says):
    found = guessed(running(engine), cpus)
    assert (found is None) == (says is None)
    assert says is None or str(found) == says


def test_a_guess_uses_the_launch_options():
    own = LaunchRequest(model_name="m", extra={"n_ctx": 8192})
    assert guessed(running("llama.cpp"), 4, own).tokens == 2048
