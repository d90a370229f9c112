"""`%xinference launch` takes what the command line of a real Xinference takes."""

import re
import subprocess
from pathlib import Path

from xinference_magics.notebook.arguments import Parser
from xinference_magics.notebook.options import LAUNCH


def test_every_option_of_the_command_line_is_declared(server_command):
    command = Path(server_command).with_name("xinference")
    shown = subprocess.run(
        [command, "launch", "--help"], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    listed = re.findall(r"^  (-[^\s].*?)(?:  |$| [A-Z<\[])", shown, flags=re.MULTILINE)
    flags = {flag for line in listed for flag in re.findall(r"(?<!\w)--?[\w-]+", line)}
    assert len(flags) > 40
    assert flags - {"--help"} <= set(Parser("launch", "", LAUNCH).flags)
