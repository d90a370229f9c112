"""A real JupyterLab with real kernels, driven through a real browser."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # find_browser

import pytest
from find_browser import REMEDY, find
from jupyterlab_driver import CHROMIUM_FLAGS, Lab, install_old_kernel
from playwright.sync_api import expect, sync_playwright

ARTIFACTS = Path(os.environ.get("TEST_ARTIFACTS") or Path(__file__).parents[1] / "artifacts")

expect.set_options(timeout=120_000)  # ms: a busy machine is slow


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, closed after each module: Playwright's loop would break async tests."""
    path = find()
    if path is None:
        pytest.fail(REMEDY, pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A private JupyterLab on a free port, with its files and settings in a new folder."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.start()
    yield lab
    lab.stop()


@pytest.fixture(scope="session")
def old_kernel(lab, tmp_path_factory):
    """The name of a kernel with ipykernel 6, otherwise the same as the default kernel."""
    return install_old_kernel(lab, tmp_path_factory.mktemp("ipykernel6"))


@pytest.fixture(scope="module")
def profile(browser):
    """A browser profile whose cache makes JupyterLab's later pages load quickly."""
    context = browser.new_context(viewport={"width": 1000, "height": 760}, device_scale_factor=2)
    yield context
    context.close()


@pytest.fixture
def open_notebook(lab, profile):
    """Open a new notebook: `open_notebook(["cell 1", "cell 2"], kernel="python3")`."""
    opened = []

    def open_new(cells, kernel="python3", name="Untitled"):
        path = lab.write_notebook(f"{name}-{len(list(lab.root.iterdir()))}.ipynb", cells, kernel)
        notebook = lab.open(profile.new_page(), path, ARTIFACTS)
        opened.append(notebook)
        return notebook

    yield open_new
    for notebook in opened:
        notebook.assert_harmless()
        notebook.page.close()
    lab.end_sessions()
