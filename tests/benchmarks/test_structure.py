"""The script that measures the shape of a package."""

import runpy
from pathlib import Path

MEASURED = runpy.run_path(Path(__file__).parents[2] / "benchmarks" / "structure.py")["measured"]
CODE = '''"""A module."""

import os

# Why it is so.
_LIMIT = 3  # noqa: F841
"""How many."""


def shown():
    """Show it."""

    return _helped()


def _helped():
    return _LIMIT
'''


def test_a_small_package(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text("import pytest\n")
    (tmp_path / "made.py").write_text(CODE)
    shape = MEASURED(tmp_path)
    assert (shape.files, shape.lines, shape.median_file) == (1, 17, 17)
    assert shape.functions == (2, 2, 2)
    assert (shape.comments, shape.docstrings) == (1 / 17, 3 / 17)
    assert shape.headers == 5 / 17
    assert shape.used_once == (1, 1)
