"""A running answer on the page: it follows its end, stays with the reader, is heard."""

import pytest
from playwright.sync_api import expect

IMPORTS = "from synthetic import play, PROSE\nimport itertools"
ABOVE, BELOW = "\n".join("x = 1" for _ in range(8)), "\n".join("y = 2" for _ in range(8))
LONG = "turn = play(PROSE * 200, rate=90)"

PLACES = """() => {
  const view = document.querySelector('.xm-turn');
  if (!view) return null;
  const box = (each) => {
    const { top, bottom } = each.getBoundingClientRect();
    return { top, bottom };
  };
  const restOf = (each) => each.scrollHeight - each.clientHeight - each.scrollTop;
  const outer = document.querySelector('.jp-WindowedPanel-outer');
  const inner = view.closest('.jp-mod-outputsScrolled .jp-OutputArea');
  return {
    view: box(view), stop: box(view.querySelector('.xm-stop')),
    outer: box(outer), top: outer.scrollTop, inner: inner && { ...box(inner), rest: restOf(inner) },
  };
}"""

# What a screen reader says of a region: nodes that are added, unless a nearer element forbids it.
LISTEN = """() => {
  window.heard = [];
  const isHeard = (node) => {
    const element = node.nodeType === 1 ? node : node.parentElement;
    const live = element?.closest('[aria-live], [role=status]');
    return live && (live.getAttribute('aria-live') ?? 'polite') === 'polite';
  };
  const hear = (node) => {
    const text = node.textContent.trim();
    if (text && isHeard(node)) window.heard.push(text);
  };
  const note = (records) => records.forEach(({ addedNodes }) => addedNodes.forEach(hear));
  new MutationObserver(note).observe(document.body, { childList: true, subtree: true });
}"""
# Where the first and the last line are in their cell, while it answers and when it has settled.
PLACES_OF_LINES = """() => {
  const lines = window.lines = { live: null, settled: null };
  const cell = document.querySelectorAll('.jp-Notebook-cell')[1];
  const find = (output) => {
    const top = cell.getBoundingClientRect().top;
    const lines = [...output.querySelectorAll('[role=heading], p')];
    const found = lines.filter((each) => !each.closest('details'));
    const ends = [found.at(0), found.at(-1)];
    return ends.map((each) => each && each.getBoundingClientRect().bottom - top);
  };
  const watch = () => {
    const output = cell.querySelector('.jp-OutputArea-output');
    if (document.querySelector('.xm-turn')) lines.live = find(output);
    else if (output && lines.live) lines.settled ||= find(output);
    requestAnimationFrame(watch);
  };
  watch();
}"""


LINES = 40
"""Pixels: on a busy machine, a line is measured before the page has scrolled to it."""


def places(notebook):
    found = notebook.page.evaluate(PLACES)
    assert found, "the answer has ended"
    return found


def assert_follows(notebook, scroller="outer"):
    """Assert that the end stays in sight while the answer grows, and Stop too."""
    before = places(notebook)
    for _ in range(3):
        notebook.page.wait_for_timeout(250)
        now = places(notebook)
        assert now["view"]["bottom"] <= now[scroller]["bottom"] + LINES
        assert now[scroller]["top"] - 1 <= now["stop"]["top"] <= now[scroller]["bottom"] - 20
    return before, now


def assert_stays(notebook):
    """Assert that the page does not scroll while the answer grows, and that Stop is in sight."""
    notebook.page.wait_for_timeout(100)
    before = places(notebook)
    notebook.page.wait_for_timeout(600)
    now = places(notebook)
    assert now["top"] == pytest.approx(before["top"], abs=1)
    assert now["view"]["bottom"] > before["view"]["bottom"] + 10
    assert now["outer"]["top"] - 1 <= now["stop"]["top"] <= now["outer"]["bottom"] - 20


def wheel(notebook, pixels):
    notebook.page.mouse.move(500, 400)
    notebook.page.mouse.wheel(0, pixels)


def test_the_page_follows_until_the_reader_goes_elsewhere(open_notebook):
    notebook = open_notebook([IMPORTS, ABOVE, LONG, BELOW, LONG, BELOW])
    page = notebook.page
    notebook.run(0)
    notebook.run(2, wait=False)
    expect(
        notebook.output(2).locator(".xm-content p").nth(12)
    ).to_be_attached()  # longer than the page
    assert_follows(notebook)
    notebook.screenshot("follows")
    wheel(notebook, -300)
    assert_stays(notebook)
    now = places(notebook)
    wheel(notebook, now["view"]["bottom"] - now["outer"]["bottom"] + 150)
    page.wait_for_timeout(400)
    assert_follows(notebook)
    notebook.execute("notebook:move-cursor-up")
    assert_stays(notebook)
    notebook.stop_button().focus()
    page.keyboard.press("Enter")
    notebook.wait(2)
    assert notebook.cell(2).evaluate("each => each.contains(document.activeElement)")

    notebook.run(4, wait=False)
    expect(notebook.output(4).locator(".xm-content p").first).to_be_attached()
    notebook.execute("notebook:enable-output-scrolling")
    expect(notebook.output(4).locator(".xm-content p").nth(12)).to_be_attached()
    _, now = assert_follows(notebook, "inner")
    assert now["inner"]["rest"] <= 10
    notebook.screenshot("follows-in-a-scrolled-output")
    notebook.cell(3).locator(".cm-content").click()
    page.keyboard.type("z = ")
    before = places(notebook)["inner"]["rest"]
    page.wait_for_timeout(500)
    assert places(notebook)["inner"]["rest"] > before
    notebook.stop_button().click()
    notebook.wait(4)


def test_nothing_jumps_at_the_end_and_each_block_is_heard(open_notebook):
    text = (
        "# A title\\n\\nOne **paragraph**.\\n\\n- one\\n- two\\n- three\\n\\n"
        "| a | b |\\n|---|---|\\n| 1 | 2 |\\n| 3 | 4 |\\n\\n> quoted\\n\\n"
        "```python\\nx = 1" + "\\ny = x + 1" * 12 + "\\nprint(x)\\n```\\n\\nThe last one."
    )
    notebook = open_notebook(
        [IMPORTS, f'turn = play("{text}", rate=15, reasoning="Let me think. ")']
    )
    notebook.run(0)
    notebook.page.evaluate(LISTEN)
    notebook.page.evaluate(PLACES_OF_LINES)
    notebook.run(1, wait=False)
    code = notebook.output(1).locator(".xm-code")
    code.wait_for()  # which asks more often than an expectation
    assert code.get_attribute("data-language") == "python"
    assert "mono" in code.evaluate("each => getComputedStyle(each).fontFamily")
    notebook.screenshot("open-code")
    notebook.wait(1)
    lines = notebook.page.evaluate("() => window.lines")
    assert lines["settled"] == pytest.approx(lines["live"], abs=2)
    heard = "\n".join(notebook.page.evaluate("() => window.heard"))
    for part in (
        "A title",
        "One paragraph.",
        "one",
        "three",
        "quoted",
        "print(x)",
        "The last one.",
    ):
        lines = [line.strip() for line in heard.splitlines()]
        assert part in lines
    assert "Let me think" not in heard
    assert heard.rstrip().endswith("qwen2.5-instruct has ended")
    assert len(notebook.page.evaluate("() => window.heard")) < 25  # and not each frame
