"""The finder that makes a test server start faster hides no module that exists."""

import subprocess
import sys
from pathlib import Path

CODE = """
import importlib, importlib.metadata, importlib.util, pathlib, sys
import remember_absent

def is_there(name):
    return importlib.util.find_spec(name) is not None

first, second = map(pathlib.Path, sys.argv[1:])
sys.path.append(str(first))
assert not is_there("made_later")
assert not is_there("made_later")
(second / "made_later.py").write_text("")
sys.path.append(str(second))
assert is_there("made_later")
assert not is_there("made_last")
(first / "made_last.py").write_text("value = 3")
importlib.invalidate_caches()
import made_last
assert made_last.value == 3
assert is_there("xml.dom")
assert list(importlib.metadata.distributions())
assert remember_absent.RememberingFinder in sys.meta_path
"""


def test_an_absent_module_is_found_once_it_is_there(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    folders = [str(tmp_path / "first"), str(tmp_path / "second")]
    subprocess.run(
        [sys.executable, "-c", CODE, *folders],
        check=True,
        cwd=Path(__file__).parents[1],
        timeout=60,
    )
