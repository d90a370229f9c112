"""Holds a keeper at a step of its shutdown; Python imports this at startup if it is on the path.

KEEPER_STEP is `call end`, `return _note None`, ...: the keeper is held before that function of its
own is called, or after it returns that value. It creates the file KEEPER_HELD.reached, and
continues once KEEPER_HELD.go exists.
"""

import os
import sys
import time
from pathlib import Path


def hold(frame, event, value):
    """Wait at the step; Python calls this for each call and return."""
    code = frame.f_code
    ours = "/xinference_magics/local_server/" in code.co_filename
    if not ours or [event, code.co_name] != step[:2]:
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
