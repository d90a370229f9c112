"""`make demo` and `make lab`: their server can fetch models, and Lab shows only notebooks."""

import json
import os
import subprocess
import sys
from pathlib import Path

from local_server import free_port

EXAMPLES = Path(__file__).parents[2] / "examples"
DEMO = f"""
import json, sys
from pathlib import Path
sys.path.insert(0, {str(EXAMPLES)!r})
import demo
demo.DEMO = Path(sys.argv[1])
"""
SERVE = """
import psutil
from xinference_magics.local_server import server as local
from xinference_magics.cluster.connection import Cluster
from xinference_magics.cluster.launching.plan import LaunchRequest
try:
    server = demo.serve()
    cluster = Cluster(server.endpoint, token=server.token)
    request = LaunchRequest(
        model_name="qwen2.5-instruct", model_engine="llama.cpp", model_format="ggufv2",
        model_size_in_billions="0_5", quantization="q4_k_m", enable_virtual_env=False,
    )
    try:
        cluster.launch(request).wait()
    except Exception as error:
        reason = str(error)
    print(json.dumps([psutil.Process(server.pid).environ(), cluster.registry.names("LLM"), reason]))
finally:
    local.stop()
"""
LAB = "demo.lab()\n"
JUPYTER = """
import json, os, sys
print(json.dumps([sys.argv[1:], sorted(os.listdir())]))
"""


def run(code, folder, **environment):
    """Run `code` in a process with `folder` as `.demo`; return its last line, read as JSON."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-c", DEMO + code, str(folder)],
        env={**known, **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done
    return json.loads(done.stdout.splitlines()[-1])


def test_its_server_fetches_models_and_says_why_it_cannot(server_command, tmp_path):
    """Nothing answers at the hub's address, so nothing is downloaded."""
    path = f"{Path(server_command).parent}{os.pathsep}{os.environ['PATH']}"
    hub = {"HF_ENDPOINT": f"http://127.0.0.1:{free_port()}", "XINFERENCE_MODEL_SRC": "huggingface"}
    environment, names, reason = run(SERVE, tmp_path, PATH=path, **hub)
    assert not {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"} & environment.keys()
    assert {"tiny-chat", "qwen2.5-instruct"} <= {*names}
    assert "Failed to download model 'qwen2.5-instruct'" in reason
    assert "offline" not in reason
    assert "Can the machine reach the model hub?" in reason


def test_lab_shows_the_notebooks_and_nothing_else(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "jupyter.py").write_text(JUPYTER)
    demo = tmp_path / "demo"
    for name in ("state", "xinference", "notebooks"):
        (demo / name).mkdir(parents=True)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    arguments, shown = run(LAB, demo, PYTHONPATH=path)
    assert arguments[:2] == ["lab", "quickstart.ipynb"]
    assert shown == [
        f"{name}.ipynb" for name in ("agent", "chat", "cluster", "quickstart", "rag", "reasoning")
    ]
