"""The documentation builds, needs no network, and matches the tree."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from xinference_magics import ChatXinference, XinferenceEmbeddings, XinferenceLLM
from xinference_magics.wire import engines
from xinference_magics.wire.parameters import NAMES

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs"
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built pages; a broken link is an error."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=ROOT, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Page(HTMLParser):
    """The resources that a page loads, its links, and the targets that links can point to."""

    def __init__(self, file):
        super().__init__()
        self.file = file
        self.addresses = []
        self.links = []
        self.places = {""}
        self.scripts = ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.places.add(attributes.get("id"))
        if tag == "a" and attributes.get("href"):
            self.links.append(urlsplit(attributes["href"]))
        if tag in {"script", "img", "iframe"}:
            self.addresses.append(attributes.get("src"))
        elif tag == "link" and attributes.get("rel") in {"stylesheet", "icon", "preconnect"}:
            self.addresses.append(attributes.get("href"))

    def handle_data(self, data):
        if self.lasttag == "script":
            self.scripts += data


@pytest.fixture(scope="module")
def pages(site):
    """The built pages, parsed."""
    return [Page(file) for file in site.rglob("*.html")]


def test_the_pages_fetch_nothing_from_elsewhere(pages):
    assert len(pages) > len(list(PAGES.glob("*.md")))  # plus the 404 page
    for page in pages:
        assert [each for each in page.addresses if each and "//" in each] == [], page.file
        assert "http" not in page.scripts, page.file  # some insert a script by its URL


def test_every_link_leads_somewhere(pages):
    places = {page.file: page.places for page in pages}
    for page in pages:
        inside = [link for link in page.links if not link.scheme and page.file.name != "404.html"]
        for link in inside:
            file = (page.file.parent / link.path).resolve() if link.path else page.file
            assert file.exists(), (page.file, link)
            assert unquote(link.fragment) in places.get(file, {""}), (page.file, link)
    assert any(link.scheme == "https" for page in pages for link in page.links)


def test_the_python_reference_has_every_public_class(site):
    page = (site / "python.html").read_text(encoding="utf-8")
    for name in ("ChatXinference", "XinferenceLLM", "XinferenceEmbeddings", "XinferenceRerank"):
        assert f'id="xinference_magics.{name}"' in page
    errors = (site / "errors.html").read_text(encoding="utf-8")
    assert 'id="xinference_magics.errors.ConnectError"' in errors


@pytest.mark.parametrize("kind", [ChatXinference, XinferenceLLM, XinferenceEmbeddings])
def test_the_python_reference_has_every_field_of_ours(site, kind):
    page = (site / "python.html").read_text(encoding="utf-8")
    ours = [base for base in kind.__mro__ if base.__module__.startswith("xinference_magics.")]
    fields = {name for base in ours for name in base.__annotations__ if name in kind.model_fields}
    assert "timeout" in fields
    for name in fields - set(NAMES):
        assert f'.{name}"' in page, name


def test_every_example_says_what_it_shows_and_what_to_change():
    examples = [json.loads(path.read_text()) for path in (ROOT / "examples").glob("*.ipynb")]
    assert len(examples) == 6
    for example in examples:
        opening = "".join(example["cells"][0]["source"])
        assert opening.startswith("# ")
        assert len(opening.split("\n\n")) > 2
        assert re.search(r"To use (a real model|real ones), change the (`.*` )?line", opening)
        assert not any(cell.get("outputs") for cell in example["cells"])


def test_every_test_and_make_target_named_in_the_docs_exists():
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in (*PAGES.glob("*.md"), *ROOT.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"\btest_\w+\.py", text)) <= tests, page.name
        named = re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)
        assert set(named) <= targets, page.name


def test_the_architecture_page_names_every_package():
    text = (PAGES / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "xinference_magics"
    inside = [*package.glob("[!_]*.py"), *package.glob("[!_]*/"), *package.glob("notebook/[!_]*/")]
    for path in inside:
        assert f"{path.name}{'/' if path.is_dir() else ''}" in text, path


def test_every_module_named_on_the_architecture_page_exists():
    named = re.findall(r"[\w/]+\.py", (PAGES / "architecture.md").read_text(encoding="utf-8"))
    assert len(named) > 30
    package = ROOT / "xinference_magics"
    modules = {f"/{path.relative_to(package).as_posix()}" for path in package.rglob("*.py")}
    missing = [name for name in named if not any(path.endswith(f"/{name}") for path in modules)]
    assert missing == []


def test_the_engines_page_lists_what_transformers_ignores():
    page = (PAGES / "engines.md").read_text(encoding="utf-8")
    for name in engines._IGNORED[engines.TRANSFORMERS]:
        assert name.removeprefix("top_") in page


def test_the_error_example_runs(capsys):
    code, *_ = PYTHON.findall((PAGES / "errors.md").read_text(encoding="utf-8"))
    exec(compile(code, "errors.md", "exec"), {})  # noqa: S102 - our own
    message, _, hint = capsys.readouterr().out.partition(" | ")
    assert "127.0.0.1:9" in message
    assert hint.strip()
