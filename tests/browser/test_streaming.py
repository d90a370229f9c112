"""A running turn in JupyterLab: streaming, stopped by a click, settled as plain output."""

import os
import re
import signal

import pytest
from playwright.sync_api import expect
from synthetic import PROSE

from xinference_magics.chat.turn import RECORD_MIME

IMPORTS = "from synthetic import play, PROSE"
LONG = "turn = play(PROSE * 20, rate=30)\nprint('this cell goes on:', turn.status)"
NEXT = "print('the next cell:', turn.status, len(turn.text) > 0)"

SAMPLE = r"""## Three mornings in Paris

The capital of France has *three* places worth a morning, for $5 or $10:

1. the **Louvre**,
2. the hill of `Montmartre`,
3. the Seine ([map](https://example.org/map)).

| place | minutes | cost |
|:--|--:|:-:|
| Louvre | 180 | 22 € |
| Seine | 60 | free |

```python
def visit(place: str, minutes: int = 60) -> str:
    # an honest comment
    return f"{place}: {minutes / 60:.1f} h"
```

Euler wrote $e^{i\pi} + 1 = 0$, and

$$\int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}$$
"""
REASONING = "The user asks about Paris. I name places that are near.\n\nWhat is open?\n" * 4

CLICK_LATE = """() => {
  const isLate = document.querySelector('.xm-content')?.textContent.includes('each of them');
  if (isLate) document.querySelector('.xm-stop').click();
  return isLate;
}"""


def letters(text):
    """Return a text without what formatting removes."""
    return re.sub(r"[\s*]+", "", text)


def begin(notebook, index):
    """Run a cell and wait for the first sentence."""
    notebook.run(index, wait=False)
    content = notebook.output(index).locator(".xm-content")
    expect(content).to_contain_text("Montmartre")
    return content


def test_text_is_visible_before_the_turn_ends_and_settles(open_notebook):
    notebook = open_notebook([IMPORTS, "turn = play(PROSE * 4, rate=40, wait=3)"])
    notebook.run(0)
    notebook.run(1, wait=False)
    output = notebook.output(1).first
    expect(output).to_contain_text(re.compile(r"waiting · \d\.\d s"))
    notebook.screenshot("waiting")
    expect(output.locator(".xm-content")).to_contain_text("Montmartre")
    assert notebook.is_running(1)
    words = r"\d+ tokens · [\d.,]+ tokens/s · [\d.]+ s to first token · [\d.]+ s total"
    expect(output).to_contain_text(re.compile(words))
    notebook.screenshot("streaming")
    live = output.locator(".xm-content p").first
    expect(live.locator("strong")).to_have_text("Paris")  # formatted while the rest arrives
    before = live.bounding_box()
    notebook.wait(1)
    paragraph = notebook.output(1).first.locator("p").first
    expect(paragraph.locator("strong")).to_have_text("Paris")
    after = paragraph.bounding_box()
    for each in ("x", "y", "height"):
        assert after[each] == pytest.approx(before[each], abs=2), each
    assert notebook.page.locator(".xm-turn").count() == 0
    notebook.screenshot("settled")


def test_settled_output_needs_no_widget_and_no_kernel(open_notebook):
    comms = "import comm, threading\nprint(len(comm.get_comm_manager().comms))"
    notebook = open_notebook([IMPORTS, f"turn = play({SAMPLE!r}, reasoning={REASONING!r})", comms])
    for index in range(3):
        notebook.run(index)
    expect(notebook.output(2)).to_have_text("0\n")
    saved = notebook.save()
    assert "widgets" not in saved.metadata
    (shown,) = saved.cells[1].outputs
    assert set(shown.data) == {"text/html", "text/markdown", "text/plain", RECORD_MIME}
    notebook.reload_without_kernel()
    output = notebook.output(1).first
    expect(output.locator("mjx-container")).to_have_count(2)
    expect(output).to_contain_text("for $5 or $10")
    expect(output.locator("td").first).to_have_text("Louvre")
    assert output.locator("details").get_attribute("open") is None
    notebook.screenshot("reloaded")
    notebook.use_theme("JupyterLab Dark")
    notebook.screenshot("reloaded-dark")
    notebook.use_theme("JupyterLab Light")


def test_thinking_has_a_fold_that_closes_when_the_answer_begins(open_notebook):
    cell = f"turn = play(PROSE, reasoning={REASONING!r}, rate=30)"
    notebook = open_notebook([IMPORTS, cell])
    notebook.run(0)
    notebook.run(1, wait=False)
    fold = notebook.output(1).locator("details.xm-thinking")
    expect(fold).to_contain_text("The user asks")
    assert fold.evaluate("each => each.open")
    notebook.screenshot("thinking")
    expect(notebook.output(1)).to_contain_text("Paris")
    expect(fold.locator("summary")).to_have_text(re.compile(r"Thought for \d+\.\d s"))
    assert not fold.evaluate("each => each.open")
    notebook.wait(1)


@pytest.mark.parametrize("kernel", ["python3", "ipykernel6"])
def test_stop_ends_the_turn_and_the_cell_continues(open_notebook, old_kernel, kernel):
    notebook = open_notebook([IMPORTS, LONG, NEXT], kernel=kernel)
    notebook.run(0)
    begin(notebook, 1)
    notebook.stop_button().click()
    notebook.wait(1)
    expect(notebook.output(1).first).to_contain_text("■ stopped")
    expect(notebook.output(1).first).to_contain_text(PROSE[:20])
    expect(notebook.output(1).last).to_have_text("this cell goes on: stopped\n")
    notebook.run(2)
    expect(notebook.output(2)).to_have_text("the next cell: stopped True\n")
    notebook.screenshot(f"stopped-{kernel}")


def test_cells_queued_behind_a_stopped_one_run_in_order(open_notebook, old_kernel):
    cells = [IMPORTS, LONG, "order = [1]", "order.append(2)", "order.append(3); print(order)"]
    notebook = open_notebook(cells, kernel=old_kernel)
    notebook.run(0)
    begin(notebook, 1)
    for index in (2, 3, 4):
        notebook.run(index, wait=False)
    notebook.stop_button().click()
    notebook.wait(4)
    expect(notebook.output(4)).to_have_text("[1, 2, 3]\n")


@pytest.mark.parametrize("by", ["user", "server"])
def test_an_answer_says_that_its_kernel_was_restarted(open_notebook, by):
    notebook = open_notebook([f"{IMPORTS}\nimport os; print(os.getpid())", LONG])
    notebook.run(0)
    begin(notebook, 1)
    if by == "user":
        notebook.restart_kernel()
    else:  # because it died
        os.kill(int(notebook.output(0).inner_text()), signal.SIGKILL)
    output = notebook.output(1).first
    note = output.locator(".xm-note")
    expect(note).to_have_text("■ kernel restarted; the answer was not finished")
    expect(output).to_contain_text(PROSE[:20])
    expect(notebook.stop_button()).to_have_count(0)
    figures = output.locator(".xm-figures").inner_text()
    notebook.page.wait_for_timeout(500)
    assert output.locator(".xm-figures").inner_text() == figures
    notebook.screenshot(f"kernel-restarted-by-{by}")


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_stop_works_from_the_keyboard(open_notebook, key):
    notebook = open_notebook([IMPORTS, LONG])
    notebook.run(0)
    begin(notebook, 1)
    notebook.stop_button().focus()
    notebook.page.keyboard.press(key)
    notebook.wait(1)
    expect(notebook.output(1).last).to_have_text("this cell goes on: stopped\n")


def test_stop_interrupts_a_kernel_that_cannot_hear_the_page(open_notebook):
    deaf = "from xinference_magics.display.inbox import Inbox\nInbox.take = lambda *_: None"
    notebook = open_notebook([IMPORTS, deaf, LONG])
    notebook.run(0)
    notebook.run(1)
    begin(notebook, 2)
    notebook.stop_button().click()
    notebook.wait(2)
    expect(notebook.output(2).last).to_have_text("this cell goes on: interrupted\n")


def test_a_click_as_the_turn_ends_does_not_interrupt_the_next_cell(open_notebook):
    deaf = "from xinference_magics.display.inbox import Inbox\nInbox.take = lambda *_: None"
    sleep = "import time\ntime.sleep(2)\nprint('slept')"
    notebook = open_notebook([IMPORTS, deaf, "turn = play(PROSE, rate=20)", sleep])
    notebook.run(0)
    notebook.run(1)
    notebook.run(2, wait=False)
    notebook.run(3, wait=False)
    notebook.page.wait_for_function(CLICK_LATE)
    notebook.wait(3)
    assert notebook.output(3).all_inner_texts() == ["slept\n"]
    assert "stopped" not in notebook.output(2).first.inner_text()


def test_lost_messages_are_recovered(open_notebook):
    # Losing every fourth would be in step with the page, which asks again at a fixed interval.
    lossy = """
from xinference_magics.display.widget import ChatWidget
from random import Random
send, luck = ChatWidget.send, Random(7)
ChatWidget.send = lambda self, content: (
    ("n" in content and luck.random() < 0.25) or send(self, content)
)
"""
    notebook = open_notebook([IMPORTS, lossy, "turn = play(PROSE * 30, rate=60)"])
    notebook.run(0)
    notebook.run(1)
    content = begin(notebook, 2)  # the page asks twice if the first reply is lost
    for _ in range(10):
        shown = content.text_content()
        assert letters(PROSE * 30).startswith(letters(shown))
        notebook.page.wait_for_timeout(100)
    assert shown.count("Montmartre") > 0
    notebook.stop_button().first.click()
    notebook.wait(2)


def test_a_second_view_of_the_output_shows_all_of_it(open_notebook):
    notebook = open_notebook([IMPORTS, LONG])
    notebook.run(0)
    content = begin(notebook, 1)
    notebook.execute("notebook:create-output-view")
    second = notebook.page.locator(".jp-LinkedOutputView .xm-content")
    expect(second).to_contain_text("The capital of France is Paris")
    assert second.text_content()[:100] == content.text_content()[:100]
    notebook.stop_button().first.click()
    notebook.wait(1)
