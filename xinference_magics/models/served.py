"""What all models on a server share: the server's URL, the credentials and the clients."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping  # noqa: TC003  # pydantic reads the field's type
from copy import deepcopy
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)

from xinference_magics.auth.identity import Identity
from xinference_magics.errors import BadRequestError, shown_as
from xinference_magics.transport.bearer import Bearer
from xinference_magics.transport.endpoint import INFERENCE, MAX_TIMEOUT_SECONDS, Timeouts, resolve
from xinference_magics.transport.inference import InferenceEndpoint
from xinference_magics.transport.routes import Route  # noqa: TC001  # pydantic reads the annotation
from xinference_magics.transport.traces import forget
from xinference_magics.wire.parameters import reject_unknown

_OTHER_NAMES = {
    "base_url": "server_url",
    "model": "model_uid",
    "model_kwargs": "extra_body",
    "stream": "streaming",
}


_KEY = "XINFERENCE_API_KEY"

_Seconds = Annotated[float, Field(gt=0, le=MAX_TIMEOUT_SECONDS)]


class _KeyOfEnvironment(SecretStr):
    """An API key from the environment; never pickled, never treated as the object's own."""

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return self


def _in_a_line(error: ValidationError) -> str:
    """Say which arguments are missing or invalid, without their values: one may be a secret."""
    wrong = (
        f"{'.'.join(map(str, each['loc']))}: {each['msg']}" if each["loc"] else each["msg"]
        for each in error.errors(include_url=False, include_input=False, include_context=False)
    )
    return f"ValidationError: {error.title} cannot be created: {'; '.join(wrong)}."


def _key_of_environment() -> SecretStr | None:
    key = os.environ.get(_KEY)
    return _KeyOfEnvironment(key) if key else None


class ServedModel(BaseModel):
    """A model that runs on an Xinference server.

    Creating one sends nothing. It can be used from any thread and event loop.
    """

    model_config = ConfigDict(
        defer_build=True,  # most of these classes are never instantiated
        hide_input_in_errors=True,  # the input may contain the API key
    )

    server_url: str
    """URL of the server; default ``$XINFERENCE_ENDPOINT`` or ``http://127.0.0.1:9997``."""

    model_uid: str
    """The UID under which the model runs."""

    api_key: SecretStr | None = Field(default_factory=_key_of_environment)
    """The API key, if the server requires one.

    Default: the login saved for this server, renewed in time; without one,
    ``$XINFERENCE_API_KEY``, then the login of the ``xinference`` command line.
    """

    token_source: Callable[[], str | None] | None = Field(default=None, exclude=True, repr=False)
    """Called before each request to supply a changing token; takes precedence over `api_key`.

    If it raises an exception, so does the call to the model, and nothing is sent. It is neither
    dumped nor pickled.
    """

    timeout: _Seconds | tuple[_Seconds, _Seconds | None] | None = None
    """The read timeout in seconds, or (connect timeout, read timeout).

    Default: 5 s to connect and 600 s between chunks. There is no limit on the total time.
    """

    max_retries: int = Field(default=0, ge=0)
    """How often to retry while the model is loading, or when the server asks for it (503).

    Each retry waits as long as the server asks, at most 30 s. An answer that has begun is never
    retried.
    """

    extra_body: dict[str, Any] = Field(default_factory=dict)
    """Added unchanged to every request body, for parameters that have no field here."""

    _route: ClassVar[Route]
    """The kind of request that this class of model sends."""

    _clients: tuple[tuple[Any, ...], InferenceEndpoint] | None = PrivateAttr(default=None)
    """The field values the clients were built from, and the clients.

    They are replaced together, so that no thread sees a mismatch.
    """

    def __init__(
        self,
        server_url: str | None = None,
        model_uid: str | None = None,
        api_key: SecretStr | str | None = None,
        **fields: Any,
    ) -> None:
        if isinstance(api_key, str):
            api_key = SecretStr(api_key)  # a traceback may show its local variables
        named = {"server_url": server_url, "model_uid": model_uid, "api_key": api_key}
        given = {k: v for k, v in named.items() if v is not None}
        try:
            super().__init__(**given, **fields)
        except BaseException as error:
            del server_url, api_key, named, given, fields
            forget(error, "langchain_core", "pydantic")
            if isinstance(error, ValidationError):
                shown_as(error, _in_a_line(error))
            raise

    @model_validator(mode="before")
    @classmethod
    def _take_names(cls, given: Any) -> Any:
        """Accept LangChain's usual names too, and reject unknown ones, suggesting the nearest."""
        if not isinstance(given, dict):
            return given
        others = {o: name for o, name in _OTHER_NAMES.items() if name in cls.model_fields}
        for other, name in others.items():
            if other in given and name in given:
                raise BadRequestError(f"{other} and {name} are the same; pass only one of them.")
        reject_unknown(given, [*cls.model_fields, *others])
        taken = {others.get(name, name): value for name, value in given.items()}
        return {**taken, "server_url": resolve(taken.get("server_url"))}

    def __repr__(self) -> str:
        """Name the model and where it runs, in one line."""
        known = self.__dict__  # empty while the fields are checked, when an error may show this
        where = f"{known.get('model_uid')} at {urlsplit(known.get('server_url') or '').netloc}"
        engine = known.get("engine")
        return f"{type(self).__name__}({where}{f', {engine}' if engine else ''})"

    def __str__(self) -> str:
        return repr(self)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute, wrapping an API key in `SecretStr` and completing the URL."""
        super().__setattr__(name, _safe({name: value})[name])

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with `update`, hiding its key and completing its address."""
        if deep:  # pydantic would copy the clients, whose locks cannot be copied
            return deepcopy(self).model_copy(update=update)
        return super().model_copy(update=_safe(update or {}))

    @classmethod
    def model_construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
        """Return a model from `values` without checking them, but hiding the key."""
        return super().model_construct(_fields_set, **_safe(values))

    @property
    def _endpoint(self) -> InferenceEndpoint:
        """The clients, recreated when a field they depend on has changed."""
        rests_on = (
            self.server_url,
            self.api_key,
            self.token_source,
            self.timeout,
            self.max_retries,
        )
        known = self._clients
        if known is not None and known[0] == rests_on:
            return known[1]
        endpoint = InferenceEndpoint(
            self.server_url,
            self._route,
            token=Bearer(
                self.server_url, self.token_source or self._token, at_once=self._key_alone
            ),
            timeouts=_timeouts(self.timeout),
            retries=self.max_retries,
        )
        self._clients = rests_on, endpoint
        return endpoint

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return True: langchain-core can dump this class, with secrets redacted."""
        return True

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The environment variables that supply the secret fields when a dump is loaded."""
        return {"api_key": _KEY}

    def _token(self) -> str | None:
        key = self.api_key.get_secret_value() if self.api_key else None
        return key if self._has_own_key else Identity(self.server_url).token(key)

    @property
    def _key_alone(self) -> bool:
        """Whether this object's own key is the only token that can be sent."""
        return self._has_own_key and self.token_source is None

    @property
    def _has_own_key(self) -> bool:
        """Whether the key was passed to this object, not read from the environment."""
        return self.api_key is not None and not isinstance(self.api_key, _KeyOfEnvironment)

    def without_secrets(self) -> Self:
        """Return a copy that has no key of its own, and finds the one of its process."""
        if self.api_key is None or not self.api_key.get_secret_value():
            return self
        return self.model_copy(update={"api_key": _KeyOfEnvironment("")})

    def __getstate__(self) -> dict[Any, Any]:
        """Drop what belongs to this process: clients and tokens."""
        state = super().__getstate__()
        private = {**(state["__pydantic_private__"] or {}), "_clients": None}
        fields = {**state["__dict__"], "token_source": None}
        return {**state, "__dict__": fields, "__pydantic_private__": private}

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Share the token source; the copy creates its own clients."""
        kept = {id(self.token_source): self.token_source, id(self._clients): None}
        return super().__deepcopy__({**(memo or {}), **kept})


def _safe(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return field values, hiding secrets in those that pydantic has not checked."""
    safe = dict(values)
    if isinstance(key := safe.get("api_key"), str):
        safe["api_key"] = SecretStr(key)
    if isinstance(address := safe.get("server_url"), str):
        safe["server_url"] = resolve(address)
    return safe


def _timeouts(given: float | tuple[float, float | None] | None) -> Timeouts:
    if given is None:
        return INFERENCE
    if isinstance(given, tuple):
        return Timeouts(*given)
    return Timeouts(connect=min(given, INFERENCE.connect), read=given)
