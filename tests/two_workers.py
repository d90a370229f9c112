"""A real cluster on this machine: a supervisor and two workers, each with its own address."""

import time
from pathlib import Path

import psutil
from local_server import START, free_port, server_environment

from xinference_magics.cluster.connection import Cluster
from xinference_magics.errors import XinferenceError
from xinference_magics.local_server.keeper import end


class TwoWorkers:
    """A cluster in a folder; `first` and `second` are the addresses of its workers.

    Args:
        local_command: The path of `xinference-local`; the other commands are next to it.
        folder: An empty folder, for homes and logs.
    """

    def __init__(self, local_command, folder):
        self._commands = Path(local_command).parent
        self._folder = folder
        self.first, self.second = (f"{h}:{free_port(h)}" for h in ("127.0.0.1", "127.0.0.2"))
        self._supervisor_port = free_port()
        self._port = free_port()
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self.cluster = Cluster(self.endpoint)
        self.processes = {}

    def start(self):
        options = ["-p", str(self._port), "--supervisor-port", str(self._supervisor_port)]
        self._run("supervisor", "supervisor", "127.0.0.1", options)
        self._await(lambda: self.cluster.requires_auth() is False)
        for worker in (self.first, self.second):
            self.start_worker(worker)
        self.await_workers(2)

    def start_worker(self, worker):
        host, _, port = worker.partition(":")
        self._run(worker, "worker", host, ["-e", self.endpoint, "--worker-port", port])

    def kill_worker(self, worker):
        """Kill a worker and its models at once, as a power cut would."""
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
        environment = server_environment(home, XINFERENCE_ENABLE_VIRTUAL_ENV="0")
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
