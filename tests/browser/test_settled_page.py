"""What stays of answers, launches, tables and formats, measured in JupyterLab in both themes."""

import gzip
from pathlib import Path

import pytest
from playwright.sync_api import expect

HERE = Path(__file__).parent
SINK = (HERE.parent / "kitchen_sink.md").read_text()

ANSWER = f"""\
from synthetic import play
text = {SINK!r}
turn = play(text, reasoning="Let me *think*.", title="tiny-chat", rate=3000)
"""
LABS = """\
from IPython.display import Markdown
Markdown(text)
"""
LAUNCH = """\
from xinference_magics.display.progress import PageLaunchView
view = PageLaunchView()
view.open("Launching tiny-chat")
facts = ["llama.cpp, ggufv2 f16", "llm and %%chat use it"]
view.ready("tiny-chat", facts, ["Model uid: tiny-chat"])
"""
TABLE = """\
from xinference_magics.display.tables import table_of
table_of([("tiny-chat", 8192)], "UID", "context", caption="One model.")
"""
FORMATS = """\
from IPython.display import display
from xinference_magics.display.formats import answer_html
from xinference_magics.display.frame import framed
from xinference_magics.display.settled import header
for text, form in (('{"likes": ["figs", 2, null], "of": {"name": "Ann"}}', "json"),
                   ("<h1>Hi</h1><p>A page.</p>", "html")):
    display({"text/html": framed(header("tiny-chat", "1.0 s") + answer_html(text, form))}, raw=True)
print("text")
"""
CELLS = [ANSWER, LABS, LAUNCH, TABLE, FORMATS]

MEASURE = """\
root => {
  const all = chosen => [...root.querySelectorAll(chosen)];
  const style = each => getComputedStyle(each);
  const named = text => all('p, li, td, th, span, [role=heading]')
    .find(each => each.textContent.trim() === text);
  const roses = all('p').find(each => each.textContent.startsWith('Roses'));
  const scrolls = each => each.scrollWidth > each.clientWidth + 1;
  return {
    sideways: scrolls(root),
    tables: all('table').map(each => scrolls(each.parentElement)),
    cells: all('td, th').map(each => style(each).textAlign),
    code: all('pre').map(each => [scrolls(each), style(each.firstChild).whiteSpace]),
    labels: all('pre').map(each => each.previousElementSibling?.textContent),
    headings: all('[role=heading]').map(each => [each.ariaLevel, parseFloat(style(each).fontSize)]),
    links: all('a[href^=http]').map(each => each.getAttribute('href')),
    lines: roses.getBoundingClientRect().height / parseFloat(style(roses).lineHeight),
    aligned: style(named('مرحبا بالعالم، هذا نص.')).textAlign,
    arabic: [style(named('مرحبا بالعالم، هذا نص.')).direction, style(named('שני')).direction],
    tags: ['sub', 'sup', 'kbd', 'td br'].map(tag => all(tag).length),
    boxes: all('li [role=img]').map(each => each.ariaLabel),
    shadows: all('*').filter(each => each.shadowRoot).length,
  };
}"""

CONTRASTS = """\
roots => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const over = ([r, g, b, a = 1], behind) =>
    [r, g, b].map((part, place) => part * a + behind[place] * (1 - a));
  const light = part => (part /= 255) <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const ground = each => {
    const behind = each.parentElement ? ground(each.parentElement) : [255, 255, 255];
    return over(rgb(getComputedStyle(each).backgroundColor), behind);
  };
  const opacity = each => each ? +getComputedStyle(each).opacity * opacity(each.parentElement) : 1;
  const chosen = 'span[style*=color], [style*=opacity]';
  return roots.flatMap(root => [...root.querySelectorAll(chosen)]).map(each => {
    const behind = ground(each), [r, g, b, a = 1] = rgb(getComputedStyle(each).color);
    const pair = [over([r, g, b, a * opacity(each)], behind), behind].map(luminance);
    pair.sort((x, y) => y - x);
    return [each.textContent.slice(0, 20), (pair[0] + 0.05) / (pair[1] + 0.05)];
  });
}"""

LEFT = """\
root => {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(node);
    const { left, width } = range.getBoundingClientRect();
    if (node.data.trim() && width) return left;
  }
}"""


def violations(page):
    """Return the serious barriers that axe finds in our output, each with its elements."""
    found = page.evaluate(
        """async () => {
          const { violations } = await axe.run(
            { include: ['.jp-OutputArea-output .tex2jax_ignore'] },
            { resultTypes: ['violations'], iframes: false });
          return violations.map(each => [each.id, each.impact, each.nodes.map(node => node.html)]);
        }"""
    )
    return [each for each in found if each[1] in {"serious", "critical"}]


@pytest.fixture
def settled(open_notebook):
    """Run all cells; return the notebook."""
    notebook = open_notebook(CELLS)
    for index in range(len(CELLS)):
        notebook.run(index)
    return notebook


def test_an_answer_is_at_least_what_jupyterlab_shows(settled):
    notebook, page = settled, settled.page
    answer = notebook.output(0).first
    labs = notebook.output(1).first
    expect(answer.locator("mjx-container")).to_have_count(1)
    seen = answer.evaluate(MEASURE)
    theirs = labs.evaluate(MEASURE.replace("each.previousElementSibling?.textContent", "''"))
    assert not seen["sideways"]
    assert seen["cells"] == ["left", "right", "center"] * 3 + ["left"] * 4
    assert all(space == "pre" for _, space in seen["code"])
    assert seen["code"][0][0], "the long line of code scrolls in its box"
    assert seen["labels"] == ["python", "json"]
    assert [level for level, _ in seen["headings"]] == ["1", "2", "3", "4"]
    assert max(size for _, size in seen["headings"]) <= 20
    assert seen["links"] == theirs["links"]
    assert len(seen["links"]) == 3
    assert seen["lines"] == pytest.approx(2, abs=0.3)
    assert seen["arabic"] == ["rtl", "rtl"]
    assert seen["aligned"] == "right"
    assert seen["tags"] == [1, 1, 2, 1]
    assert seen["boxes"] == ["done", "to do"]
    assert not seen["shadows"]

    # The outline of the notebook has the headings of JupyterLab's rendering, and only those.
    notebook.execute("toc:show-panel")
    expect(page.locator(".jp-TableOfContents").get_by_text("Kitchen sink")).to_have_count(1)
    page.evaluate("() => jupyterapp.shell.collapseLeft()")

    edges = [notebook.output(index).first.evaluate(LEFT) for index in (0, 3)]
    edges.append(notebook.output(4).last.evaluate(LEFT))
    edges.append(notebook.output(2).first.locator("summary").bounding_box()["x"])
    assert max(edges) - min(edges) <= 1, edges
    frame = notebook.output(4).nth(1).locator("iframe")
    expect(frame.content_frame.get_by_text("A page.")).to_be_visible()
    box, inside = frame.bounding_box(), frame.content_frame.get_by_text("A page.").bounding_box()
    assert box["y"] + box["height"] - 60 < inside["y"] + inside["height"] < box["y"] + box["height"]

    page.add_script_tag(content=gzip.decompress((HERE / "axe/axe.min.js.gz").read_bytes()).decode())
    for theme in ("Light", "Dark"):
        notebook.use_theme(f"JupyterLab {theme}")
        for index in range(5):
            if index != 1:
                notebook.screenshot(f"settled-{index}-{theme}", of=notebook.cell(index))
        notebook.screenshot(f"settled-lab-{theme}", of=notebook.cell(1))
        contrasts = page.locator(".jp-OutputArea-output").evaluate_all(CONTRASTS)
        assert len(contrasts) > 30
        poor = [each for each in contrasts if each[1] < 4.5]
        assert not poor
        assert not violations(page)
    notebook.use_theme("JupyterLab Light")
