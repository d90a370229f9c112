"""The documentation builds, needs no network, and is true to the tree."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from xinference_magics.wire import engines

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs"
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built pages; a link that leads nowhere is an error."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Fetched(HTMLParser):
    """The addresses that a browser fetches to show a page."""

    def __init__(self):
        super().__init__()
        self.addresses = []
        self.scripts = ""

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in {"script", "img", "iframe"}:
            self.addresses.append(attributes.get("src"))
        elif tag == "link" and attributes.get("rel") in {"stylesheet", "icon", "preconnect"}:
            self.addresses.append(attributes.get("href"))

    def handle_data(self, data):
        if self.lasttag == "script":
            self.scripts += data


def test_the_pages_fetch_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(list(PAGES.glob("*.md")))  # and one for what is not found
    for page in pages:
        fetched = Fetched()
        fetched.feed(page.read_text(encoding="utf-8"))
        assert [each for each in fetched.addresses if each and "//" in each] == [], page.name
        assert "http" not in fetched.scripts, page.name  # some write a script's address


def test_the_reference_of_python_has_every_public_class(site):
    page = (site / "python.html").read_text(encoding="utf-8")
    for name in ("ChatXinference", "XinferenceLLM", "XinferenceEmbeddings", "XinferenceRerank"):
        assert f'id="xinference_magics.{name}"' in page
    errors = (site / "errors.html").read_text(encoding="utf-8")
    assert 'id="xinference_magics.errors.ConnectError"' in errors


def test_every_module_that_the_architecture_names_is_there():
    named = re.findall(r"[\w/]+\.py", (PAGES / "architecture.md").read_text(encoding="utf-8"))
    assert len(named) > 30
    package = ROOT / "xinference_magics"
    modules = {f"/{path.relative_to(package).as_posix()}" for path in package.rglob("*.py")}
    missing = [name for name in named if not any(path.endswith(f"/{name}") for path in modules)]
    assert missing == []


def test_the_page_on_engines_has_what_transformers_ignores():
    page = (PAGES / "engines.md").read_text(encoding="utf-8")
    for name in engines._UNHEEDED_BY_TRANSFORMERS:
        assert name.removeprefix("top_") in page


def test_the_example_of_an_error_runs(capsys):
    [code] = PYTHON.findall((PAGES / "errors.md").read_text(encoding="utf-8"))
    exec(compile(code, "errors.md", "exec"), {})  # noqa: S102 - our own
    message, _, hint = capsys.readouterr().out.partition(" | ")
    assert "127.0.0.1:9" in message
    assert hint.strip()
