"""Load an extension in a cold process and print the cost: `load.py EXTENSION`."""

import json
import os
import resource
import sys
import time
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell


def memory() -> float:
    """Return the megabytes in use; if the system does not report them, the most ever used."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


shell = InteractiveShell.instance()
modules, megabytes, begun = len(sys.modules), memory(), time.perf_counter()
refused = shell.extension_manager.load_extension(sys.argv[1])
seconds = time.perf_counter() - begun
if refused:
    sys.exit(f"{sys.argv[1]}: {refused}")
found = {
    "seconds": seconds,
    "modules": len(sys.modules) - modules,
    "megabytes": memory() - megabytes,
}
print(json.dumps(found))
