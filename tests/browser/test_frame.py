"""A page written by a model, shown by `-f html`: its frame requests nothing from the network.

Preconnections and DNS lookups aren't requests, so the page cannot observe them: only the browser's
own network log records them.
"""

import re

import pytest
from find_browser import find
from jupyterlab_driver import CHROMIUM_FLAGS
from scripted_server import Reply, ScriptedServer

from xinference_magics.display.formats import as_page

FORESIGHTLESS = "--disable-background-networking"  # no user's browser sets it
ANYWHERE = re.compile(r"([a-z]+)\.evil\.example")
AUTOMATIC = {
    "connected": "<link rel=preconnect href={}>",
    "crossed": "<link/rel='preconnect' crossorigin href={}>",
    "shouted": "<LINK\nREL=PRECONNECT HREF={}>",
    "found": "<link rel=dns-prefetch href={}>",
    "named": "<meta http-equiv=x-dns-prefetch-control content=on><a href={}>x</a>",
    "loaded": "<link rel=preload as=image href={}/a.png>",
    "fetched": "<link rel=prefetch href={}/a>",
    "rendered": "<link rel=prerender href={}/a>",
    "modular": "<link rel=modulepreload href={}/a.js>",
    "manifested": "<link rel=manifest href={}/a.json>",
    "styled": "<link rel=stylesheet href={}/a.css>",
    "iconic": "<link rel=icon href={}/a.png>",
    "refreshed": "<meta http-equiv=refresh content='0;url={}'>",
    "based": "<base href={}><img src=a.png><link rel=stylesheet href=a.css>",
    "pictured": "<img src={}/a.png srcset='{}/b.png 2x'>",
    "drawn": "<svg><image href={}/a.svg /><use href={}/b.svg#x /></svg>",
    "painted": "<style>@import '{}/a.css'; body {{ background: url({}/a.png) }}</style>",
    "framed": "<iframe src={}/a></iframe><object data={}/b></object><embed src={}/c>",
    "played": "<video src={}/a.mp4 poster={}/a.png autoplay></video><audio src={}/a.mp3>",
    "speculated": '<script type=speculationrules>{{"prefetch": [{{"urls": ["{}"]}}]}}</script>',
    "scripted": "<script>open('{}')</script><script src={}/a.js></script>",
}
CLICKED = {
    "sent": "<form action={}><button>x</button></form>",
    "posted": "<form id=f></form><button form=f formaction={} formmethod=post>x</button>",
    "opened": "<a href={} target=_blank>x</a>",
    "replaced": "<a href={} target=_top>x</a>",
    "lifted": "<a href={} target=_parent>x</a>",
    "called": "<button onclick=\"open('{}')\">x</button>",
}


def page_of(parts):
    places = ((part, f"http://{name}.evil.example") for name, part in parts.items())
    return "".join(part.replace("{}", place).replace("{{", "{").replace("}}", "}")
                   for part, place in places)  # fmt: skip


@pytest.fixture
def asked_for(browser, tmp_path):
    """Show HTML in a separate browser; return the hosts that it looked up or tried to reach."""

    def show(html, use=lambda _: None):
        log = tmp_path / "network.json"
        alone = browser.browser_type.launch(
            executable_path=find(),
            args=[*(set(CHROMIUM_FLAGS) - {FORESIGHTLESS}), f"--log-net-log={log}"],
            ignore_default_args=[FORESIGHTLESS],
        )
        with ScriptedServer() as web:
            web["*"] = Reply(body=f"<!doctype html>{html}", headers={"Content-Type": "text/html"})
            page = alone.new_page()
            page.goto(web.endpoint)
            use(page)
            page.evaluate("() => new Promise(done => requestIdleCallback(done))")
            assert page.url.rstrip("/") == web.endpoint
            assert len(page.context.pages) == 1
        alone.close()
        return set(ANYWHERE.findall(log.read_text()))

    return show


def click(page):
    """Click everything in the frame that can be clicked."""
    for each in page.frames[1].locator("button, a").all():
        each.click(force=True)


def test_the_log_records_what_a_page_requests(asked_for):
    """Loads a page without the frame's limits; a headless Chromium ignores preconnect hints."""
    names = ("loaded", "fetched", "modular", "styled", "pictured", "framed")
    shown = {name: AUTOMATIC[name] for name in names}
    assert asked_for(page_of(shown)) == set(names)


def test_a_frame_requests_nothing(asked_for):
    assert asked_for(as_page(page_of(AUTOMATIC))) == set()


def test_a_click_in_a_frame_leads_nowhere(asked_for):
    assert asked_for(as_page(page_of(CLICKED)), click) == set()
