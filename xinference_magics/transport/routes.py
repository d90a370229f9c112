"""The kinds of requests that models answer: where each goes, and in what form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from xinference_magics.transport.events import written

Body = dict[str, Any]
"""The fields of a request; files among them are uploads."""


@dataclass(frozen=True)
class Route:
    """A kind of request.

    Attributes:
        path: The path of its URL.
        fields: The fields that Xinference itself reads; it takes the others, for the model, only
            as JSON in a field ``kwargs``. None if it reads all.
        wanted: The kind of model that it needs; others answer with an error that explains nothing.
        sends: Whether the body is JSON or a form.
        gets: Whether the response is JSON, or a stream of it, or bytes.
    """

    path: str
    fields: frozenset[str] | None = None
    wanted: str = ""
    sends: Literal["json", "form"] = "json"
    gets: Literal["json", "bytes"] = "json"

    def __call__(self, handle: Any, body: Body) -> Any:
        """Send `body` through a handle, which may be asynchronous."""
        if self.fields is not None:
            others = {name: value for name, value in body.items() if name not in self.fields}
            # Other servers than Xinference read the fields where they are.
            body = {**body, "kwargs": written(others).decode()}
        if self.sends == "form":
            return handle.upload(self.path, body, raw=self.gets == "bytes")
        return (
            handle.fetch(self.path, body) if self.gets == "bytes" else handle.post(self.path, body)
        )


chat = Route("/v1/chat/completions")
complete = Route("/v1/completions", wanted="a model that continues texts")
embed = Route("/v1/embeddings", wanted="an embedding model")
rerank = Route(
    "/v1/rerank",
    frozenset({"model", "query", "documents", "top_n", "max_chunks_per_doc", "return_documents"}),
    wanted="a rerank model",
)

_PICTURES = frozenset({"model", "prompt", "negative_prompt", "n", "size", "response_format"})

generate_images = Route(
    "/v1/images/generations",
    _PICTURES - {"negative_prompt"},  # here the server reads it from `kwargs` alone
    wanted="an image model",
)
vary_images = Route(
    "/v1/images/variations", _PICTURES | {"image"}, wanted="an image model", sends="form"
)
inpaint_images = Route(
    "/v1/images/inpainting",
    _PICTURES | {"image", "mask_image"},
    wanted="an image model",
    sends="form",
)
read_images = Route(
    "/v1/images/ocr",
    frozenset({"model", "image"}),
    wanted="a model that reads images",
    sends="form",
)
text_to_image = Route("/sdapi/v1/txt2img", wanted="an image model")
image_to_image = Route("/sdapi/v1/img2img", wanted="an image model")

transcribe = Route(
    "/v1/audio/transcriptions", wanted="a model that transcribes speech", sends="form"
)
translate = Route("/v1/audio/translations", wanted="a model that translates speech", sends="form")
_SPOKEN = frozenset(
    {
        "model",
        "input",
        "voice",
        "response_format",
        "speed",
        "stream",
        "prompt_speech",
        "prompt_latent",
    }
)
speak = Route("/v1/audio/speech", _SPOKEN, wanted="a model that speaks", gets="bytes")
speak_like = Route(
    "/v1/audio/speech", _SPOKEN, wanted="a model that speaks", sends="form", gets="bytes"
)
infer = Route("/v1/flexible/infers", wanted="a flexible model")
