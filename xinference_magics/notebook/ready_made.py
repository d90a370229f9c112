"""Which LangChain object a running model is taken up as, by its type and abilities."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xinference_magics.cluster.models import RunningModel


@dataclass(frozen=True)
class Kind:
    """A kind of model that there is a LangChain class for.

    Args:
        model_type: Its type, as the server calls it.
        ability: The ability that it must have.
        class_name: The class, by its name in this package.
        name: What its object is called in the notebook; empty for the trait `name`.
        magic: What asks such a model, where a magic does.
        does: What such a model does for that magic.
    """

    model_type: str
    ability: str
    class_name: str
    name: str = ""
    magic: str = ""
    does: str = ""

    def fits(self, running: RunningModel) -> bool:
        """Whether `running` is a model of this kind."""
        return self.model_type == running.type and self.ability in running.abilities

    def make(self, running: RunningModel, **fields: Any) -> Any:
        """Make the object for `running`, importing its class only now."""
        if self is CHAT:
            from xinference_magics.wire.profile import model_profile

            fields["profile"] = model_profile(
                running.abilities,
                running.context_length,
                running.engine,
                running.family or running.name,
            )
        return getattr(import_module("xinference_magics"), self.class_name)(**fields)


CHAT = Kind("LLM", "chat", "ChatXinference", magic="%%chat", does="chat")
TEXT = Kind("LLM", "generate", "XinferenceLLM", magic="%%generate", does="continue texts")

KINDS = (
    CHAT,
    TEXT,
    Kind("embedding", "embed", "XinferenceEmbeddings", "embeddings"),
    Kind("rerank", "rerank", "XinferenceRerank", "reranker"),
)


def kind_of(running: RunningModel) -> Kind | None:
    """Return the first kind that `running` is of, or None."""
    return next((kind for kind in KINDS if kind.fits(running)), None)
