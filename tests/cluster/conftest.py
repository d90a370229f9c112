"""What the tests of the cluster share."""

import pytest
from management_server import scripted_api
from web_server import answering


@pytest.fixture
def json_server():
    """A server that answers everything with JSON, and is no Xinference."""

    with answering(b"[1]", "application/json") as url:
        yield url


@pytest.fixture
def answers():
    """Scripted answers, served at `answers.endpoint`."""
    with scripted_api() as made:
        yield made
