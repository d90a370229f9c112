"""What other server versions lack or answer differently, as recorded from them."""

import pytest

from xinference_magics.auth.setup import needs_setup, wants_setup_token
from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.launching import launch as launches
from xinference_magics.cluster.launching.launch import Launch
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.cluster.operations import relaunch
from xinference_magics.cluster.operations import reload as reload_model
from xinference_magics.cluster.scaling import Scaling
from xinference_magics.errors import LaunchError, NotOfferedError, ServerError

READY = {"replica_id": 0, "replica_model_uid": "u-rep0", "status": "READY"}


@pytest.fixture
def cluster(answers):
    answers["/v1/cluster/version"] = [(200, {"version": "1.17.1"})]
    made = Cluster(answers.endpoint)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("ask", "lacks"),
    [
        (lambda machines: machines.log(), "no log that can be read from here: that needs .* 4.0"),
        (lambda machines: relaunch(machines, "api", {}, print), "no way to be relaunched.* 4.1"),
        (lambda machines: reload_model(machines, "u", {}, print), "no way to reload a model.* 4.0"),
        (lambda machines: machines.end_replica("u", 0), "number of replicas.* 3.2 or newer"),
    ],
)
def test_a_server_that_is_too_old_is_reported_with_both_versions(cluster, ask, lacks):
    with pytest.raises(NotOfferedError, match=lacks) as refused:
        ask(cluster.machines)
    assert str(refused.value).endswith("or newer. It is Xinference 1.17.1.")


def test_a_server_that_cannot_add_replicas(cluster, answers):
    answers["GET /v1/models/u/replicas"] = [(200, [READY])]
    answers["POST /v1/models/u/replicas"] = [(405, {"detail": "Method Not Allowed"})]
    with pytest.raises(NotOfferedError, match=r"needs Xinference 3\.2 or newer"):
        Scaling(cluster.machines, "u", 2).run(print, lambda _: None)


def test_without_access_to_the_version_the_rest_is_reported(cluster, answers):
    answers["/v1/cluster/version"] = [(403, {"detail": "API keys can only access models"})]
    with pytest.raises(NotOfferedError, match=r"4\.0 or newer. It is Xinference of an unknown"):
        cluster.machines.log()


def test_a_path_that_no_version_has_is_not_an_old_server(cluster):
    with pytest.raises(ServerError, match="is an Xinference server running there") as refused:
        cluster.machines.supervisor()
    assert type(refused.value) is ServerError


def test_accounts_in_a_file_need_no_setup(answers):
    assert not needs_setup(answers.endpoint)


@pytest.mark.parametrize(
    ("status", "detail", "wants"),
    [(400, "username and password required", False), (403, "Invalid setup token", True)],
)
def test_servers_before_4_1_print_no_setup_token(answers, status, detail, wants):
    answers["POST /v1/admin/setup"] = [(status, {"detail": detail})]
    assert wants_setup_token(answers.endpoint) is wants


def test_a_launch_that_was_cancelled_on_1_17_does_not_load_forever(answers, cluster, monkeypatch):
    monkeypatch.setattr(launches, "_GRACE_SECONDS", 0.2)
    listed = [{"model_uid": "u", "replica_statuses": [{**READY, "status": "CREATING"}]}]
    answers["/v1/models/instances"] = [(200, listed)]
    answers["/v1/models/u/progress"] = [(200, {"progress": 0.0})]
    answers["/v1/models/u"] = [
        (400, {"detail": f"Model not found in the model list, uid: {each}"})
        for each in ("u-0", "u")
    ]
    assert cluster.knows("u")
    with pytest.raises(LaunchError, match="the server has lost it"):
        Launch(cluster, "u").wait(interval=0.05)


def test_a_launch_without_stages_loads_and_is_cancelled(answers, cluster, monkeypatch):
    monkeypatch.setattr(launches, "_UNWINDING", 0.2)
    replica = {**READY, "status": "CREATING"}
    failed = {**READY, "status": "ERROR", "error_message": None}
    answers["/v1/models/u/progress"] = [(200, {"progress": 0.5})]
    answers["/v1/models/u"] = [(503, {"detail": "Model is loading"})]
    answers["/v1/models/instances"] = [
        (200, [{"model_uid": "u", "replica_statuses": [each]}]) for each in (replica, failed)
    ]
    seen = []
    with pytest.raises(LaunchError, match="u did not start: cancelled"):
        Launch(cluster, "u").wait(seen.append, interval=0.05)
    assert [each.stage for each in seen][:2] == ["loading", "unwinding"]


def test_unspecified_options_are_not_sent(answers, cluster):
    answers["POST /v1/models"] = [(200, {"model_uid": "u"})]
    request = LaunchRequest(model_name="m", model_engine="vLLM", model_size_in_billions=0.5)
    assert cluster.launch(request).uid == "u"
    assert answers.bodies == [
        {
            "model_name": "m",
            "model_type": "LLM",
            "model_engine": "vLLM",
            "model_size_in_billions": "0.5",
            "replica": 1,
            "n_worker": 1,
            "n_gpu": "auto",
        }
    ]
