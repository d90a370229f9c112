"""Launches on a real server, and every way in which they fail."""

import json
import time

import pytest

from xinference_magics.cluster.launch import Launch, LaunchRequest
from xinference_magics.errors import (
    BadRequestError,
    LaunchError,
    ModelNotFoundError,
    ModelNotReadyError,
)

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


def test_success_is_every_replica_ready(cluster):
    launch = cluster.launch(request(model_uid="two ö/replicas".replace("/", " & "), replica=2))

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch.wait(interrupt)

    with pytest.raises(ModelNotReadyError):
        cluster.describe(launch.uid)
    with pytest.raises(ModelNotReadyError, match="%xinference cancel"):
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
    time.sleep(0.5)
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


def test_what_is_not_offered_is_refused_at_once(cluster):
    with pytest.raises(BadRequestError, match=r"no quantization q4_0 .*Possible: f16"):
        cluster.launch(request(quantization="q4_0"))
    with pytest.raises(BadRequestError, match=r"no format awq"):
        cluster.launch(request(model_format="awq"))


def test_what_is_not_offered_fails_with_what_is(cluster):
    error = failure(cluster, request(model_engine="llama.cpp", quantization="q4_0"))
    assert "quantization: q4_0" in error.message
    assert "Possible: f16" in error.hint


def test_an_engine_that_cannot_run_it_fails(cluster):
    error = failure(cluster, request(model_engine="vllm"))
    assert "cannot be run on engine vllm" in error.message
    assert "--model-engine" in error.hint


def test_a_path_that_is_not_there_fails(cluster):
    error = failure(cluster, request(model_path="/no/such/model.gguf"))
    assert "File or directory does not exist" in error.message


def test_a_uid_in_use_is_refused(cluster, tiny_chat):
    with pytest.raises(BadRequestError, match="already in the model list") as caught:
        cluster.launch(request(model_uid=tiny_chat.gguf))
    assert f"%xinference use {tiny_chat.gguf}" in caught.value.hint


def test_a_damaged_file_fails_with_the_servers_reason(cluster, tmp_path):
    (tmp_path / "bad.gguf").write_bytes(b"GGUF and then nonsense" * 100)
    definition = {
        "version": 2,
        "model_name": "damaged",
        "context_length": 512,
        "model_lang": ["en"],
        "model_ability": ["chat"],
        "model_family": "qwen2.5-instruct",
        "model_specs": [
            {
                "model_format": "ggufv2",
                "model_size_in_billions": "0_1",
                "quantization": "f16",
                "model_file_name_template": "bad.gguf",
                "model_uri": str(tmp_path),
            }
        ],
        "chat_template": "x",
        "stop_token_ids": [],
        "stop": [],
    }
    cluster.registry.register("LLM", json.dumps(definition))
    error = failure(cluster, request(model_name="damaged", model_uid="damaged"))
    assert "Failed to init server" in error.message
    assert "may be damaged" in error.hint
    with pytest.raises(ModelNotFoundError):
        cluster.describe("damaged")
