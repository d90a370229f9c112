"""Run each test of this folder once on every older server, and make a table of the results.

`XINFERENCE_VERSIONS="1.17.1 4.1.0"` selects some of the servers. The table is saved only if the
whole folder was run.
"""

import json
import os
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
import table
from environments import RELEASED, Environment
from kernel_driver import Kernel

from xinference_magics import ChatXinference
from xinference_magics.cluster.launching.plan import LaunchRequest
from xinference_magics.errors import ServerError, XinferenceError

VERSIONS = os.environ.get("XINFERENCE_VERSIONS", "").split() or list(RELEASED)
FOUND = pytest.StashKey[table.Found]()


@pytest.fixture(scope="session", params=VERSIONS)
def environment(request):
    """The environment of one of the servers."""
    return Environment.of(request.param)


@pytest.fixture(scope="session")
def server_command(environment, pytestconfig):
    """The path of the server's executable, which the other server fixtures start.

    Older servers give up after 30 s of starting, which is too short on a busy machine.
    """
    os.environ["XINFERENCE_HEALTH_CHECK_TIMEOUT"] = "60"
    pytestconfig.stash[FOUND].servers[environment.version] = environment.versions()
    return environment.command


@pytest.fixture(scope="session")
def version(environment):
    """The server's version, as the server reports it."""
    return environment.version


@pytest.fixture
def since(version, request):
    """State since when a server can do something: `with since("2.0"):`.

    An older server must refuse what is done in the block, in one line that says so.
    """

    @contextmanager
    def checked(first):
        if _number(version) >= _number(first):
            yield
            return
        with pytest.raises(ServerError) as refused:
            yield
        (line,) = refused.value._render_traceback_()
        assert f"Xinference {version}" in line
        assert f"Xinference {first}" in line
        assert "\n" not in line
        request.node.user_properties.append(("refused", str(refused.value.message)))

    return checked


@pytest.fixture
def differs(request):
    """State how an older server differs, though it works: `differs("the reason is missing")`."""
    return lambda note: request.node.user_properties.append(("note", note))


@pytest.fixture
def flawed(version, engine, request):
    """State what a server before some version does wrong itself, with one engine.

    `with flawed("2.0", "transformers", "the server fails"):` - any newer server must do it right.
    """

    @contextmanager
    def tolerated(first, flawed_engine, note):
        try:
            yield
        except (AssertionError, XinferenceError):
            if engine != flawed_engine or _number(version) >= _number(first):
                raise
            request.node.user_properties.append(("flaw", note))

    return tolerated


def _number(version):
    return tuple(int(each) for each in re.findall(r"\d+", version)[:2])


FORMATS = {"llama.cpp": "ggufv2", "transformers": "pytorch"}


@pytest.fixture(params=FORMATS)
def engine(request):
    """Each engine for a machine without a GPU."""
    return request.param


@pytest.fixture(scope="session")
def running(cluster, tiny_registered):
    """Launch a tiny model once, and return its UID: `running("tiny-chat", "llama.cpp")`."""
    launched = set()

    def launch(name, engine):
        uid = f"{name}-{FORMATS[engine]}"
        if uid not in launched:
            request = LaunchRequest(
                model_name=name,
                model_uid=uid,
                model_format=FORMATS[engine],
                enable_virtual_env=False,
                extra={"n_threads": 1} if engine == "llama.cpp" else {},
            )
            cluster.launch(request).wait()
            launched.add(uid)
        return uid

    return launch


@pytest.fixture
def uid(engine, running):
    """The UID of the tiny chat model, on each engine."""
    return running("tiny-chat", engine)


@pytest.fixture
def llm(server, uid, engine):
    """A ChatXinference for that model."""
    return ChatXinference(server.endpoint, uid, engine=engine, temperature=0)


@pytest.fixture(scope="session")
def notebook(tmp_path_factory):
    """Open a kernel with the extension loaded: `notebook(endpoint, **environment)`."""
    opened = []

    def open_at(endpoint, **environment):
        state = tmp_path_factory.mktemp("user")
        own = {
            "XINFERENCE_ENDPOINT": endpoint,
            "XINFERENCE_HOME": str(state / "home"),
            "XINFERENCE_MAGICS_STATE": str(state / "magics"),
            "IPYTHONDIR": str(state / "ipython"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        opened.append(Kernel({**os.environ, **own, **environment}))
        assert opened[-1].run("%load_ext xinference_magics").status == "ok"
        return opened[-1]

    yield open_at
    for kernel in opened:
        kernel.close()


@pytest.fixture(scope="session")
def kernel(server, notebook):
    """A notebook connected to the shared server."""
    return notebook(server.endpoint)


def pytest_configure(config):
    config.stash[FOUND] = table.Found()


def pytest_itemcollected(item):
    item.config.stash[FOUND].collected.add(Path(item.path))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" or report.outcome == "failed":
        params = dict(item.callspec.params)
        title = (item.obj.__doc__ or item.name).partition("\n")[0].rstrip(".")
        item.config.stash[FOUND].note(
            title, params.pop("environment"), ", ".join(map(str, params.values())), report
        )
    return report


def pytest_deselected(items):
    for item in items:
        item.config.stash[FOUND].whole = False


def pytest_sessionfinish(session, exitstatus):
    found = session.config.stash[FOUND]
    here = Path(__file__).parent
    ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if ended and found.whole and found.collected == set(here.glob("test_*.py")):
        table.keep(found)
    elif out := os.environ.get("XINFERENCE_TABLE"):
        Path(out).write_text(json.dumps(found.features, indent=1))
