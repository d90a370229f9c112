"""Hostile text from every source in every place: none of it runs, nothing is fetched.

Each page holds many vectors, so that the tests take seconds instead of hours.
"""

import pytest
from hostile import AWAY, MARKER, VECTORS
from hostile_places import PLACES
from jupyterlab_driver import BLOCKED
from nbconvert import HTMLExporter
from playwright.sync_api import expect

pytestmark = pytest.mark.long

STREAMED = """\
from hostile import VECTORS
from synthetic import play
text = "\\n\\n".join([*VECTORS, "The end."])
turn = play(text, reasoning=text, title=VECTORS[0], rate=4000, size=2000)
"""
SHOWN = """\
from IPython.display import display
from hostile_places import PLACES, show
for place in PLACES[{start}:{stop}]:
    display(show(place), raw=True)
print("The end.")
"""
MARKDOWN = """\
from IPython.display import display
from hostile_places import PLACES, show
for place in PLACES:
    if "text/markdown" in (shown := show(place)):
        display({"text/markdown": shown["text/markdown"]}, raw=True)
print("The end.")
"""
FOREIGN = (
    ".jp-OutputArea-output :is(script, iframe:not([sandbox='']), object, embed, link, style,"
    " form, input, video, audio, base, meta, svg:not(mjx-container *),"
    " img:not([src^='data:image/png'], [src^='data:image/svg+xml']))"
)


def end(notebook):
    """Wait until the page has settled: all outputs are there and typeset by MathJax."""
    expect(notebook.page.locator(".jp-OutputArea-output", has_text="The end.").last).to_be_visible(
        timeout=60_000
    )
    notebook.page.evaluate("() => new Promise(done => requestIdleCallback(done, {timeout: 3000}))")


def check(notebook):
    """Provoke everything that might react, then assert that nothing ran and nothing was fetched."""
    notebook.page.evaluate(
        """() => {
          document.querySelectorAll('details').forEach(each => { each.open = true; });
          for (const each of document.querySelectorAll('.jp-OutputArea-output *')) {
            const link = each.getAttribute('href') ?? each.getAttribute('xlink:href') ?? '';
            if (/^(https?:|mailto:|[/#.])/i.test(link)) continue;
            for (const kind of ['mouseover', 'focus', 'click', 'toggle', 'animationstart'])
              each.dispatchEvent(new MouseEvent(kind, { bubbles: false, cancelable: true }));
          }
        }"""
    )
    foreign = notebook.page.evaluate(
        "chosen => [...document.querySelectorAll(chosen)]"
        ".map(each => each.outerHTML.slice(0, 200))",
        FOREIGN,
    )
    assert not foreign
    links = notebook.page.evaluate(
        "() => [...document.querySelectorAll('.jp-OutputArea-output [href]')]"
        ".map(each => each.getAttribute('href'))"
        ".filter(link => /^[a-z][a-z0-9+.-]*:/i.test(link) && !/^(https?:|mailto:)/i.test(link))"
    )
    assert not links
    notebook.assert_harmless()


def test_there_are_many_vectors():
    assert len(set(VECTORS)) >= 300


def test_streamed_and_settled(open_notebook):
    notebook = open_notebook([STREAMED])
    notebook.run(0)
    end(notebook)
    check(notebook)
    notebook.save()
    notebook.reload_without_kernel()
    end(notebook)
    check(notebook)


@pytest.mark.parametrize("half", [0, 1])
def test_settled_reloaded_and_exported_from_everywhere(open_notebook, half):
    middle = len(PLACES) // 2
    start, stop = (0, middle) if half == 0 else (middle, len(PLACES))
    notebook = open_notebook([SHOWN.format(start=start, stop=stop)])
    notebook.run(0)
    end(notebook)
    check(notebook)
    saved = notebook.save()
    notebook.reload_without_kernel()
    end(notebook)
    check(notebook)

    html, _ = HTMLExporter().from_notebook_node(saved)
    page = notebook.page.context.new_page()
    page.route("**/*", lambda route: route.abort())
    fetched = []
    page.on("request", lambda request: fetched.append(request))  # noqa: PLW0108  # Playwright's
    page.set_content(html)
    expect(page.locator("body")).to_contain_text("The end.")
    assert page.evaluate(f"() => window.{MARKER}") is None
    sent = [each.url for each in fetched if each.failure not in BLOCKED]
    assert not [url for url in sent if AWAY in url]
    page.close()


def test_a_viewer_that_prefers_markdown(open_notebook):
    notebook = open_notebook([MARKDOWN])
    notebook.run(0)
    end(notebook)
    check(notebook)
