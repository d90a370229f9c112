"""A real cluster on this machine: a supervisor and two workers, each with an address of its own."""

import os
import socket
import time
from pathlib import Path

import psutil

from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.keeper import end
from xinference_magics.errors import XinferenceError

START = 240  # seconds, on a busy machine


class TwoWorkers:
    """Start it in a folder; `first` and `second` are the addresses of its workers.

    Args:
        local_command: The path of `xinference-local`; the other commands are beside it.
        folder: An empty one, for homes and logs.
    """

    def __init__(self, local_command, folder):
        self._commands = Path(local_command).parent
        self._folder = folder
        self._ports = {"127.0.0.1": free_port("127.0.0.1"), "127.0.0.2": free_port("127.0.0.2")}
        self._supervisor = f"127.0.0.1:{free_port('127.0.0.1')}"
        self.first, self.second = (f"{host}:{port}" for host, port in self._ports.items())
        self.endpoint = f"http://127.0.0.1:{free_port('127.0.0.1')}"
        self.cluster = Cluster(self.endpoint)
        self.processes = {}

    def start(self):
        port = self.endpoint.rpartition(":")[2]
        options = ["-p", port, "--supervisor-port", self._supervisor.rpartition(":")[2]]
        self._run("supervisor", "supervisor", "127.0.0.1", options)
        self._await(lambda: self.cluster.requires_auth() is False)
        for worker in (self.first, self.second):
            self.start_worker(worker)
        self.await_workers(2)

    def start_worker(self, worker):
        host, _, port = worker.partition(":")
        self._run(worker, "worker", host, ["-e", self.endpoint, "--worker-port", port])

    def kill_worker(self, worker):
        """End a worker and its models at once, as a power cut would."""
        process = self.processes.pop(worker)
        for each in [process, *process.children(recursive=True)]:
            each.kill()
        process.wait(10)

    def await_workers(self, count):
        self._await(lambda: len(self.cluster.machines.status().workers) == count)

    def stop(self):
        self.cluster.close()
        for process in self.processes.values():
            if process.is_running():
                end(process)
                process.wait(10)

    def _run(self, name, role, host, options):
        home = self._folder / name.replace(":", "-")
        home.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "XINFERENCE_HOME": str(home),
            "XINFERENCE_AUTH_ADVANCED": "0",
            "XINFERENCE_ENABLE_VIRTUAL_ENV": "0",
            "XINFERENCE_SUBPOOL_LAUNCH_TIMEOUT": "300",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        }
        with (self._folder / f"{home.name}.log").open("w") as log:
            self.processes[name] = psutil.Popen(
                [str(self._commands / f"xinference-{role}"), "-H", host, *options],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _await(self, condition):
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except XinferenceError:
                pass
            time.sleep(0.3)
        raise TimeoutError(f"the cluster is not as it should be; its logs are in {self._folder}")


def free_port(host):
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
