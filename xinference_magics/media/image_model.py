"""XinferenceImageModel: an image model on an Xinference server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from pydantic import ConfigDict, PrivateAttr

from xinference_magics.errors import BadRequestError
from xinference_magics.media.pictures import GeneratedImage, Images
from xinference_magics.media.uploads import upload
from xinference_magics.models.served import ServedModel
from xinference_magics.transport.endpoint import quoted
from xinference_magics.transport.routes import (
    Route,
    generate_images,
    image_to_image,
    inpaint_images,
    text_to_image,
    vary_images,
)
from xinference_magics.wire.images import (
    ImageRequest,
    a1111_pictures,
    kind_of,
    pictures,
    seeds,
    sides,
)
from xinference_magics.wire.shapes import MalformedError, understood

if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST_BATCH = 64
"""Most pictures in one request; the server has no limit, and paints all of them at once."""


class XinferenceImageModel(ServedModel):
    """An image model that runs on an Xinference server.

    Creating one sends nothing, and it can be used from any thread and event loop.

    Instantiate:
        ```python
        from xinference_magics import XinferenceImageModel

        image_model = XinferenceImageModel("http://127.0.0.1:9997", "my-image-model")
        ```

    Generate:
        ```python
        images = image_model.generate("a red cat", n=2, size="64x64", num_inference_steps=4)
        images[0].save("cat.png")
        ```

    Repeat one of them:
        ```python
        again = image_model.generate(
            "a red cat", seed=images[1].seed, size="64x64", num_inference_steps=4
        )
        ```

    Edit:
        ```python
        images = image_model.edit(images[0], "a blue cat", strength=0.5)
        ```

    Async:
        ```python
        images = await image_model.agenerate("a red cat", size="64x64", num_inference_steps=4)
        ```

    Args:
        server_url: URL of the server; also `base_url`. Default: ``$XINFERENCE_ENDPOINT``
            or ``http://127.0.0.1:9997``.
        model_uid: The UID under which the model runs; also `model`.
    """

    model_config = ConfigDict(extra="forbid")

    size: str | None = None
    """Width and height in pixels, such as ``512x768``; None for the server's default."""

    num_inference_steps: int | None = None
    """How often the noise is reduced; None for the model's default."""

    guidance_scale: float | None = None
    """How closely to follow the prompt; None for the model's default."""

    negative_prompt: str | None = None
    """What must not be in the picture."""

    sampler_name: str | None = None
    """The sampler, such as ``Euler a``; None for the model's."""

    _route: ClassVar[Route] = generate_images

    _description: Mapping[str, Any] | None = PrivateAttr(default=None)
    """How the server describes the model, once asked."""

    def generate(
        self,
        prompt: str,
        *,
        n: int = 1,
        seed: int | None = None,
        request_id: str | None = None,
        **options: Any,
    ) -> Images:
        """Paint `n` pictures of `prompt`.

        Args:
            prompt: What to paint.
            n: How many.
            seed: The seed of the first picture; each next one has the next seed. A random one if
                None. Every picture can be repeated alone by its own seed.
            request_id: An ID by which to follow the request with `progress`.
            options: Fields of this class, and other parameters of the model.

        Raises:
            BadRequestError: The model paints no pictures, or a parameter is impossible.
        """
        asked = self._request(prompt, n=n, seed=seed, request_id=request_id, **options)
        return self._painted(asked)

    async def agenerate(
        self,
        prompt: str,
        *,
        n: int = 1,
        seed: int | None = None,
        request_id: str | None = None,
        **options: Any,
    ) -> Images:
        """Paint `n` pictures of `prompt`; see `generate`."""
        asked = self._request(prompt, n=n, seed=seed, request_id=request_id, **options)
        return await self._apainted(asked)

    def edit(
        self,
        image: object,
        prompt: str,
        *,
        mask: object = None,
        **options: Any,
    ) -> Images:
        """Paint pictures that begin with `image`.

        Args:
            image: A picture of this package or Pillow, bytes, a path, or an open file.
            prompt: What to paint.
            mask: White where `image` is painted again; None to change all of it.
            options: What `generate` takes, and `strength`: how much to change, above 0 and up
                to 1.

        Raises:
            BadRequestError: The model edits no pictures, or a parameter is impossible.
        """
        return self._painted(self._request(prompt, image=image, mask=mask, **options))

    async def aedit(
        self,
        image: object,
        prompt: str,
        *,
        mask: object = None,
        **options: Any,
    ) -> Images:
        """Paint pictures that begin with `image`; see `edit`."""
        asked = self._request(prompt, image=image, mask=mask, **options)
        return await self._apainted(asked)

    def progress(self, request_id: str) -> float | None:
        """Return how much of a request is done, from 0 to 1; None if the server does not know.

        It is 1 as soon as the last step is done, while the pictures are still decoded.
        """
        told = self._endpoint.told(f"/sdapi/v1/progress?request_id={quoted(request_id)}")
        done = told.get("progress") if isinstance(told, dict) else None
        return float(done) if isinstance(done, int | float) else None

    def stop(self, request_id: str) -> bool:
        """Stop a request; return whether the server stops painting, too.

        If not, the request ends at once, but the server paints on to the last step.
        """
        if self._speaks_a1111(self._description or {}):
            body = {"model": self.model_uid, "request_id": request_id}
            return self._endpoint.tell("/sdapi/v1/interrupt", body)
        self._endpoint.abort(self.model_uid, request_id)
        return False

    def _request(  # noqa: PLR0913  # the parameters of `generate` and `edit`
        self,
        prompt: str,
        *,
        n: int = 1,
        seed: int | None = None,
        request_id: str | None = None,
        image: object = None,
        mask: object = None,
        **options: Any,
    ) -> ImageRequest:
        """Check what is asked, before anything is sent."""
        if not prompt.strip():
            raise BadRequestError("The prompt is empty.")
        if not 1 <= n <= _LARGEST_BATCH:
            raise BadRequestError(f"n must be from 1 to {_LARGEST_BATCH}, not {n}.")
        given = {name: getattr(self, name) for name in _FIELDS} | options
        steps = given.get("num_inference_steps")
        if steps is not None and steps < 1:  # the server takes 0 for the model's default
            raise BadRequestError(f"num_inference_steps must be at least 1, not {steps}.")
        strength = given.get("strength")
        if strength is not None and not 0 < strength <= 1:
            raise BadRequestError(f"strength must be above 0 and at most 1, not {strength}.")
        size = given.pop("size", None)
        return ImageRequest(
            model_uid=self.model_uid,
            prompt=prompt,
            seeds=seeds(seed, n),
            size=None if size is None else sides(size),
            image=None if image is None else upload(image, "a picture").data,
            mask=None if mask is None else upload(mask, "a picture").data,
            options={k: v for k, v in {**self.extra_body, **given}.items() if v is not None},
            request_id=request_id or uuid4().hex,
        )

    def _painted(self, asked: ImageRequest) -> Images:
        if self._description is None:
            self._description = self._endpoint.description(self.model_uid) or {}
        route, body = self._way(asked, self._description)
        started = time.monotonic()
        response = self._endpoint.by(route).answer(body)
        return self._images(asked, response, time.monotonic() - started)

    async def _apainted(self, asked: ImageRequest) -> Images:
        if self._description is None:
            self._description = await self._endpoint.adescription(self.model_uid) or {}
        route, body = self._way(asked, self._description)
        started = time.monotonic()
        response = await self._endpoint.by(route).aanswer(body)
        return self._images(asked, response, time.monotonic() - started)

    def _way(
        self, asked: ImageRequest, description: Mapping[str, Any]
    ) -> tuple[Route, dict[str, Any]]:
        """Choose the interface, after checking that the model can do what is asked."""
        self._check(asked, description)
        if self._speaks_a1111(description):
            return (text_to_image if asked.image is None else image_to_image), asked.a1111_body()
        if asked.mask is not None:
            return inpaint_images, asked.body()
        return (generate_images if asked.image is None else vary_images), asked.body()

    def _check(self, asked: ImageRequest, description: Mapping[str, Any]) -> None:
        kind = description.get("model_type")
        if kind not in (None, "image"):
            raise BadRequestError(f"{self.model_uid} is of type {kind}: it paints no pictures.")
        able = description.get("model_ability")
        needed, what = _NEEDED[asked.image is not None, asked.mask is not None]
        if isinstance(able, list) and able and needed not in able:
            listed = ", ".join(map(str, able))
            raise BadRequestError(f"{self.model_uid} cannot {what} (abilities: {listed}).")

    def _speaks_a1111(self, description: Mapping[str, Any]) -> bool:
        return bool(description.get("model_base"))

    def _images(self, asked: ImageRequest, response: Any, seconds: float) -> Images:
        with understood(self.model_uid, asked.request_id):
            a1111 = self._speaks_a1111(self._description or {})
            files = (a1111_pictures if a1111 else pictures)(response)
            if len(files) != len(asked.seeds):
                raise MalformedError(f"it has {len(files)} pictures")
        made = [
            GeneratedImage.of(
                data,
                kind_of(data),
                seed=seed,
                prompt=asked.prompt,
                parameters=dict(asked.options),
                model=self.model_uid,
            )
            for data, seed in zip(files, asked.seeds, strict=True)
        ]
        return Images(made, seconds)


_FIELDS = ("size", "num_inference_steps", "guidance_scale", "negative_prompt", "sampler_name")

_NEEDED = {
    (False, False): ("text2image", "paint from a prompt alone"),
    (True, False): ("image2image", "change a picture"),
    (True, True): ("inpainting", "paint a part of a picture again"),
}
