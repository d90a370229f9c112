"""Networks that misbehave."""

import pytest
from faulty_proxy import Fault, FaultyProxy


@pytest.fixture
def full_backlog(closed_port):
    """An endpoint that neither accepts nor refuses connections: its queue is full."""
    with FaultyProxy(f"http://127.0.0.1:{closed_port}") as proxy:
        proxy.fault = Fault("full")
        yield proxy.endpoint
