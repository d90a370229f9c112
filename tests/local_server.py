"""A free port and an environment for the servers that tests start on this machine."""

import os
import socket

START = 600  # seconds, on a busy machine


def free_port(host="127.0.0.1"):
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def server_environment(home, **own):
    """Return an environment for Xinference: files in `home`, no login, no downloads."""
    return {
        **os.environ,
        "XINFERENCE_HOME": str(home),
        "XINFERENCE_AUTH_ADVANCED": "0",
        "XINFERENCE_SUBPOOL_LAUNCH_TIMEOUT": "300",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        **own,
    }
