"""A hostile answer runs nothing and fetches nothing: streaming, settled, and reloaded.

`test_markup` has many more vectors, in every place and every form.
"""

import nbformat
import pytest
from hostile import RUN
from playwright.sync_api import expect

TITLE = f"<img src=x onerror={RUN}>"
CELL = f"""\
from hostile import ANSWER
from synthetic import play
turn = play(ANSWER, reasoning=ANSWER, title={TITLE!r}, rate=400)
"""


def click_links(notebook):
    """Click everything that might react, except links to other sites."""
    notebook.page.evaluate(
        "() => document.querySelectorAll('.jp-OutputArea-output *').forEach("
        "each => { if (!/^https?:/.test(each.getAttribute('href') ?? '')) {"
        " for (const kind of ['mouseover', 'focus', 'click'])"
        " each.dispatchEvent(new MouseEvent(kind, { bubbles: false })); } })"
    )


def elements(notebook):
    """List the elements in the outputs that no answer may add."""
    return notebook.page.evaluate(
        "() => [...document.querySelectorAll('.jp-OutputArea-output :is(script, img, iframe,"
        " object, embed, link, style, svg, form, input, video, audio, base, meta)')]"
        ".map(each => each.outerHTML.slice(0, 200))"
    )


def test_hostile_answer_streaming_settled_and_reloaded(open_notebook):
    notebook = open_notebook([CELL])
    notebook.run(0, wait=False)
    expect(notebook.output(0).locator(".xm-content")).to_contain_text("onerror")
    notebook.assert_harmless()
    assert not elements(notebook)
    notebook.wait(0)
    expect(notebook.output(0).last).to_contain_text("The end.")
    notebook.page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    click_links(notebook)
    assert not elements(notebook)
    notebook.assert_harmless()
    notebook.screenshot("hostile-settled")

    notebook.save()
    notebook.reload_without_kernel()
    expect(notebook.output(0).last).to_contain_text("The end.")
    click_links(notebook)
    assert not elements(notebook)


@pytest.mark.parametrize("trusted", [True, False])
def test_settled_turn_looks_the_same_in_an_untrusted_notebook(open_notebook, lab, trusted):
    text = "A `word`.\n\n```python\nx = 1\n```"
    cell = f"from synthetic import play\nturn = play({text!r}, reasoning='Let me think.')"
    notebook = open_notebook([cell])
    notebook.run(0)
    saved = notebook.save()
    if not trusted:
        saved.cells[0].outputs[0].data["text/plain"] += " changed"
        nbformat.write(saved, lab.root / notebook.path)
    notebook.reload_without_kernel()
    output = notebook.output(0).first
    expect(output).to_contain_text("A word.")
    header = output.locator("strong").first.locator("..")
    assert header.evaluate("each => getComputedStyle(each).opacity") == "0.75"
    assert output.locator("pre span").count() == 1
    assert output.locator("details summary").count() == 1
    notebook.screenshot("trusted" if trusted else "not-trusted")
