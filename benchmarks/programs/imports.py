"""Import a module in a cold process and print the seconds: `imports.py MODULE`."""

import sys
import time
from importlib import import_module

begun = time.perf_counter()
import_module(sys.argv[1])
print(time.perf_counter() - begun)
