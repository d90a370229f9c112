"""What people install: the wheel built from the sdist, not the checkout."""

import ast
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib.metadata import PathDistribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "xinference_magics"
OPTIONAL = {"PIL", "datasets", "numpy", "pandas", "pyarrow", "pypdf"}  # used if the user has them
OF_OTHERS = {"pydantic_core", "zmq"}  # they come with pydantic, and with every kernel
ELSEWHERE = {"PYTHONPATH", "VIRTUAL_ENV"}  # IPython searches the latter as well
CLEAN = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}

LOAD = """
from pathlib import Path
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "xinference_magics")
assert {"xinference", "chat"} <= shell.magics_manager.magics["line"].keys()

import xinference_magics
from xinference_magics.display.widget import ChatWidget

for name in xinference_magics.__all__:
    getattr(xinference_magics, name)
assert "render" in ChatWidget()._esm
print(Path(xinference_magics.__file__).parent)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The sdist and the wheel built from it; those in $BUILT before a release."""
    folder = Path(os.environ.get("BUILT") or tmp_path_factory.mktemp("dist"))
    if "BUILT" not in os.environ:
        build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
        done = subprocess.run(build, capture_output=True, text=True, env=CLEAN, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def told(built):
    """The metadata of the wheel."""
    (folder,) = (each for each in zipfile.Path(built[1]).iterdir() if "dist-info" in each.name)
    return PathDistribution(folder)


def test_the_wheel_holds_the_package_and_nothing_else(built):
    with zipfile.ZipFile(built[1]) as wheel:
        names = {Path(name) for name in wheel.namelist()}
    extension = {Path(*name.parts[2:]) for name in names if name.parts[0].endswith(".data")}
    folder = "share/jupyter/labextensions/xinference-magics"  # where JupyterLab looks
    inside = "package.json install.json static/remoteEntry.js static/extension.js static/buttons.js"
    assert extension == {Path(folder, name) for name in inside.split()}
    held = {name for name in names if not name.parts[0].endswith((".dist-info", ".data"))}
    files = {path for path in PACKAGE.rglob("*") if path.is_file()}
    assert held == {path.relative_to(ROOT) for path in files if "__pycache__" not in path.parts}
    assert Path("xinference_magics/py.typed") in held
    assert Path("xinference_magics/display/static/chat.js") in held
    assert any(name.name == "LICENSE" for name in names)


def test_the_sdist_holds_what_development_needs(built):
    with tarfile.open(built[0]) as sdist:
        names = {Path(*Path(name).parts[1:]) for name in sdist.getnames()}
    needed = (
        "pyproject.toml README.md LICENSE CHANGELOG.md CONTRIBUTING.md CODE_OF_CONDUCT.md "
        "SECURITY.md Makefile noxfile.py mkdocs.yml xinference_magics/py.typed tests/conftest.py "
        "tests/package/test_built.py docs/chat.md examples/quickstart.ipynb "
        "examples/tiny_chat/train.py benchmarks/run.py"
    )
    assert {Path(name) for name in needed.split()} <= names
    assert not {"artifacts", "model", ".cache", ".venv", ".venv-server"} & {
        part for name in names for part in name.parts
    }


def test_the_installed_wheel_loads_without_the_checkout(built, tmp_path):
    """The environment has the tests' dependencies, but not their editable install."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    python = tmp_path / "bin" / "python"
    installed = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path)}))
    with zipfile.ZipFile(built[1]) as wheel:  # what pip does; pip may be missing
        wheel.extractall(installed)  # noqa: S202 - our own
    # A path in a .pth file is searched, but the .pth files in that path are not processed.
    (installed / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    done = subprocess.run(
        [python, "-c", LOAD], cwd=tmp_path, env=CLEAN, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(installed / "xinference_magics")


def test_every_import_is_a_declared_dependency(told):
    declared = {
        canonicalize_name(needed.name)
        for needed in map(Requirement, told.requires)
        if needed.marker is None or needed.marker.evaluate({"extra": ""})
    }
    imported = {name for path in PACKAGE.rglob("*.py") for name in imports_of(path)}
    providers = packages_distributions()
    foreign = imported - sys.stdlib_module_names - OPTIONAL - OF_OTHERS - {PACKAGE.name}
    owners = {name: {canonicalize_name(each) for each in providers[name]} for name in foreign}
    assert {name for name, known in owners.items() if not known & declared} == set()


def imports_of(path):
    """Yield the top-level names that a module imports when it runs, including in its functions."""
    nodes = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


def test_the_metadata_describe_the_package(told):
    assert told.metadata["License-Expression"] == "Apache-2.0"
    classifiers = set(told.metadata.get_all("Classifier"))
    assert {"Framework :: IPython", "Framework :: Jupyter", "Typing :: Typed"} <= classifiers
    assert told.metadata["Author"]
    assert told.metadata.get_all("Project-URL")


def test_the_server_is_installed_only_on_request(told):
    servers = [each for each in map(Requirement, told.requires) if each.name == "xinference"]
    assert [str(each.marker) for each in servers] == ['extra == "local"']


def test_every_public_name_is_documented():
    import xinference_magics

    assert dir(xinference_magics) == sorted(xinference_magics.__all__)
    for name in set(xinference_magics.__all__) - {"__version__"}:
        assert getattr(xinference_magics, name).__doc__, name
