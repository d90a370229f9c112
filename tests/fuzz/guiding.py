"""A pytest plugin in which libFuzzer searches for the cases of a property test.

libFuzzer keeps the inputs that reach new branches of the package, and tries variants of them. It
exits the process when the time is over, so a process runs one test: `guided.py` starts them.
"""

import os
import sys
from contextlib import ExitStack

import atheris
import pytest
from hypothesis import given

SECONDS = os.environ["FUZZ_SECONDS"]
LIMITS = (
    f"-max_total_time={SECONDS}",
    "-max_len=2000",
    "-timeout=60",
    "-rss_limit_mb=0",
    "-artifact_prefix=.hypothesis/",
)

_imports = ExitStack()
_imports.enter_context(atheris.instrument_imports(include=["xinference_magics"]))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    handle = pyfuncitem.obj.hypothesis
    named = pyfuncitem._fixtureinfo.argnames
    fixtures = {name: pyfuncitem.funcargs[name] for name in named}

    @given(**handle._given_kwargs)
    def with_fixtures(**drawn):
        handle.inner_test(**fixtures, **drawn)

    atheris.Setup([sys.argv[0], *LIMITS], with_fixtures.hypothesis.fuzz_one_input)
    atheris.Fuzz()
