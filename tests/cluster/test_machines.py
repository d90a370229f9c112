"""Workers, replicas and operations of the server, read from recorded answers."""

import threading
import time

import pytest
from recorded_cluster import (
    FIRST,
    FORBIDDEN,
    GPU,
    SECOND,
    UNAUTHORIZED,
    instance,
    play,
    replica,
    worker_status,
)

from xinference_magics.cluster import operations
from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.machines import Device, Worker
from xinference_magics.cluster.models import Event, Instance, ReplicaStatus
from xinference_magics.cluster.scaling import Scaling, to_end
from xinference_magics.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectError,
    LaunchError,
    ModelNotReadyError,
    PermissionDeniedError,
    ServerError,
)


@pytest.fixture
def machines(answers):
    play(answers)
    made = Cluster(answers.endpoint)
    yield made.machines
    made.close()


def test_a_report_becomes_a_worker():
    worker = Worker.from_json(FIRST, worker_status(heard=3.0, **{"gpu-0": GPU}), time.time())
    assert (worker.address, worker.cpus, worker.cpu_load) == (FIRST, 2, 0.25)
    assert (worker.memory_used, worker.memory_total) == (8460984320, 25276510208)
    assert worker.devices == (Device("NVIDIA L4", 3_000_000_000, 24_152_899_584, 0.37),)
    assert worker.heard == pytest.approx(3.0, abs=5.0)
    assert worker.checks_left == 5
    assert not worker.late
    assert Worker.from_json(FIRST, worker_status(heard=11.0, left=4), time.time()).late


@pytest.mark.parametrize("odd", [{}, {"status": None}, {"status": {"cpu": 7, "gpu-0": None}}])
def test_a_report_of_another_shape_does_no_harm(odd):
    assert Worker.from_json(FIRST, odd, time.time()) == Worker(FIRST)
    assert not Worker(FIRST).late


def test_an_instance_and_an_event_of_another_shape_do_no_harm():
    assert Instance.from_json({}) == Instance("", "", "")
    assert Instance.from_json({"model_uid": "m", "replica_statuses": [3]}).replicas == ()
    assert Event.from_json({"event_content": 3}) == Event(None, "", "3")
    assert ReplicaStatus.from_json({"gpu_idx": [0, 1]}).gpus == ("0", "1")


def test_workers_list_their_replicas(machines, answers):
    seen = machines.look()
    assert [worker.address for worker in seen.workers] == [FIRST, SECOND]
    assert [worker.replicas for worker in seen.workers] == [("m-rep0",), ("m-rep1",)]
    assert seen.uptime == 923
    assert all(0 <= worker.heard < 60 for worker in seen.workers)
    assert answers.paths == ["/status", "/v1/models/instances"]
    assert machines.versions() == {FIRST: "4.1.0", SECOND: "4.0.0"}
    assert machines.supervisor() == "127.0.0.1:19931"


def test_what_credentials_do_not_allow_is_none(machines, answers):
    answers["/v1/models/instances"] = [FORBIDDEN]
    seen = machines.look()
    assert seen.instances is None
    assert [worker.replicas for worker in seen.workers] == [None, None]
    answers["/v1/models/instances"] = [UNAUTHORIZED]
    with pytest.raises(AuthenticationError):
        machines.look()


def test_only_requests_to_models_are_counted(machines, answers):
    assert machines.requests() == 42
    answers["/metrics"] = [(404, {"detail": "Not Found"})]
    assert machines.requests() is None


def test_which_replicas_are_ended_first():
    ready = [
        ReplicaStatus.from_json(replica(number, worker))
        for number, worker in enumerate((FIRST, SECOND, SECOND))
    ]
    assert [each.id for each in to_end(ready, 2)] == [2, 1]
    assert to_end(ready, -1) == []


def scale(machines, count, worker=None):
    said, seen = [], []
    found = Scaling(machines, "m", count, worker).run(said.append, seen.append)
    return found, said, seen


def test_replicas_are_added_and_leftovers_removed(machines, answers):
    lost = replica(1, SECOND, "TERMINATED")
    answers["GET /v1/models/m/replicas"] = [
        (200, [replica(0, FIRST), lost]),
        (200, [replica(0, FIRST), replica(1, SECOND, "CREATING")]),
        (200, [replica(0, FIRST), replica(1, SECOND)]),
    ]
    answers["DELETE /v1/models/m/replicas/1"] = [(200, {"remaining_replicas": 1})]
    answers["POST /v1/models/m/replicas"] = [(200, {"replica_id": 1})]
    found, said, seen = scale(machines, 2, SECOND)
    assert [each.ready for each in found] == [True, True]
    assert said == []
    assert seen
    (body,) = answers.bodies
    (placed,) = body["replica_config"]
    assert body["replica"] == 1
    assert placed["devices"] == [{"worker_ip": SECOND}]
    assert placed["replica_uid"].startswith("m-")


def test_a_server_that_is_too_busy_to_answer_is_tolerated(machines, answers):
    both = [replica(0, FIRST), replica(1, SECOND)]
    answers["GET /v1/models/m/replicas"] = [(200, both[:1]), (200, "busy"), (200, both)]
    answers["POST /v1/models/m/replicas"] = [(200, {"replica_id": 1})]
    assert len(scale(machines, 2)[0]) == 2


def test_replicas_are_ended_and_named(machines, answers):
    three = [replica(0, FIRST), replica(1, SECOND), replica(2, SECOND)]
    answers["GET /v1/models/m/replicas"] = [(200, three), (200, three), (200, three[:1])]
    answers["DELETE /v1/models/m/replicas/2"] = [(200, {"remaining_replicas": 2})]
    answers["DELETE /v1/models/m/replicas/1"] = [(200, {"remaining_replicas": 1})]
    found, said, _ = scale(machines, 1)
    assert len(found) == 1
    assert said == [f"Ending m-rep2 on {SECOND}.", f"Ending m-rep1 on {SECOND}."]


@pytest.mark.parametrize(
    ("status", "detail", "said"),
    [
        (
            400,
            "Model tiny cannot be run on engine vllm.",
            ["cannot be run on engine vllm.", "still running"],
        ),
        (503, "Failed to init server, please check", ["Failed to init server", "still running"]),
        (400, "Replica uid already exists for model m: m-1", ["already exists", "worker_ip=..."]),
        (500, "", ["the server gave no reason", "still running"]),
        (
            400,
            "Model not found, name: tiny, format: ggufv2, size: 0_1, quantization: f16",
            ["Model not found, name: tiny", "register the model again"],
        ),
    ],
)
def test_a_replica_that_cannot_be_added_fails_with_the_servers_reason(
    machines, answers, status, detail, said
):
    answers["GET /v1/models/m/replicas"] = [(200, [replica(0, FIRST)])]
    answers["POST /v1/models/m/replicas"] = [(status, {"detail": detail})]
    with pytest.raises(LaunchError, match="m could not be given 2 more replicas") as failure:
        scale(machines, 3)
    assert all(each in str(failure.value) for each in said)


def test_a_model_whose_replica_loads_is_left_alone(machines, answers):
    answers["/v1/models/m/replicas"] = [(200, [replica(0, FIRST, "CREATING")])]
    with pytest.raises(ModelNotReadyError, match="still loading"):
        scale(machines, 2)
    assert answers.paths == ["/v1/models/m/replicas"]


def test_a_count_that_is_not_reached_is_reported(machines, answers, monkeypatch):
    monkeypatch.setattr("xinference_magics.cluster.scaling._SETTLING", 0.0)
    answers["GET /v1/models/m/replicas"] = [(200, [replica(0, FIRST)])]
    answers["POST /v1/models/m/replicas"] = [(200, {"replica_id": 1})]
    with pytest.raises(LaunchError, match="1 ready replicas, not 2"):
        scale(machines, 2)


def test_a_relaunch_is_followed_through_silence(machines, answers):
    started = {"operation_id": "op", "status": "starting", "source_version": "4.1.0"}
    answers["POST /v1/api/relaunch"] = [(202, started)]
    answers["/v1/api-relaunches/op"] = [
        (200, started),
        (502, {"detail": ""}),
        (200, {**started, "status": "succeeded", "target_version": "4.2.0"}),
    ]
    stages = []
    done = operations.relaunch(machines, "api", {}, lambda seen: stages.append(seen.status))
    assert (done.status, done.target_version) == ("succeeded", "4.2.0")
    assert stages == ["starting", "starting", "starting"]


def test_a_relaunch_that_fails_says_why(machines, answers):
    failed = {"operation_id": "op", "status": "failed", "error": "no such interpreter"}
    answers["POST /v1/supervisor/relaunch"] = [(202, {"operation_id": "op", "status": "starting"})]
    answers["/v1/supervisor-relaunches/op"] = [(200, failed)]
    with pytest.raises(ServerError, match="supervisor was not relaunched: no such interpreter"):
        operations.relaunch(machines, "supervisor", {}, lambda _: None)


def test_refused_credentials_end_the_polling_at_once(machines, answers):
    answers["POST /v1/api/relaunch"] = [(202, {"operation_id": "op", "status": "starting"})]
    answers["/v1/api-relaunches/op"] = [UNAUTHORIZED]
    with pytest.raises(AuthenticationError):
        operations.relaunch(machines, "api", {}, lambda _: None)
    assert answers.paths.count("/v1/api-relaunches/op") == 1


def reload(machines):
    body = {"model_config": {"max_model_len": 1}, "drain_timeout": 300}
    return operations.reload(machines, "m", body, lambda _: None)


def test_a_reload_is_followed(machines, answers):
    answers["POST /v1/models/m/reload"] = [
        (202, {"operation_id": "op", "status": "reloading", "stage": "queued"})
    ]
    answers["GET /v1/models/m/reload"] = [
        (200, {"operation_id": "op", "status": "reloading", "stage": "loading"}),
        (200, {"operation_id": "op", "status": "ready", "stage": "ready"}),
    ]
    assert reload(machines).status == "ready"
    assert answers.bodies == [{"model_config": {"max_model_len": 1}, "drain_timeout": 300}]


def test_a_reload_that_fails_says_whether_the_model_keeps_running(machines, answers):
    answers["POST /v1/models/m/reload"] = [(202, {"operation_id": "op", "status": "reloading"})]
    answers["GET /v1/models/m/reload"] = [
        (200, {"operation_id": "op", "status": "error", "error": "OOM", "restored": True})
    ]
    with pytest.raises(ServerError, match="m was not reloaded: OOM") as failure:
        reload(machines)
    assert "It is running as before." in failure.value.hint


@pytest.mark.parametrize(
    ("detail", "hint"),
    [
        ("Reload with retained weights requires vLLM or SGLang", "terminate('m')"),
        ("Parameter reload currently requires one replica", "Reduce it to one replica first."),
        ("Launch this model with enable_weight_cache=true before reloading", "launch it with"),
    ],
)
def test_a_reload_that_is_refused_says_what_can_be_done(machines, answers, detail, hint):
    answers["POST /v1/models/m/reload"] = [(400, {"detail": detail})]
    with pytest.raises(BadRequestError) as failure:
        reload(machines)
    assert hint in failure.value.hint


def test_a_stop_that_cuts_off_its_own_answer_has_worked(closed_port):
    machines = Cluster(f"http://127.0.0.1:{closed_port}").machines
    machines.stop()  # nobody answers afterwards either


def test_a_supervisor_that_fails_over_its_workers_is_still_stopped(machines, answers):
    answers["DELETE /v1/clusters"] = [
        (500, {"detail": "dictionary changed size during iteration"}),
        (200, {"result": True}),
    ]
    machines.stop()
    assert answers.paths.count("/v1/clusters") == 2
    answers["DELETE /v1/clusters"] = [(403, {"detail": "Not enough permissions"})]
    with pytest.raises(PermissionDeniedError):
        machines.stop()


def test_a_stop_that_did_not_arrive_is_an_error(answers, monkeypatch):
    play(answers)
    machines = Cluster(answers.endpoint).machines
    monkeypatch.setattr(machines._api, "slowly", refuse)
    with pytest.raises(ConnectError):
        machines.stop()


def refuse(*_):
    raise ConnectError("cut")


def test_events_and_logs(machines, answers):
    answers["/v1/models/m/events"] = [
        (200, [{"event_type": "INFO", "event_ts": 1795363548, "event_content": "Launch model"}])
    ]
    (event,) = machines.events("m")
    assert (event.type, event.text) == ("INFO", "Launch model")
    assert event.time.timestamp() == 1795363548
    answers["/v1/cluster/runtime-logs"] = [(200, {"text": "one\ntwo\n", "cursor": "1:2:3"})]
    assert machines.log() == ["one", "two"]


def test_an_interrupt_leaves_the_request_to_the_server(machines, answers):
    answers["GET /v1/models/m/replicas"] = [(200, [replica(0, FIRST)])]
    answers["POST /v1/models/m/replicas"] = [(200, {})]

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Scaling(machines, "m", 2).run(lambda _: None, interrupt)
    for each in threading.enumerate():
        if each.name == "xinference-magics-scale":
            each.join(5)
    assert answers.bodies == [{"replica": 1}]


def test_an_instance_keeps_all_its_replicas():
    data = instance("m", [replica(0, FIRST), replica(1, SECOND, "TERMINATED")])
    read = Instance.from_json(data)
    assert [each.status for each in read.replicas] == ["READY", "TERMINATED"]
    assert read.created == data["instance_created_ts"]
