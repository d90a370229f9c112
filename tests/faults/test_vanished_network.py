"""A network that vanishes while an answer is awaited, however long that may take."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "vanishing_network.py"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take a network away")
@pytest.mark.parametrize("call", ["invoke", "ainvoke", "astream"])
def test_a_vanished_network_is_noticed_before_the_read_timeout(call):
    done = subprocess.run(
        [sys.executable, PROGRAM, call], capture_output=True, text=True, timeout=240, check=True
    )
    [line] = done.stdout.splitlines()
    assert line.startswith("StreamError: " if call == "astream" else "TimedOutError: "), line
    assert done.stderr == ""
