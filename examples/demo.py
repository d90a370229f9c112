"""Runs the quickstart on a private local Xinference with the tiny model of this repository.

``demo.py run`` executes it and shows the answers as they stream; ``demo.py lab`` opens it in
JupyterLab. What both leave behind is in the folder ``.demo``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

from xinference_magics.cluster import local
from xinference_magics.cluster.connection import Cluster
from xinference_magics.errors import XinferenceError

if TYPE_CHECKING:
    from xinference_magics.cluster.local import LocalServer

EXAMPLES = Path(__file__).resolve().parent
DEMO = EXAMPLES.parent / ".demo"
NOTEBOOK = EXAMPLES / "quickstart.ipynb"
EXECUTED = DEMO / "quickstart.ipynb"


class Narrator(NotebookClient):
    """Executes a notebook, printing each cell and what it shows while it shows it."""

    _streamed = 0

    async def async_start_new_kernel_client(self, **options: Any) -> Any:
        """Say that somebody watches: answers are then streamed, as into a page."""
        client = await super().async_start_new_kernel_client(**options)
        client.allow_stdin = True
        return client

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Print what comes from the kernel; nbclient's hook for each message."""
        content = msg["content"]
        match msg["msg_type"]:
            case "execute_input":
                print("\n".join(f">>> {line}" for line in content["code"].splitlines()))
                self._streamed = 0
            case "stream":
                print(content["text"], end="", flush=True)
            case "comm_msg":
                self._narrate(content["data"].get("content") or {})
            case "execute_result":
                print(content["data"]["text/plain"])
            case "status" if content["execution_state"] == "idle":
                print()
        return super().process_message(msg, cell, cell_index)

    def _narrate(self, frame: dict[str, Any]) -> None:
        """Print what a frame of the chat view brings: what is new, or everything so far."""
        text = "".join(piece for _, piece in frame.get("add") or frame.get("all") or ())
        new = text[self._streamed :] if "all" in frame else text
        self._streamed += len(new)
        print(new, end="", flush=True)


def serve() -> LocalServer:
    """Start the private server with its files in the demo's folder, and register the model."""
    DEMO.mkdir(exist_ok=True)
    os.environ["XINFERENCE_HOME"] = str(DEMO / "xinference")
    os.environ["XINFERENCE_MAGICS_STATE"] = str(DEMO / "state")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.pop("XINFERENCE_ENDPOINT", None)
    server = local.start(on_line=print)
    server.lease()
    sys.path.insert(0, str(EXAMPLES / "tiny_chat"))
    from registrations import registrations

    cluster = Cluster(server.endpoint, token=server.token)
    known = cluster.registry.names()
    for registration in registrations():
        if registration["model_name"] not in known:
            cluster.registry.register("LLM", json.dumps(registration), persist=True)
    cluster.close()
    # By its address, as another server may run at the default one.
    os.environ["XINFERENCE_ENDPOINT"] = server.endpoint
    return server


def run() -> None:
    """Execute the quickstart and keep what came out."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    narrator = Narrator(
        notebook,
        timeout=300,
        resources={"metadata": {"path": str(DEMO)}},
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # no notes on its own connection
    )
    narrator.execute()
    nbformat.write(notebook, EXECUTED)
    print(f"The executed notebook is {EXECUTED}")


def lab() -> None:
    """Open the quickstart in JupyterLab; the server ends some seconds after its last notebook."""
    if not EXECUTED.exists():
        EXECUTED.write_text(NOTEBOOK.read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, "-m", "jupyter", "lab", str(EXECUTED)]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # as in a container; JupyterLab asks to be told
    subprocess.run(command, check=False)  # noqa: S603 - a fixed command


def main() -> int:
    """Do what the command line says: ``run`` or ``lab``."""
    try:
        serve()
        {"run": run, "lab": lab}[sys.argv[1]]()
    except XinferenceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
