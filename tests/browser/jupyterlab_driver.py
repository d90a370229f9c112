"""Starts JupyterLab or Notebook 7 and drives it as a user would."""

import json
import os
import re
import secrets
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
from local_server import free_port
from playwright.sync_api import expect

REPOSITORY = Path(__file__).resolve().parents[2]
TESTS = REPOSITORY / "tests"  # so that kernels can import synthetic and hostile
PATHS = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 240
LOCAL = ("http://127.0.0.1:", "data:", "blob:", "about:srcdoc")
BLOCKED = ("csp", "net::ERR_BLOCKED_BY_CSP")  # by our policy: reported, never sent
EXECUTED = re.compile(r"\[\d+\]:?")
CELL_MS = 240_000
PAGES = {"jupyterlab": "lab/tree/{}?reset&", "notebook": "notebooks/{}?"}

SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}


class Lab:
    """A private JupyterLab server.

    Args:
        folder: An empty folder for its notebooks, settings and kernels.
        application: `jupyterlab` or `notebook`, whose pages are built from the same parts.
    """

    def __init__(self, folder, application="jupyterlab"):
        self._application = application
        self.root = folder / "notebooks"
        self.kernels = folder / "jupyter" / "kernels"
        self._folder = folder
        self._token = secrets.token_hex(16)
        self._process = None
        for path in (self.root, self.kernels):
            path.mkdir(parents=True)
        self._install_extension()

    def start(self):
        self._write_settings()
        while not self._answers_on(free_port()):
            pass  # another process has taken the port meanwhile

    def _answers_on(self, port):
        """Start on a port and wait for an answer; return False if the port was taken."""
        self._url = f"http://127.0.0.1:{port}"
        with (self._folder / "lab.log").open("w") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", self._application, "--no-browser", "--allow-root"),
                    "--expose-app-in-browser",
                    f"--ServerApp.port={port}",
                    "--ServerApp.port_retries=0",
                    f"--ServerApp.root_dir={self.root}",
                    f"--IdentityProvider.token={self._token}",
                ],
                env=self._environment(),
                stdout=log,
                stderr=log,
            )
        return self._await_answer(port)

    def stop(self):
        self.end_sessions()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def write_notebook(self, name, cells, kernel="python3"):
        """Write a notebook of code cells; return its path under the root."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": kernel, "display_name": kernel}},
        )
        nbformat.write(notebook, self.root / name)
        return name

    def read_notebook(self, path):
        """Read a saved notebook."""
        return nbformat.read(self.root / path, as_version=4)

    def open(self, page, path, artifacts):
        """Open a notebook in a page, with a kernel."""
        notebook = Notebook(self, page, path, artifacts)
        notebook.load()
        return notebook

    def page_url(self, path):
        page = PAGES[self._application].format(path)
        return f"{self._url}/{page}token={self._token}"

    def end_sessions(self):
        """Shut down all kernels."""
        for session in self.request("GET", "sessions"):
            self.request("DELETE", f"sessions/{session['id']}")

    def request(self, method, path):
        """Call Jupyter Server's API."""
        request = urllib.request.Request(  # noqa: S310
            f"{self._url}/api/{path}",
            method=method,
            headers={"Authorization": f"token {self._token}"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            body = answer.read()
        return json.loads(body) if body else None

    def _environment(self):
        folders = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTER_PATH": "jupyter",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        own = {name: str(self._folder / folder) for name, folder in folders.items()}
        own["PYTHONPATH"] = PATHS
        return {**os.environ, **own, "NO_PROXY": "127.0.0.1"}

    def _install_extension(self):
        """Install the extension of this checkout, as the wheel does."""
        builds = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"][
            "build"
        ]
        for source, target in builds["targets"]["wheel"]["shared-data"].items():
            copy = self._folder / "jupyter" / Path(target).relative_to("share/jupyter")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((REPOSITORY / source).read_bytes())

    def _write_settings(self):
        for name, values in SETTINGS.items():
            path = self._folder / "settings" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))

    def _await_answer(self, port):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.request("GET", "status")
            except OSError:
                time.sleep(0.2)
            else:
                return True
        log = (self._folder / "lab.log").read_text()
        if f"The port {port} is already in use" in log:
            return False
        raise RuntimeError(f"{self._application} does not answer:\n{log[-3000:]}")


class Notebook:
    """A notebook that is open in a page."""

    def __init__(self, lab, page, path, artifacts):
        self.lab, self.page, self.path = lab, page, path
        self._artifacts = artifacts
        self.received = 0
        self.dialogs = []
        self.requests = []
        page.on("dialog", self._take_dialog)
        page.on("request", self._note)
        page.on("websocket", lambda socket: socket.on("framereceived", self._count))

    def load(self, *, with_kernel=True):
        """Load the page and open the notebook in it."""
        self.page.goto(self.lab.page_url(self.path))
        expect(self.page.locator(".jp-Notebook-cell").first).to_be_visible(timeout=CELL_MS)
        if with_kernel:
            self.page.wait_for_function(
                "() => { const kernel = jupyterapp.shell.currentWidget?.sessionContext"
                "?.session?.kernel; return kernel?.status === 'idle'; }",
                timeout=CELL_MS,
            )

        self.page.evaluate("() => jupyterapp.shell.collapseLeft()")

    def run(self, index, *, wait=True):
        """Run cell `index` and, unless `wait` is false, wait until it has finished."""
        self.page.evaluate(
            "index => { const panel = jupyterapp.shell.currentWidget;"
            " panel.content.activeCellIndex = index;"
            " jupyterapp.commands.execute('notebook:run-cell'); }",
            index,
        )
        if wait:
            self.wait(index)

    def wait(self, index, timeout=CELL_MS):
        """Wait until a cell has run."""
        prompt = self.cell(index).locator(".jp-InputPrompt")
        expect(prompt).to_have_text(EXECUTED, timeout=timeout)

    def is_running(self, index):
        return "*" in self.cell(index).locator(".jp-InputPrompt").inner_text()

    def cell(self, index):
        return self.page.locator(".jp-Notebook-cell").nth(index)

    def output(self, index):
        """The whole output of a cell."""
        return self.cell(index).locator(".jp-OutputArea-output")

    def execute(self, command, **arguments):
        """Execute one of JupyterLab's commands."""
        return self.page.evaluate(
            "([command, given]) => jupyterapp.commands.execute(command, given).then(() => null)",
            [command, arguments],
        )

    def restart_kernel(self):
        """Restart the kernel as the menu does, without its question."""
        kernel = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        self.page.evaluate(f"() => {kernel}.restart()")

    def save(self):
        """Save the notebook and return what is in the file."""
        self.execute("docmanager:save")
        return self.lab.read_notebook(self.path)

    def reload_without_kernel(self):
        """Shut down the kernel and reopen the saved notebook without one."""
        self.lab.end_sessions()
        self.page.goto(self.lab.page_url("").replace("/tree/?", "?"))
        self.page.wait_for_function("() => window.jupyterapp?.restored", timeout=CELL_MS)
        self.execute(
            "docmanager:open",
            path=self.path,
            factory="Notebook",
            kernelPreference={"shouldStart": False, "canStart": False, "autoStartDefault": False},
        )
        expect(self.page.locator(".jp-Notebook-cell").first).to_be_visible(timeout=CELL_MS)
        self.page.evaluate("() => jupyterapp.shell.collapseLeft()")

    def use_theme(self, name):
        """Switch to the theme `JupyterLab Dark` or `JupyterLab Light`."""
        self.execute("apputils:change-theme", theme=name)
        is_light = "true" if "Light" in name else "false"
        self.page.wait_for_selector(f'body[data-jp-theme-light="{is_light}"]', state="attached")
        self.page.wait_for_timeout(300)

    def stop_button(self):
        return self.page.get_by_role("button", name="Stop", exact=True)

    def screenshot(self, name, of=None):
        """Save a screenshot of the page, or of the element `of`."""
        self._artifacts.mkdir(parents=True, exist_ok=True)
        path = self._artifacts / f"{name}.png"
        (of or self.page).screenshot(path=path)
        return path

    def assert_harmless(self):
        """Assert that no model output ran and nothing was fetched from another host."""
        assert self.page.evaluate("() => window.pwned") is None
        assert not self.dialogs
        elsewhere = [
            (each.url, each.failure)
            for each in self.requests
            if not each.url.startswith(LOCAL) and each.failure not in BLOCKED
        ]
        assert not elsewhere, elsewhere[:5]

    def _take_dialog(self, dialog):
        if dialog.type == "beforeunload":  # a page with changes is reloaded
            dialog.accept()
            return
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _note(self, request):
        self.requests.append(request)

    def _count(self, frame):
        self.received += len(frame)


def install_old_kernel(lab, folder):
    """Install ipykernel 6 alongside the environment's own, as a kernel with another name."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*pip, "ipykernel==6.31.0"], check=True)
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "ipykernel 6",
        "language": "python",
        "env": {"PYTHONPATH": f"{folder}{os.pathsep}{PATHS}"},
    }
    target = lab.kernels / "ipykernel6"
    target.mkdir()
    (target / "kernel.json").write_text(json.dumps(spec))
    return target.name
