"""Tables of launchable and cached models in JupyterLab."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.long

TABLES = ("engine -n qwen2.5-instruct", "search qwen vision", "registrations", "cached")


@pytest.fixture
def tables(open_notebook, server, tiny_registered, cluster, tiny_request):
    """A notebook with a table in each cell."""
    launched = cluster.launch(tiny_request("for-the-cache", "ggufv2", n_threads=1)).wait()
    cluster.terminate(launched.uid)
    connect = f"%load_ext xinference_magics\n%xinference connect {server.endpoint}"
    notebook = open_notebook([connect, *(f"%xinference {line}" for line in TABLES)])
    for index in range(len(TABLES) + 1):
        notebook.run(index)
    return notebook


def test_tables_are_legible_in_light_and_dark(tables):
    engines, found, registrations, cached = (
        tables.output(index).locator("table") for index in range(1, 5)
    )
    expect(engines).to_contain_text("Engine MLX is not listed in model virtualenv packages.")
    expect(found.locator("th").first).to_have_text("name")
    expect(found).to_contain_text("262,144")
    expect(registrations.get_by_role("cell", name="tiny-chat", exact=True)).to_be_visible()
    expect(cached).to_contain_text("tiny-chat--0_002B--ggufv2--f16")
    expect(cached.locator("td", has_text="MiB").first).to_have_css("text-align", "right")
    for theme in ("Light", "Dark"):
        tables.use_theme(f"JupyterLab {theme}")
        for index, line in enumerate(TABLES, 1):
            tables.cell(index).scroll_into_view_if_needed()
            name = f"catalog-{line.split()[0]}-{theme.lower()}"
            tables.screenshot(name, of=tables.cell(index))
    tables.use_theme("JupyterLab Light")
