"""Management responses with wrong types in any field: an empty field, or one of our errors."""

import json

import pytest
import recorded_cluster
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from json_values import ANYTHING, DEEP, wrong

from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.launching.launch import Launch
from xinference_magics.cluster.launching.plan import LaunchRequest, plan
from xinference_magics.cluster.models import Event
from xinference_magics.errors import XinferenceError

MODEL = {
    "model_name": "tiny-chat",
    "model_type": "LLM",
    "model_ability": ["chat", "tools"],
    "model_engine": "llama.cpp",
    "model_format": "ggufv2",
    "model_size_in_billions": "0_1",
    "quantization": "f16",
    "context_length": 2048,
    "replica": 1,
    "address": "127.0.0.1:4000",
    "model_lang": ["en"],
}
SPEC = {
    "model_format": "ggufv2",
    "model_size_in_billions": 7,
    "quantizations": ["q4_k_m"],
    "multimodal_projectors": ["mmproj.gguf"],
}
PROGRESS = {
    "stage": "downloading",
    "progress": 0.5,
    "replicas": [
        {
            "replica_model_uid": "m-rep0",
            "stage": "downloading",
            "progress": 0.5,
            "download_files": [
                {
                    "name": "a.gguf",
                    "downloaded_bytes": 5,
                    "total_bytes": 9,
                    "speed_bytes_per_second": 2.5,
                }
            ],
        }
    ],
}
EVENT = {"event_ts": 1795342762, "event_type": "ERROR", "event_content": "It failed."}
CACHED = {"model_name": "tiny", "model_version": "tiny--1", "model_engine": ["vllm"], "path": "/x"}
REGISTERED = {
    "model_name": "tiny-chat",
    "is_builtin": False,
    "model_ability": ["chat"],
    "model_specs": [SPEC],
}
RIGHT = {
    "models": {"object": "list", "data": [{"id": "m", **MODEL}]},
    "model": MODEL,
    "status": recorded_cluster.status(),
    "info": recorded_cluster.INFO,
    "instances": recorded_cluster.instances(),
    "replicas": recorded_cluster.instances()[0]["replica_statuses"],
    "progress": PROGRESS,
    "events": [EVENT],
    "cached": {"list": [CACHED]},
    "files": {"paths": ["/x"]},
    "registered": [REGISTERED],
    "registration": REGISTERED,
    "families": {"chat": ["tiny-chat"]},
    "engines": {"llama.cpp": [SPEC], "vllm": "not installed"},
    "version": {"version": "4.1.0", "auth": False, "msg": "DONE", "text": "a\nb"},
    "operation": {"operation_id": "1", "status": "succeeded", "error": None, "restored": True},
}
REQUEST = LaunchRequest(model_name="tiny-chat", n_gpu=None)
CALLS = {
    "version": lambda cluster: cluster.version(),
    "requires_auth": lambda cluster: cluster.requires_auth(),
    "models": lambda cluster: cluster.models(),
    "describe": lambda cluster: cluster.describe("m"),
    "workers": lambda cluster: cluster.workers(),
    "replicas": lambda cluster: cluster.replicas("m"),
    "poll": lambda cluster: Launch(cluster, "m").poll(),
    "failure": lambda cluster: Launch(cluster, "m")._failure(""),
    "cancel": lambda cluster: Launch(cluster, "m").cancel(),
    "launch": lambda cluster: cluster.launch(REQUEST),
    "plan": lambda cluster: plan(cluster, REQUEST),
    "look": lambda cluster: cluster.machines.look(),
    "supervisor": lambda cluster: cluster.machines.supervisor(),
    "versions": lambda cluster: cluster.machines.versions(),
    "requests": lambda cluster: cluster.machines.requests(),
    "all replicas": lambda cluster: cluster.machines.replicas("m"),
    "events": lambda cluster: cluster.machines.events("m"),
    "log": lambda cluster: cluster.machines.log(),
    "cached": lambda cluster: cluster.cache.models(),
    "files": lambda cluster: cluster.cache.files("tiny"),
    "remove": lambda cluster: cluster.cache.remove("tiny"),
    "names": lambda cluster: cluster.registry.names(),
    "registrations": lambda cluster: cluster.registry.registrations(),
    "embeddings": lambda cluster: cluster.registry.registrations("embedding"),
    "registration": lambda cluster: cluster.registry.registration("tiny-chat", "LLM"),
    "search": lambda cluster: cluster.registry.search(["tiny"]),
    "engines": lambda cluster: cluster.registry.engines("tiny-chat"),
    "unregister": lambda cluster: cluster.registry.unregister("LLM", "tiny-chat"),
    "vllm": lambda cluster: cluster.registry.vllm_models(),
}
ANSWERS = st.sampled_from(list(RIGHT)).flatmap(lambda name: wrong(RIGHT[name])) | ANYTHING
RESHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def only_ours(call, cluster):
    try:
        call(cluster)
    except XinferenceError as error:
        assert len("".join(error._render_traceback_()).splitlines()) == 1


@given(name=st.sampled_from(list(CALLS)), content=ANSWERS)
@example(name="events", content=[{"event_ts": 1e300}])
@example(name="look", content={"workers": {"a": {"status": {"cpu": {"total": float("inf")}}}}})
@example(name="names", content=[1])
@example(name="models", content={"data": [{"id": "m"}, 5]})
@example(name="replicas", content=[5])
@example(name="version", content=DEEP)
@example(name="requests", content='requests_total_counter{method="POST",path="/v1/rerank"} 1.2.3e')
def test_wrong_answers(says, name, content):
    says.content = content
    cluster = Cluster(says.endpoint)
    only_ours(CALLS[name], cluster)
    cluster.close()


@pytest.mark.parametrize("name", CALLS)
def test_each_request_tolerates_an_answer_of_each_type(says, name):
    cluster = Cluster(says.endpoint)
    for content in (None, True, 0, "", "text", [], [1], [[]], [None], {}, {"data": 1}, {"a": None}):
        says.content = content
        only_ours(CALLS[name], cluster)
    cluster.close()


COMMANDS = st.sampled_from(
    [
        *("list", "status", "describe m", "workers", "replicas m", "logs m", "logs", "cached"),
        *("search tiny", "engine -n tiny-chat", "registrations", "launch -n tiny-chat --dry-run"),
        *("use m", "cancel m", "connect", "cached --files tiny", "registrations -t embedding"),
    ]
)


@RESHARED
@given(command=COMMANDS, content=ANSWERS)
def test_commands_show_wrong_answers_or_report_what_is_wrong(shell, says, command, content):
    says.content = content
    result = shell.run_cell(f"%xinference {command}")
    error = result.error_before_exec or result.error_in_exec
    assert error is None or isinstance(error, XinferenceError), command
    if result.result is not None:
        shown, _ = shell.display_formatter.format(result.result)
        json.dumps(shown).encode()


@given(ANYTHING)
def test_an_event_is_read_from_anything(value):
    Event.from_json({"event_ts": value, "event_type": value, "event_content": value})
