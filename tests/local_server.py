"""What servers on this machine are started with."""

import os
import socket

START = 600  # seconds, on a busy machine


def free_port(host="127.0.0.1"):
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def server_environment(home, **own):
    """The environment of an Xinference that has its files in `home`, wants no login and fetches
    nothing.
    """
    return {
        **os.environ,
        "XINFERENCE_HOME": str(home),
        "XINFERENCE_AUTH_ADVANCED": "0",
        "XINFERENCE_SUBPOOL_LAUNCH_TIMEOUT": "300",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        **own,
    }
