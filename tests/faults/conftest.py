"""A real shell whose server, and the connection to it, can be broken."""

import gc

import pytest
from broken_shell import SETTINGS, Bench, eventually
from faulty_proxy import FaultyProxy
from faulty_server import UID, FaultyServer
from loaded_shell import loaded_shell

from xinference_magics.cluster.launching import launch as launches


@pytest.fixture(scope="module")
def whole_bench(tmp_path_factory):
    """A connected bench with a selected model and short timeouts, shared by a module's tests."""
    with (
        pytest.MonkeyPatch.context() as patch,
        FaultyServer() as server,
        FaultyProxy(server.endpoint) as proxy,
    ):
        folder = tmp_path_factory.mktemp("faults")
        patch.setenv("IPYTHONDIR", str(folder))
        patch.setenv("XINFERENCE_MAGICS_STATE", str(folder / "state"))
        patch.setattr(launches, "_GRACE_SECONDS", 0.5)
        with loaded_shell() as made:
            bench = Bench(made, server, proxy)
            for code in (SETTINGS, f"%xinference connect {proxy.endpoint}", "%xinference use tiny"):
                assert bench.run(code).error is None
            yield bench
            bench.forget()
            eventually(bench.is_tidy, "nothing is left open")


@pytest.fixture
def bench(whole_bench):
    """The same bench, repaired after each test, which must leave nothing open.

    Garbage collection is off meanwhile: closing things must not depend on it.
    """
    gc.disable()
    try:
        yield whole_bench
        whole_bench.mend()
        if whole_bench.session.model.model_uid != UID:
            whole_bench.succeeds(f"%xinference use {UID}")
        eventually(whole_bench.is_tidy, "nothing is left open")
    finally:
        gc.enable()
