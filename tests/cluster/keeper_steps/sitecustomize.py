"""Holds a keeper at a step of its end; Python imports this at its start, where the path has it.

KEEPER_STEP is `call end`, `return _note None`, ...: before which function of its own, or after
which with which value, it is held. It makes the file KEEPER_HELD.reached, and goes on when there
is KEEPER_HELD.go.
"""

import os
import sys
import time
from pathlib import Path


def hold(frame, event, value):
    """Wait at the step; Python's hook for each call and return."""
    code = frame.f_code
    if [event, code.co_name] != step[:2] or "/xinference_magics/cluster/" not in code.co_filename:
        return
    if event == "return" and str(value) != step[2]:
        return
    sys.setprofile(None)
    held.with_suffix(".reached").touch()
    while not held.with_suffix(".go").exists():
        time.sleep(0.01)


if "xinference_magics.local_server.keeper" in sys.orig_argv and "KEEPER_STEP" in os.environ:
    step = os.environ["KEEPER_STEP"].split()
    held = Path(os.environ["KEEPER_HELD"])
    sys.setprofile(hold)
