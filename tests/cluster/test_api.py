"""How answers of the management API are read, and what counts as a bug of ours."""

import json

import pytest
from scripted_server import Reply, ScriptedServer

from xinference_magics.auth.login import sign_in
from xinference_magics.cluster.api import ManagementApi
from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.errors import ConnectError, ModelNotFoundError, ServerError


@pytest.fixture
def says():
    with ScriptedServer() as answers:
        answers.content = {}
        answers.script_for = lambda _: Reply(body=answers.content)
        yield answers


@pytest.fixture
def api(says):
    made = ManagementApi(says.endpoint, token=lambda: "sk-secret")
    yield made
    made.close()


@pytest.mark.parametrize(
    "kind", [AttributeError, KeyError, TypeError, ValueError, RuntimeError, RecursionError]
)
def test_a_bug_of_ours_surfaces_as_itself(api, kind):
    def broken():
        raise kind("of ours")

    with pytest.raises(kind, match="of ours"):
        api.ask(dict, broken)


def test_wrong_arguments_for_the_client_are_a_bug_of_ours(api):
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        api.ask(dict, api.client.list_models, odd=1)


@pytest.mark.parametrize("content", [{"a": 1}, [1], None, "x", {"data": [{}]}, {"data": 5}])
def test_an_unreadable_answer_is_not_from_xinference_and_is_logged(api, says, caplog, content):
    caplog.set_level("DEBUG", logger="xinference_magics")
    says.content = content
    with pytest.raises(ConnectError, match="is not an Xinference server"):
        api.ask(dict, api.client.list_models)
    [record] = [each for each in caplog.records if each.exc_info]
    assert record.name == "xinference_magics.cluster.api"
    assert "GET /v1/models: 200 in 0." in caplog.text
    assert "sk-secret" not in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        {"error": "boom"},
        {"error": {"message": "boom", "type": "x"}},
        {"detail": "boom"},
        {"code": 500, "message": "boom"},
        {"object": "error", "message": "boom"},
        {"success": False, "message": "boom", "status": "failed"},
    ],
)
def test_an_error_with_the_status_of_success_is_shown_in_the_words_of_the_server(
    api, says, content
):
    says.content = content
    for ask in (
        lambda: api.ask(dict, api.client.list_models),
        lambda: api.ask(object, api.client.terminate_model, "qwen"),
        lambda: api.get(dict, "/v1/models/families"),
        lambda: api.get_dated(list, "/v1/workers"),
        lambda: api.post(dict, "/v1/models", {}),
        lambda: api.slowly("DELETE", "/v1/models/qwen"),
        lambda: sign_in(says.endpoint, "ada", "secret"),
    ):
        with pytest.raises(ServerError, match=r"http://127\.0\.0\.1:\d+ reports an error: boom\.$"):
            ask()


def test_a_missing_model_with_the_status_of_success(api, says):
    says.content = {"detail": "Model not found in the model list, uid: qwen"}
    with pytest.raises(ModelNotFoundError, match="No model with the UID qwen is running"):
        api.ask(dict, api.client.describe_model, "qwen")


@pytest.mark.parametrize(
    "content",
    [
        {"message": "Registered."},
        {"code": 0, "message": "ok"},
        {"error": None, "detail": ""},
        {"error": "of the last launch", "uid": "qwen"},
    ],
)
def test_words_in_an_answer_are_not_an_error(api, says, content):
    says.content = content
    assert api.get(dict, "/v1/models/qwen") == content


def test_a_launch_without_a_uid_is_not_from_xinference(says):
    cluster = Cluster(says.endpoint)
    says.content = {"a": 1}
    with pytest.raises(ConnectError, match="is not an Xinference server"):
        cluster.launch(LaunchRequest(model_name="x", model_engine="vLLM"))
    cluster.close()


def test_json_sent_as_text(says):
    cluster = Cluster(says.endpoint)
    listed = {"data": [{"id": "grüße", "model_name": "世界"}]}
    says.content = json.dumps(listed, ensure_ascii=False)  # sent as text/plain
    assert [(each.uid, each.name) for each in cluster.models()] == [("grüße", "世界")]
    cluster.close()


def test_nothing_is_asked_before_a_method_is_called(says):
    made = ManagementApi(says.endpoint)
    assert made.client.session.headers["Connection"] == "close", "not our session"
    made.close()
    assert says.paths == []
