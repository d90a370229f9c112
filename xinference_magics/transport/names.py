"""Host names: looked up in threads that nobody has to wait for.

The system's resolver may take half a minute for a name, and heeds neither timeouts nor signals
meanwhile. A thread that is left to it ends when it does.
"""

from __future__ import annotations

import ipaddress
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")


def is_address(host: str) -> bool:
    """Tell whether `host` is an address, which nobody has to look up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def apart(work: Callable[[], Found]) -> Future[Found]:
    """Begin `work` in a thread that keeps neither an event loop nor the interpreter from ending."""
    future: Future[Found] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  # it is raised where the result is asked for
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name="xinference-names", daemon=True).start()
    return future
