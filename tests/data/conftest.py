"""A store of its own for each test, and models on servers that answer as a test says."""

import pytest

from xinference_magics.chat_models import ChatXinference
from xinference_magics.data import failures
from xinference_magics.data.store import AnswerStore


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    """Keep the user's own answers out of the tests."""
    monkeypatch.setenv("XINFERENCE_MAGICS_STATE", str(tmp_path / "state"))


@pytest.fixture
def store(tmp_path):
    with AnswerStore(tmp_path / "answers.sqlite") as made:
        yield made


@pytest.fixture
def hasty(monkeypatch):
    """Wait a fiftieth of the usual time before a row is sent again."""
    monkeypatch.setattr(failures, "_FIRST_SECONDS", 0.005)


@pytest.fixture
def model():
    """Make a model on a server: `model(server, temperature=0)`."""

    def make(server, uid="tiny", **fields):
        return ChatXinference(server.endpoint, uid, api_key="", **fields)

    return make
