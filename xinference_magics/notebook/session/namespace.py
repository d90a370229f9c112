"""Add the extension's objects, by the type of the running model, to the user's namespace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xinference_magics import interrupts
from xinference_magics.plain import as_word

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from xinference_magics.cluster.models import RunningModel


_ABSENT = object()


class Namespace:
    """Bind ready-made objects to names, never overwriting the user's own variables.

    Args:
        variables: The notebook's variables.
        ours: What was bound before, by name. The mapping survives a reload of the extension, but
            need not keep the objects alive.
    """

    def __init__(self, variables: dict[str, Any], ours: MutableMapping[str, object]) -> None:
        self.variables = variables
        self._ours = ours

    def offer(self, name: str, value: object) -> bool:
        """Bind `name` to `value` unless the user has taken it; return whether it was bound."""
        present = self.variables.get(name, _ABSENT)
        if present is not _ABSENT and present is not self._ours.get(name, _ABSENT):
            return False
        self.variables[name] = self._ours[name] = value
        return True


@dataclass(frozen=True)
class Kind:
    """A kind of model with a LangChain class.

    Args:
        model_type: Its type, as the server calls it.
        ability: The ability that it must have; empty for any.
        make: Makes the object for a running model from the fields of its class, which it imports
            only when called.
        name: The name of its object in the notebook; empty for the trait `name`.
        magic: The magic that asks such a model, if any.
        does: What such a model does for that magic.
    """

    model_type: str
    ability: str
    make: Callable[[RunningModel, dict[str, Any]], Any]
    name: str = ""
    magic: str = ""
    does: str = ""

    def fits(self, running: RunningModel) -> bool:
        """Return whether `running` is a model of this kind."""
        return self.model_type == running.type and self.ability in ("", *running.abilities)


# Imports must not be interrupted, or what pydantic and langsmith set up stays broken.


def _chat(running: RunningModel, fields: dict[str, Any]) -> Any:
    with interrupts.deferred_sigint():
        from xinference_magics.chat_models import ChatXinference
        from xinference_magics.wire.profile import model_profile
    name = running.family or running.name
    profile = model_profile(running.abilities, running.context_length, running.engine, name)
    return ChatXinference(**fields, profile=profile)


def _text(_running: RunningModel, fields: dict[str, Any]) -> Any:
    with interrupts.deferred_sigint():
        from xinference_magics.llms import XinferenceLLM
    return XinferenceLLM(**fields)


def _embeddings(_running: RunningModel, fields: dict[str, Any]) -> Any:
    with interrupts.deferred_sigint():
        from xinference_magics.embeddings import XinferenceEmbeddings
    return XinferenceEmbeddings(**fields)


def _reranker(_running: RunningModel, fields: dict[str, Any]) -> Any:
    with interrupts.deferred_sigint():
        from xinference_magics.rerank import XinferenceRerank
    return XinferenceRerank(**fields)


def _image_model(_running: RunningModel, fields: dict[str, Any]) -> Any:
    with interrupts.deferred_sigint():
        from xinference_magics.media.image_model import XinferenceImageModel
    return XinferenceImageModel(**fields)


def _transcriber(_running: RunningModel, fields: dict[str, Any]) -> Any:
    with interrupts.deferred_sigint():
        from xinference_magics.media.transcriber import XinferenceTranscriber
    return XinferenceTranscriber(**fields)


def _speech_model(_running: RunningModel, fields: dict[str, Any]) -> Any:
    with interrupts.deferred_sigint():
        from xinference_magics.media.speech_model import XinferenceSpeechModel
    return XinferenceSpeechModel(**fields)


def _ocr_model(_running: RunningModel, fields: dict[str, Any]) -> Any:
    with interrupts.deferred_sigint():
        from xinference_magics.media.ocr_model import XinferenceOcr
    return XinferenceOcr(**fields)


def _flexible_model(_running: RunningModel, fields: dict[str, Any]) -> Any:
    with interrupts.deferred_sigint():
        from xinference_magics.media.flexible_model import XinferenceFlexibleModel
    return XinferenceFlexibleModel(**fields)


CHAT = Kind("LLM", "chat", _chat, magic="%%chat", does="chat")
TEXT = Kind("LLM", "generate", _text, magic="%%generate", does="continue texts")
IMAGE = Kind("image", "text2image", _image_model, "image_model", magic="%%image", does="paint")
HEARS = Kind(
    "audio",
    "audio2text",
    _transcriber,
    "transcriber",
    magic="%transcribe",
    does="write down speech",
)
OCR = Kind("image", "ocr", _ocr_model, "ocr_model", magic="%ocr", does="read images")
SPEAKS = Kind("audio", "text2audio", _speech_model, "speech_model", magic="%%speech", does="speak")
FLEXIBLE = Kind("flexible", "", _flexible_model, "flexible_model", magic="%infer", does="infer")

KINDS = (
    CHAT,
    TEXT,
    IMAGE,
    OCR,
    HEARS,
    SPEAKS,
    FLEXIBLE,
    Kind("embedding", "embed", _embeddings, "embeddings"),
    Kind("rerank", "rerank", _reranker, "reranker"),
)


@dataclass(frozen=True)
class InUse:
    """How a running model can be used in the notebook.

    Args:
        uid: Its UID.
        name: The name of its object.
        class_name: The class of that object.
        magic: The magic that asks it, if any.
        is_bound: Whether the name is its object's, not a variable of the user's.
    """

    uid: str
    name: str
    class_name: str
    magic: str
    is_bound: bool

    @property
    def said(self) -> str:
        """One line that says where the object is."""
        if self.is_bound:
            asked = f"; {self.magic} uses it" if self.magic else ""
            return f"Ready: {self.name} is a {self.class_name} for {self.uid}{asked}."
        return (
            f"{self.name} is your own variable and was left unchanged; %xinference use "
            f"{as_word(self.uid)} --as NAME puts the object under another name."
        )

    @property
    def briefly(self) -> str:
        """What uses the model, in a few words."""
        users = [*([self.name] if self.is_bound else []), *([self.magic] if self.magic else [])]
        return f"{' and '.join(users)} use{'' if len(users) > 1 else 's'} it" if users else ""


def kind_of(running: RunningModel) -> Kind | None:
    """Return the first kind that fits `running`, or None."""
    return next((kind for kind in KINDS if kind.fits(running)), None)
