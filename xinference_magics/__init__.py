"""Xinference in notebooks: launch models, chat in cells, use models as LangChain objects.

``%load_ext xinference_magics`` adds ``%xinference``, ``%%chat`` and ``%chat``.
Importing this package imports nothing heavy: every public name loads on first use.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from xinference_magics.chat.turn import Turn as Turn
    from xinference_magics.chat_models import ChatXinference as ChatXinference
    from xinference_magics.data.cache import AnswerCache as AnswerCache
    from xinference_magics.data.mapping import map_rows as map_rows
    from xinference_magics.data.row_mapper import RowMapper as RowMapper
    from xinference_magics.embeddings import XinferenceEmbeddings as XinferenceEmbeddings
    from xinference_magics.errors import XinferenceError as XinferenceError
    from xinference_magics.llms import XinferenceLLM as XinferenceLLM
    from xinference_magics.media.flexible_model import (
        XinferenceFlexibleModel as XinferenceFlexibleModel,
    )
    from xinference_magics.media.image_model import XinferenceImageModel as XinferenceImageModel
    from xinference_magics.media.ocr_model import XinferenceOcr as XinferenceOcr
    from xinference_magics.media.speech_model import XinferenceSpeechModel as XinferenceSpeechModel
    from xinference_magics.media.transcriber import XinferenceTranscriber as XinferenceTranscriber
    from xinference_magics.rerank import XinferenceRerank as XinferenceRerank

__version__ = "0.1.0"

if not (_log := logging.getLogger(__name__)).handlers:  # a reload runs this again
    _log.addHandler(logging.NullHandler())

_LAZY = {
    "AnswerCache": "xinference_magics.data.cache",
    "ChatXinference": "xinference_magics.chat_models",
    "RowMapper": "xinference_magics.data.row_mapper",
    "Turn": "xinference_magics.chat.turn",
    "XinferenceEmbeddings": "xinference_magics.embeddings",
    "XinferenceError": "xinference_magics.errors",
    "XinferenceFlexibleModel": "xinference_magics.media.flexible_model",
    "XinferenceImageModel": "xinference_magics.media.image_model",
    "XinferenceLLM": "xinference_magics.llms",
    "XinferenceOcr": "xinference_magics.media.ocr_model",
    "XinferenceRerank": "xinference_magics.rerank",
    "XinferenceSpeechModel": "xinference_magics.media.speech_model",
    "XinferenceTranscriber": "xinference_magics.media.transcriber",
    "map_rows": "xinference_magics.data.mapping",
}

__all__ = [
    "AnswerCache",
    "ChatXinference",
    "RowMapper",
    "Turn",
    "XinferenceEmbeddings",
    "XinferenceError",
    "XinferenceFlexibleModel",
    "XinferenceImageModel",
    "XinferenceLLM",
    "XinferenceOcr",
    "XinferenceRerank",
    "XinferenceSpeechModel",
    "XinferenceTranscriber",
    "__version__",
    "load_ipython_extension",
    "map_rows",
    "unload_ipython_extension",
]


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name in _LAZY:
        from xinference_magics.interrupts import imported

        return getattr(imported(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magics to `shell`; called by ``%load_ext xinference_magics``."""
    from xinference_magics.interrupts import imported

    imported("xinference_magics.notebook.extension").load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Restore what `load_ipython_extension` replaced; called by ``%unload_ext``."""
    from xinference_magics.notebook.extension import unload

    unload(shell)
