"""Cluster tables in JupyterLab, where `watch` refreshes in place."""

import pytest
from playwright.sync_api import expect
from recorded_cluster import FIRST, SECOND, play, replica
from scripted_server import ScriptedServer

pytestmark = pytest.mark.long


@pytest.fixture
def cluster():
    with ScriptedServer() as answers:
        play(answers)
        model = {
            "model_name": "qwen2.5-instruct",
            "model_engine": "vLLM",
            "model_format": "pytorch",
            "model_size_in_billions": 7,
            "quantization": "none",
            "context_length": 32768,
            "replica": 2,
        }
        answers["/v1/models"] = [(200, {"data": [{"id": "m", **model}]})]
        lost = {**replica(1, SECOND), "model_address": None}
        failed = replica(2, FIRST, "ERROR", "<img src=x onerror=alert(1)> CUDA out of memory")
        answers["/v1/models/m/replicas"] = [(200, [replica(0, FIRST), lost, failed])]
        yield answers


def test_a_cluster_on_a_page(open_notebook, cluster):
    notebook = open_notebook(
        [
            f"%load_ext xinference_magics\n%xinference connect {cluster.endpoint}",
            "%xinference list",
            "%xinference workers",
            "%xinference replicas m",
            "%xinference watch -i 0.3 --for 3",
        ]
    )
    for cell in range(4):
        notebook.run(cell)
    expect(notebook.output(2)).to_contain_text("2 × NVIDIA L4, 5.6 of 45.0 GiB, 50%")
    expect(notebook.output(3)).to_contain_text("<img src=x")
    notebook.run(4)
    left = notebook.output(4)
    expect(left).to_contain_text("watched for 3 s")
    assert left.locator("table").count() == 2
    assert cluster.paths.count("/status") > 3
    for theme in ("Dark", "Light"):
        notebook.use_theme(f"JupyterLab {theme}")
        for index, name in enumerate(("list", "workers", "replicas", "watch"), 1):
            notebook.screenshot(f"machines-{name}-{theme.lower()}", of=notebook.cell(index))
