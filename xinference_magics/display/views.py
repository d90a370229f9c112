"""Choose the view for the frontend that shows the running cell.

Each view is imported only when it is chosen: widgets cost a tenth of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xinference_magics.display.output import front_end, kernel_of

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.display.mapping import MapView
    from xinference_magics.display.progress import LaunchView
    from xinference_magics.display.turn_view import View


def choose_view(shell: InteractiveShell, *, live: bool = True) -> View:
    """Choose the view for the frontend that sent the running cell.

    Args:
        shell: The shell whose cell is running.
        live: Whether answers are shown as they arrive, or only when they are complete.
    """
    kind = front_end(shell)
    if kind == "terminal":
        from xinference_magics.display.terminal import TerminalView

        return TerminalView(live=live)
    if kind == "none" or not live:
        from xinference_magics.display.turn_view import SettledView

        return SettledView()
    from xinference_magics.display.page import PageView

    return PageView(kernel_of(shell))


def choose_launch_view(*, cancellable: bool = True) -> LaunchView:
    """Choose the view for the frontend: a page, with or without a button, or lines of text.

    Args:
        cancellable: Whether the operation can be cancelled; if not, there is no button.
    """
    from IPython.core.getipython import get_ipython

    from xinference_magics.display.progress import PageLaunchView, TerminalLaunchView

    shell = get_ipython()
    kernel = kernel_of(shell)
    if shell is None or kernel is None:
        return TerminalLaunchView()
    if not cancellable or front_end(shell) != "page":
        return PageLaunchView()
    from xinference_magics.display.widget import WidgetLaunchView

    return WidgetLaunchView(kernel)


def choose_map_view(shell: InteractiveShell, *, background: bool = False) -> MapView:
    """Choose the view of a run over data for the frontend that runs the cell.

    Args:
        shell: The shell.
        background: Whether the run goes on while other cells run.
    """
    from xinference_magics.display.mapping import LineMapView, UnseenMapView

    kind, kernel = front_end(shell), kernel_of(shell)
    if kind == "page":
        from xinference_magics.display.map_widget import WidgetMapView

        return WidgetMapView(kernel, background=background)
    if background:
        return UnseenMapView()
    return LineMapView(output=kernel is not None)
