"""The commands for machines, on a scripted cluster."""

import pytest
from recorded_cluster import (
    FIRST,
    FORBIDDEN,
    SECOND,
    UNAUTHORIZED,
    instances,
    play,
    replica,
    status,
    worker_status,
)
from scripted_server import ScriptedServer

from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.machines import Snapshot, Worker
from xinference_magics.display.progress import PageLaunchView
from xinference_magics.display.refreshing import RefreshingView
from xinference_magics.display.views import choose_launch_view
from xinference_magics.errors import (
    AuthenticationError,
    ConnectError,
    NotebookError,
    PermissionDeniedError,
    RateLimitError,
    UsageError,
)
from xinference_magics.local_server import state
from xinference_magics.notebook.commands.watching import Watch
from xinference_magics.notebook.results.machines import Load, Replicas, Workers, health


@pytest.fixture
def answers():
    with ScriptedServer() as made:
        play(made)
        yield made


@pytest.fixture
def run(magics, answers, monkeypatch, tmp_path):
    """Run a command in a shell connected to the scripted cluster."""
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("XINFERENCE_ENDPOINT", answers.endpoint)
    return magics.xinference


class Shown(RefreshingView):
    def __init__(self):
        self.painted = []

    def paint(self, html, text, note):
        self.painted.append((html, text, note))


@pytest.fixture
def watch(answers):
    cluster = Cluster(answers.endpoint)
    view = Shown()
    yield Watch(cluster.machines, view), view.painted
    cluster.close()


def test_workers_are_a_table_with_devices_versions_and_health(run):
    found = run("workers")
    assert [worker.address for worker in found] == [FIRST, SECOND]
    lines = repr(found).splitlines()
    assert "2 × NVIDIA L4, 5.6 of 45.0 GiB, 50%" in lines[1]
    assert "7.9 of 23.5 GiB" in lines[1]
    assert "25%" in lines[1]
    assert "m-rep0" in lines[1]
    assert "4.0.0" in lines[2]
    assert lines[-1] == "Supervisor 127.0.0.1:19931, up 15 min."
    assert list(found.to_pandas().replicas) == [("m-rep0",), ("m-rep1",)]


def test_what_an_api_key_may_not_see_is_reported(run, answers):
    answers["/v1/cluster/info"] = [FORBIDDEN]
    found = run("workers")
    assert found.caption.endswith("These credentials are not allowed to see the versions.")
    assert "version" not in repr(found).splitlines()[0].split()
    assert "m-rep0" in repr(found)


def test_public_data_is_shown_without_credentials(run, answers):
    answers["/v1/models/instances"] = [UNAUTHORIZED]
    found = run("workers")
    assert found.caption.endswith("not allowed to see the replicas and the versions.")
    assert [worker.cpus for worker in found] == [2, 2]
    assert answers.paths.count("/v1/models/instances") == 1


def test_health_reports_a_silent_worker(run, answers):
    silent = worker_status(heard=120.0, left=3)
    answers["/status"] = [(200, {"workers": {FIRST: silent}})]
    assert "silent for 2 min, 3 checks left" in repr(run("workers"))
    assert health(Worker(FIRST)) == "unknown"
    assert repr(Workers([])) == "No worker is connected to the supervisor."


def test_a_replica_that_only_seems_ready_is_reported(run, answers):
    lost = {**replica(1, SECOND), "model_address": None}
    answers["/v1/models/m/replicas"] = [(200, [replica(0, FIRST), lost])]
    found = run("replicas m")
    assert isinstance(found, Replicas)
    assert f"{SECOND} is not responding" in repr(found)


def test_a_replica_without_a_worker_is_not_reported_as_lost(run, answers):
    """Such as the only replica of a model that is spread over workers."""
    whole = {**replica(0, None), "model_address": None}
    answers["/v1/models/m/replicas"] = [(200, [whole])]
    assert "is not responding" not in repr(run("replicas m"))


def test_a_worker_without_a_number_of_replicas_is_rejected(run):
    with pytest.raises(NotebookError, match="replicas m N --worker-ip"):
        run(f"replicas m --worker-ip {FIRST}")
    with pytest.raises(UsageError, match="terminate"):
        run("replicas m 0")
    with pytest.raises(UsageError, match="'many' is not a number"):
        run("replicas m many")


def test_the_log_of_the_private_server_outlives_it_and_hides_its_secret(run, monkeypatch, magics):
    folder = state.open_folder()
    (folder / "server.log").write_text("one\nSetup token: secret\n\x1b[31mtwo\nthree\n")
    monkeypatch.delenv("XINFERENCE_ENDPOINT")
    monkeypatch.setattr("xinference_magics.transport.endpoint.DEFAULT_ENDPOINT", "http://[::1]:1")
    lines = run("logs -n 2")
    assert lines == ["\x1b[31mtwo", "three"]
    assert repr(lines) == "\N{SYMBOL FOR ESCAPE}[31mtwo\nthree"
    assert "secret" not in repr(run("logs"))


def test_the_log_of_another_server_is_requested(run, answers):
    answers["/v1/cluster/runtime-logs"] = [(200, {"text": "one\nSetup token: x\ntwo"})]
    assert run("logs") == ["one", "two"]
    answers["/v1/cluster/runtime-logs"] = [(403, {"detail": "Not enough permissions"})]
    with pytest.raises(PermissionDeniedError):
        run("logs")


def test_events_are_a_table(run, answers):
    content = {"event_type": "ERROR", "event_ts": 1795363548, "event_content": "<b>x</b>"}
    answers["/v1/models/m/events"] = [(200, [content])]
    answers["/v1/models"] = [(200, {"data": [{"id": "other"}]})]
    assert "m is not running now." in repr(run("logs m"))
    answers["/v1/models"] = [(200, {"data": [{"id": "m"}]})]
    assert "not running" not in repr(run("logs m"))
    shown = run("logs m")._repr_mimebundle_()["text/html"]
    assert "&lt;b&gt;x&lt;/b&gt;" in shown
    assert "ERROR" in shown
    answers["/v1/models/n/events"] = [(200, [])]
    assert "No events for a model" in repr(run("logs n"))
    with pytest.raises(NotebookError, match="Leave out the UID"):
        run("logs m --worker x")


def test_stop_cluster_asks_and_names_what_would_end(run, answers, monkeypatch):
    answers["/v1/models"] = [(200, {"data": [{"id": "m\x1b[2J", "model_name": "tiny"}]})]
    questions = []
    monkeypatch.setattr("builtins.input", lambda text: questions.append(text) or "")
    with pytest.raises(NotebookError, match="Nothing was done"):
        run("stop-cluster")
    assert f"2 workers ({FIRST}, {SECOND}) and 1 model (m␛[2J)?" in questions[0]
    assert "/v1/clusters" not in answers.paths


@pytest.mark.parametrize("options", ["--yes", "-y", "--check", "-y -e {endpoint}/"])
def test_stop_cluster_without_a_question(run, answers, magics, options):
    answers["/v1/models"] = [(200, {"data": []})]
    answers["DELETE /v1/clusters"] = [(200, {"result": True})]
    run("list")
    assert magics.session.connector.uses(answers.endpoint)
    run(f"stop-cluster {options.format(endpoint=answers.endpoint)}")
    assert "/v1/clusters" in answers.paths
    assert not magics.session.connector.uses(answers.endpoint)


def test_the_private_server_is_not_stopped_as_a_cluster(run, monkeypatch):
    monkeypatch.setattr("xinference_magics.local_server.server.is_at", lambda _: True)
    with pytest.raises(NotebookError, match="%xinference stop ends it"):
        run("stop-cluster --yes")


def test_reload_checks_what_it_is_given(run):
    for options, said in (
        ("", "nothing to change"),
        ("--model-config [1]", "not a JSON object"),
        ("--model-config {", "not JSON"),
        ('--model-config {"a":1}', "put ' around it to keep its quotes"),
        ("--model-config {} --drain-timeout 9999", "is not a number of seconds from 0.1 to 3600"),
    ):
        with pytest.raises(UsageError, match=said):
            run(f"reload m {options}")


def test_relaunching_requires_an_administrator(run, answers):
    answers["POST /v1/api/relaunch"] = [FORBIDDEN]
    with pytest.raises(PermissionDeniedError, match="administrator"):
        run("relaunch-api")


def test_the_result_of_a_relaunch_is_shown_as_a_table(run, shell, answers):
    done = {"operation_id": "op", "status": "succeeded", "target_version": "4.2.0<b>"}
    answers["POST /v1/supervisor/relaunch"] = [(202, done)]
    ended = run("relaunch-supervisor --request-id weekly")
    assert ended.target_version == "4.2.0<b>"
    assert answers.bodies == [{"python_executable": None, "request_id": "weekly"}]
    shown, _ = shell.display_formatter.format(ended)
    assert "target version" in shown["text/plain"]
    assert "4.2.0&lt;b&gt;" in shown["text/html"]


def test_service_says_where_it_is_managed(run, capsys):
    run("service")
    assert "xinference service install --start" in capsys.readouterr().out
    run("service status --system")
    assert "there: xinference service --system status.\n" in capsys.readouterr().out


def test_a_watch_shows_what_runs_and_forgets_old_failures(watch):
    watching, painted = watch
    watching.run(0.01, None, 2)
    html, text, note = painted[-1]
    assert len(painted) == 3
    assert "2 of 2" in text
    assert "broken" in text
    assert "old" not in text
    assert "<b>bad" not in html
    assert "0 requests in the last" in note
    assert "watched for 0 s" in note
    assert "until interrupted" in painted[0][2]


def test_a_watch_counts_requests_meanwhile(watch, answers):
    counted = 'requests_total_counter{{method="POST",path="/v1/chat/completions"}} {}\n'
    answers["/metrics"] = [(200, counted.format(count)) for count in (40, 47, 3)]
    watching, painted = watch
    watching.run(0.01, None, 3)
    notes = [note for _, _, note in painted]
    assert "7 requests in the last" in notes[1]
    assert "requests" not in notes[2]  # a relaunched API counts from zero


def test_a_watch_waits_for_a_server_that_is_away(watch, answers):
    answers["/status"] = [(200, status()), (503, {"detail": "Supervisor is down"}), (200, status())]
    watching, painted = watch
    watching.run(0.01, None, 3)
    assert "unreachable for 0 s" in painted[1][2]
    assert "Supervisor is down" in painted[1][2]
    assert "2 of 2" in painted[1][1]
    assert "unreachable" not in painted[2][2]


def test_a_watch_begins_only_if_a_server_answers(closed_port):
    cluster = Cluster(f"http://127.0.0.1:{closed_port}")
    with pytest.raises(ConnectError):
        Watch(cluster.machines, Shown()).run(0.01, None, None)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (UNAUTHORIZED, AuthenticationError),
        (
            (429, {"detail": "Too many failed attempts. IP temporarily banned."}),
            RateLimitError,
        ),
    ],
)
def test_a_watch_stops_at_the_first_refusal_and_leaves_its_table(watch, answers, answer, error):
    answers["/v1/models/instances"] = [(200, instances()), answer]
    watching, painted = watch
    with pytest.raises(error):
        watching.run(0.01, None, None)
    assert answers.paths.count("/v1/models/instances") == 2
    assert "2 of 2" in painted[-1][1]


def test_a_watch_without_permission_to_see_models_shows_the_workers(watch, answers):
    answers["/v1/models/instances"] = [FORBIDDEN]
    watching, painted = watch
    watching.run(0.01, None, 1)
    assert "These credentials are not allowed to see the models." in painted[-1][1]
    assert FIRST in painted[-1][1]


def test_a_watch_ends_by_itself(run):
    seen = run("watch -i 0.2 --for 0.5")
    assert [worker.address for worker in seen.workers] == [FIRST, SECOND]
    with pytest.raises(UsageError, match=r"'0' is not a number of seconds from 0\.2 to 86400"):
        run("watch -i 0")


def test_a_load_without_workers_keeps_its_note():
    load = Load(Snapshot((), 0.0, instances=()))
    assert "No models are running." in load.text
    assert "12:00 &lt;b&gt;" in load.html("12:00 <b>")


def test_what_cannot_be_cancelled_has_no_button(shell, monkeypatch):
    monkeypatch.setattr(shell, "kernel", object(), raising=False)
    assert type(choose_launch_view(cancellable=False)) is PageLaunchView
