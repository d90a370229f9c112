"""A real server that requires credentials and gives its model processes no time to start."""

import json
import re

import pytest
import requests

from xinference_magics import ChatXinference
from xinference_magics.auth.login import sign_in
from xinference_magics.auth.setup import set_up
from xinference_magics.cluster.connection import Cluster
from xinference_magics.errors import AuthenticationError, LaunchError, PermissionDeniedError

USER, PASSWORD = "admin", "correct-horse-battery"


@pytest.fixture(scope="module")
def guarded(start_server):
    made = start_server(XINFERENCE_AUTH_ADVANCED="1", XINFERENCE_SUBPOOL_LAUNCH_TIMEOUT="1")
    yield made
    made.end()


@pytest.fixture(scope="module")
def administrator(guarded):
    """The token of the server's first account."""
    printed = re.search(r"Setup token: (\S+)", (guarded.home / "output.log").read_text())[1]
    set_up(guarded.endpoint, printed, USER, PASSWORD)
    return sign_in(guarded.endpoint, USER, PASSWORD).access


@pytest.fixture(scope="module")
def managed(guarded, administrator):
    """The server's management API for its administrator."""
    made = Cluster(guarded.endpoint, token=lambda: administrator)
    yield made
    made.close()


def test_bad_credentials_are_reported(guarded):
    for token in (None, lambda: "xf-" + "0" * 48):
        cluster = Cluster(guarded.endpoint, token=token)
        assert cluster.requires_auth() is True
        with pytest.raises(AuthenticationError, match="XINFERENCE_API_KEY"):
            cluster.models()
        cluster.close()


def test_a_model_process_that_is_not_up_in_time_names_the_limit(
    managed, tiny_definitions, tiny_request
):
    managed.registry.register("LLM", json.dumps(tiny_definitions[0]))
    launch = managed.launch(tiny_request("late", "ggufv2"))
    with pytest.raises(LaunchError, match="late did not start: the server gave no") as caught:
        launch.wait(interval=0.1)
    assert "XINFERENCE_SUBPOOL_LAUNCH_TIMEOUT" in caught.value.hint
    assert managed.models() == []


def key(guarded, administrator, **fields):
    """Make an API key and return it."""
    answer = requests.post(
        f"{guarded.endpoint}/v1/admin/keys",
        json={"name": f"key {len(fields)}", **fields},
        headers={"Authorization": f"Bearer {administrator}"},
        timeout=240,
    )
    answer.raise_for_status()
    return answer.json()["key"]


def test_a_key_for_other_models_is_reported_as_such(guarded, administrator):
    other = [{"permission_type": "model", "permission_value": "another"}]
    made = key(guarded, administrator, model_permissions=other)
    with pytest.raises(PermissionDeniedError, match="does not have access to model: late"):
        ChatXinference(guarded.endpoint, "late", api_key=made).invoke("Hello!")


def test_an_expired_key_is_reported_as_such(guarded, administrator):
    made = key(guarded, administrator, expires_at="2020-01-01T00:00:00", description="old")
    with pytest.raises(AuthenticationError, match="API key has expired"):
        Cluster(guarded.endpoint, token=lambda: made).models()
