"""XinferenceFlexibleModel: any Python that an Xinference server runs as a model."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import ConfigDict

from xinference_magics.errors import BadRequestError
from xinference_magics.models.served import ServedModel
from xinference_magics.transport.routes import Route, infer


class XinferenceFlexibleModel(ServedModel):
    """A flexible model that runs on an Xinference server: its launcher decides what it does.

    Creating one sends nothing, and it can be used from any thread and event loop.

    Instantiate:
        ```python
        from xinference_magics import XinferenceFlexibleModel

        flexible_model = XinferenceFlexibleModel("http://127.0.0.1:9997", "my-flexible-model")
        ```

    Infer:
        ```python
        result = flexible_model.infer("some input", top_k=3)
        ```

    Async:
        ```python
        result = await flexible_model.ainfer("some input", top_k=3)
        ```

    Args:
        server_url: URL of the server; also `base_url`. Default: ``$XINFERENCE_ENDPOINT``
            or ``http://127.0.0.1:9997``.
        model_uid: The UID under which the model runs; also `model`.
    """

    model_config = ConfigDict(extra="forbid")

    _route: ClassVar[Route] = infer

    def infer(self, *args: Any, **options: Any) -> Any:
        """Call the model with arguments that JSON can represent, and return its JSON.

        Raises:
            BadRequestError: An argument has a name that the server needs itself.
        """
        return self._endpoint.answer(self._body(args, options))

    async def ainfer(self, *args: Any, **options: Any) -> Any:
        """Call the model; see `infer`."""
        return await self._endpoint.aanswer(self._body(args, options))

    def _body(self, args: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted({"model", "args", "request_id"} & options.keys()):
            raise BadRequestError(f"The server uses {taken[0]} itself: the model cannot get it.")
        return {"model": self.model_uid, "args": list(args), **self.extra_body, **options}
