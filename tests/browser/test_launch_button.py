"""A launch in JupyterLab: its stages, a line per replica, and Cancel, which takes two clicks."""

import pytest
from playwright.sync_api import expect
from waiting import eventually

pytestmark = pytest.mark.long

LONG = 90_000  # ms: a launch takes up to a minute to unwind


SHOW = """
from xinference_magics.display.widget import LaunchWidget
state = {"title": "Launching m", "words": "loading", "fraction": 0.5, "seconds": 3.0}
part = {"name": "m-0", "words": "loading", "fraction": 0.5}
display(LaunchWidget(state={**state, "cancel": "offered", "parts": [part]}))
"""


def cells(server, uid):
    launch = f"%xinference launch -n tiny-chat -f ggufv2 -u {uid} -r 2 --disable-virtual-env"
    connect = f"%load_ext xinference_magics\n%xinference connect {server.endpoint}"
    return [connect, launch, "'the next cell'"]


def both_themes(notebook, name, index=1):
    for theme in ("Light", "Dark"):
        notebook.use_theme(f"JupyterLab {theme}")
        notebook.screenshot(f"{name}-{theme.lower()}", of=notebook.cell(index))
    notebook.use_theme("JupyterLab Light")


@pytest.mark.usefixtures("tiny_registered")
def test_a_failed_launch_says_why_and_what_to_do(open_notebook, server):
    connect, launch, _ = cells(server, "lost")
    notebook = open_notebook([connect, f"{launch} --model-path /no/such/model.gguf"])
    notebook.run(0)
    notebook.run(1)
    output = notebook.output(1)
    expect(output.first).to_contain_text("✗ Launching lost: failed")
    expect(output.last).to_contain_text("LaunchError: lost did not start: ")
    expect(output.last).to_contain_text("File or directory does not exist")
    expect(output.last).to_contain_text("The path must exist on the machine that runs the model.")
    both_themes(notebook, "launch-failed")


@pytest.mark.usefixtures("tiny_registered", "old_kernel")
@pytest.mark.parametrize("kernel", ["python3", "ipykernel6"])
def test_cancel_takes_two_clicks_and_fails_the_cell(open_notebook, server, cluster, kernel):
    uid = f"given-up-{kernel}"
    notebook = open_notebook(cells(server, uid), kernel=kernel)
    notebook.run(0)
    notebook.run(1, wait=False)
    output = notebook.output(1)
    expect(output.locator(".xm-launch")).to_contain_text("loading", timeout=LONG)
    expect(output.locator(".xm-part")).to_have_count(2)
    both_themes(notebook, f"launch-loading-{kernel}")

    button = notebook.page.locator(".xm-cancel")
    button.click()
    expect(button).to_have_text("Click again to cancel")
    both_themes(notebook, f"launch-asking-{kernel}")
    expect(button).to_have_text("Cancel")  # a single click expires
    button.click()
    button.click()
    expect(button).to_have_text("Cancelling")
    expect(output.first).to_contain_text("waiting for loading to stop")
    both_themes(notebook, f"launch-cancelling-{kernel}")

    notebook.wait(1, timeout=LONG)
    expect(output.first).to_contain_text(f"✗ Launching {uid}: cancelled")
    expect(output.last).to_contain_text(f"LaunchError: The launch of {uid} was cancelled.")
    expect(notebook.page.locator(".xm-launch")).to_have_count(0)
    both_themes(notebook, f"launch-cancelled-{kernel}")
    # One replica may take longer to unwind than the other.
    eventually(lambda: not any(each.ready or each.loading for each in cluster.replicas(uid)))


def test_a_launch_says_that_its_kernel_was_restarted(open_notebook):
    notebook = open_notebook([SHOW])
    notebook.run(0)
    shown = notebook.output(0).locator(".xm-launch")
    expect(shown).to_contain_text("Launching m· loading · ")
    notebook.restart_kernel()
    expect(shown).to_contain_text("Launching m· kernel restarted; the launch may still be running")
    expect(notebook.page.locator(".xm-cancel, .xm-bar")).to_have_count(0)
    notebook.screenshot("launch-kernel-restarted")
