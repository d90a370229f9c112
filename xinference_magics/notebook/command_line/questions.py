"""Ask the user for input, if there is somebody to ask."""

from __future__ import annotations

import getpass
import warnings
from typing import TYPE_CHECKING

from IPython.core.error import StdinNotImplementedError

from xinference_magics.errors import NotebookError
from xinference_magics.plain import neutralise

if TYPE_CHECKING:
    from collections.abc import Callable


def answered(question: str, *, otherwise: str) -> str:
    """Ask a question, and return the line that the user enters.

    Args:
        question: The question; server or model output in it cannot steer a terminal.
        otherwise: What to do if nobody can be asked.

    Raises:
        NotebookError: Nobody can be asked.
    """
    return _answered(input, question, otherwise)


def answered_secretly(question: str, *, otherwise: str) -> str:
    """Ask as `answered` does, without echoing the input."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)  # the fallback would echo the input
        return _answered(getpass.getpass, question, otherwise)


YES, NO = frozenset({"y", "yes"}), frozenset({"", "n", "no"})
"""The answers to a question with two answers, in lower case."""


def agreed(question: str, *, otherwise: str) -> bool:
    """Ask for a yes; any other answer is a no."""
    answer = answered(f"{question} [y/N] ", otherwise=otherwise)
    return answer.strip().lower() in YES


def _answered(ask: Callable[[str], str], question: str, otherwise: str) -> str:
    try:
        return ask(neutralise(question))
    except (StdinNotImplementedError, EOFError, getpass.GetPassWarning):
        raise NotebookError("This notebook cannot ask for input here.", hint=otherwise) from None
