"""What makes a test server start faster changes nothing: it remembers what would be computed."""

import subprocess
from pathlib import Path

import pytest

SAME = """
from xinference.model import llm
load, match = llm.load_model_family_from_json, llm.generate_engine_config_by_model_family
families, engines = [], {}
load.__wrapped__("models", families)
for family in families:
    match.__wrapped__(family, engines)
    family.is_builtin = True
assert [each.dict() for each in families] == [each.dict() for each in llm.BUILTIN_LLM_FAMILIES]
assert engines == llm.LLM_ENGINES
assert len(engines) > 100
"""
AFTER_A_CHANGE = """
import remember_catalog
remember_catalog.fingerprint = lambda: "another package is installed"
from xinference.model import llm
assert not hasattr(llm.load_model_family_from_json, "__wrapped__")
"""


@pytest.mark.parametrize("code", [SAME, AFTER_A_CHANGE])
def test_it_is_what_the_server_would_compute(server_command, tmp_path, code):
    subprocess.run(
        [Path(server_command).with_name("python"), "-c", code],
        check=True,
        cwd=tmp_path,
        env={"XINFERENCE_HOME": str(tmp_path)},
        timeout=300,
    )
