"""Launches on a real server, and every way in which they fail."""

import json
import shutil
from pathlib import Path

import pytest

from xinference_magics.cluster.launching.launch import Launch
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.errors import (
    BadRequestError,
    LaunchError,
    ModelNotFoundError,
    ModelNotReadyError,
)

TINY_PYTORCH = Path(__file__).resolve().parents[2] / "examples" / "tiny_chat" / "model"

pytestmark = pytest.mark.usefixtures("tiny_registered")


def request(**given):
    return LaunchRequest(
        **{
            "model_name": "tiny-chat",
            "model_format": "ggufv2",
            "enable_virtual_env": False,
            "extra": {"n_threads": 1},
            **given,
        }
    )


def failure(cluster, wanted):
    with pytest.raises(LaunchError) as caught:
        cluster.launch(wanted).wait(interval=0.1)
    return caught.value


def test_without_an_engine_one_is_chosen(cluster):
    assert cluster.registry.choose(request()).engine == "llama.cpp"
    assert (
        cluster.registry.choose(request(model_format=None, quantization="none")).engine
        == "Transformers"
    )


def test_success_means_that_every_replica_is_ready(cluster):
    launch = cluster.launch(request(model_uid="two ö/replicas".replace("/", " & "), replica=2))

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch.wait(interrupt)

    with pytest.raises(ModelNotReadyError):
        cluster.describe(launch.uid)
    with pytest.raises(ModelNotReadyError, match=r"cancel\(.* stops the launch"):
        cluster.terminate(launch.uid)

    seen = []
    taken_up = Launch(cluster, launch.uid)
    model = taken_up.wait(seen.append, interval=0.2)
    assert model.uid == launch.uid
    assert model.replica == 2
    assert seen[0].stage == "loading"
    assert not any(progress.done for progress in seen[:-1])
    assert [replica.status for replica in seen[-1].replicas] == ["READY", "READY"]
    assert cluster.describe(launch.uid) == model

    assert taken_up.cancel().state == "ready"
    cluster.terminate(launch.uid)
    assert taken_up.poll().failed_reason == "it was terminated or cancelled before it was ready"
    assert taken_up.cancel().state == "absent"


def test_a_launch_is_cancelled_only_while_it_loads(cluster):
    launch = cluster.launch(request(model_uid="cancelled"))
    assert launch.cancel().state == "cancelled"
    assert launch.cancel().state == "failed"
    with pytest.raises(LaunchError, match="cancelled did not start: cancelled"):
        launch.wait()


def test_an_unknown_model_is_refused_at_once(cluster):
    with pytest.raises(ModelNotFoundError, match="Did you mean tiny-chat"):
        cluster.launch(request(model_name="tiny-cat"))


def test_an_unknown_model_with_an_engine_fails_with_near_names(cluster):
    error = failure(cluster, request(model_name="tiny-cat", model_engine="llama.cpp"))
    assert "Model not found, name: tiny-cat" in error.message
    assert "Did you mean tiny-chat" in error.hint


def test_unavailable_options_are_refused_at_once(cluster):
    with pytest.raises(BadRequestError, match=r"quantization q4_0 is not offered .*Available: f16"):
        cluster.launch(request(quantization="q4_0"))
    with pytest.raises(BadRequestError, match=r"model_format awq is not offered"):
        cluster.launch(request(model_format="awq"))


def test_unavailable_options_fail_with_the_available_ones(cluster):
    error = failure(cluster, request(model_engine="llama.cpp", quantization="q4_0"))
    assert "quantization: q4_0" in error.message
    assert "Available: f16" in error.hint


def test_an_engine_that_cannot_run_it_fails(cluster):
    error = failure(cluster, request(model_engine="vllm"))
    assert "cannot be run on engine vllm" in error.message
    assert "model_engine" in error.hint


def test_a_missing_path_fails(cluster):
    error = failure(cluster, request(model_path="/no/such/model.gguf"))
    assert "File or directory does not exist" in error.message


def test_a_uid_in_use_is_refused(cluster, tiny_chat):
    with pytest.raises(BadRequestError, match="already in the model list") as caught:
        cluster.launch(request(model_uid=tiny_chat.gguf))
    assert f"model_uid={tiny_chat.gguf!r}" in caught.value.hint


def register_file(cluster, name, model_format, path):
    """Register a model whose file is `path`."""
    spec = {
        "model_format": model_format,
        "model_size_in_billions": "0_1",
        "quantization": "none",
        "model_uri": str(path.parent),
    }
    if model_format == "ggufv2":
        spec["model_file_name_template"] = path.name
    definition = {
        "version": 2,
        "model_name": name,
        "context_length": 512,
        "model_lang": ["en"],
        "model_ability": ["chat"],
        "model_family": "qwen2.5-instruct",
        "model_specs": [spec],
        "chat_template": "x",
        "stop_token_ids": [],
        "stop": [],
    }
    cluster.registry.register("LLM", json.dumps(definition))


def test_damaged_files_fail_with_the_servers_reason(cluster, tmp_path):
    """Launches both at once, since each takes as long as importing its engine."""
    gguf = tmp_path / "gguf" / "bad.gguf"
    gguf.parent.mkdir()
    gguf.write_bytes(b"GGUF and then nonsense" * 100)
    weights = tmp_path / "pytorch" / "model.safetensors"
    shutil.copytree(TINY_PYTORCH, weights.parent)
    weights.write_bytes(weights.read_bytes()[:1000])
    register_file(cluster, "damaged-gguf", "ggufv2", gguf)
    register_file(cluster, "damaged-pt", "pytorch", weights)
    wanted = [
        request(model_name="damaged-gguf"),
        request(model_name="damaged-pt", model_format="pytorch", extra={}),
    ]
    launches = [cluster.launch(each) for each in wanted]
    said = []
    for launch in launches:
        with pytest.raises(LaunchError) as caught:
            launch.wait(interval=0.1)
        said.append(caught.value)
        assert cluster.try_describe(launch.uid) is None
    for name in ("damaged-gguf", "damaged-pt"):
        cluster.registry.unregister("LLM", name)
    assert "Failed to init server" in said[0].message
    assert "may be damaged" in said[0].hint
    assert "deserializing header" in said[1].message
    assert "may be damaged" in said[1].hint


def test_nonexistent_packages_fail_with_a_hint(cluster):
    wanted = request(enable_virtual_env=True, virtual_env_packages=["no-such-package-of-ours==1"])
    error = failure(cluster, wanted)
    assert "no-such-package-of-ours" in error.message
    assert "could not be installed" in error.hint


def test_missing_gpus_fail_with_the_option_to_use(cluster):
    assert "gpu_idx" in failure(cluster, request(gpu_idx=[7])).hint
    assert 'n_gpu="auto"' in failure(cluster, request(n_gpu=3)).hint
