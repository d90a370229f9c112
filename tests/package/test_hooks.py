"""The pre-commit hooks check with the same tools as `make lint`."""

import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
GROUPS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
LINT = {needed.name: needed for needed in map(Requirement, GROUPS["lint"])}
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]


@pytest.mark.parametrize("tool", ["ruff", "codespell"])
def test_a_hook_has_a_version_that_lint_allows(tool):
    """An older ruff fails on the magics in the examples."""
    [hook] = [each for each in HOOKS if f"/{tool}" in each["repo"]]
    assert LINT[tool].specifier.contains(hook["rev"].removeprefix("v"))
