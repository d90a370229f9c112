"""Tab at the prompt of a terminal IPython."""

import os
import sys

import pexpect


def test_commands_and_options_are_completed(tmp_path):
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--no-banner", "--colors=NoColor"],
        env={
            **os.environ,
            "IPYTHONDIR": str(tmp_path),
            "XINFERENCE_MAGICS_STATE": str(tmp_path / "state"),
            "TERM": "xterm",
            "PROMPT_TOOLKIT_NO_CPR": "1",
        },
        encoding="utf-8",
        timeout=30,
        dimensions=(50, 120),
    )
    child.expect("In .*1")
    child.send("%load_ext xinference_magics\r")
    child.expect("In .*2")
    child.send("%xinference lau\t")
    child.expect("nch")
    child.send(" -t embed\t")
    child.expect("ding")
    child.send(" -h\r")
    child.expect("usage: %xinference launch")
    child.close(force=True)
