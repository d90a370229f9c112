"""A view whose widget cannot be made, such as without the files of a package."""

import pytest

from xinference_magics.chat.live import LiveTurn
from xinference_magics.display import widget
from xinference_magics.display.page import PageView
from xinference_magics.display.widget import WidgetLaunchView


@pytest.fixture(autouse=True)
def no_widgets(monkeypatch):
    def fail(*_, **__):
        raise ImportError("no anywidget")

    monkeypatch.setattr(widget, "ChatWidget", fail)
    monkeypatch.setattr(widget, "LaunchWidget", fail)


def test_it_can_be_dismissed_and_closed():
    """So that the error that is shown is the one that matters."""
    view = PageView(kernel=None)
    with pytest.raises(ImportError):
        view.open([LiveTurn("tiny")])
    view.dismiss()
    launching = WidgetLaunchView(kernel=None)
    with pytest.raises(ImportError):
        launching.open("Launching tiny")
    launching.close("failed", ok=False)
