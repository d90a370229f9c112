"""The traits of the magics, which ``%config XinferenceMagics`` shows and sets."""

from __future__ import annotations

from IPython.core.magic import Magics
from traitlets import Bool, CaselessStrEnum, Float, Int, Unicode

from xinference_magics.notebook.client_log import LEVELS
from xinference_magics.transport.endpoint import MAX_TIMEOUT_SECONDS


class MagicTraits(Magics):
    """The configuration of the magics."""

    endpoint = Unicode(
        "", help="URL of the server; empty for $XINFERENCE_ENDPOINT or this machine's."
    ).tag(config=True)
    name = Unicode("llm", help="Name of the LangChain object in your namespace.").tag(config=True)
    system = Unicode("", help="Default system prompt.").tag(config=True)
    temperature = Float(
        None,
        min=0,
        max=2,
        allow_none=True,
        help="Default temperature; None leaves it to the server.",
    ).tag(config=True)
    top_p = Float(
        None, min=0, max=1, allow_none=True, help="Default top_p; None leaves it to the server."
    ).tag(config=True)
    seed = Int(None, allow_none=True, help="Default seed; ignored by the transformers engine.").tag(
        config=True
    )
    max_tokens = Int(
        2048,
        min=1,
        allow_none=True,
        help="Maximum answer length in tokens, at most half of the model's context.",
    ).tag(config=True)
    connect_timeout = Float(
        5.0, min=0.01, max=MAX_TIMEOUT_SECONDS, help="Connection timeout in seconds."
    ).tag(config=True)
    read_timeout = Float(
        600.0,
        min=0.01,
        max=MAX_TIMEOUT_SECONDS,
        help="Longest silence of a model in seconds, including before its first token.",
    ).tag(config=True)
    frame_rate = Int(30, min=1, max=60, help="Repaints per second while an answer streams.").tag(
        config=True
    )
    server_command = Unicode(
        "", help="The command that starts a server here; empty looks for xinference-local."
    ).tag(config=True)
    reuse = Bool(default_value=True, help="Let launch reuse a running model that matches.").tag(
        config=True
    )
    override_chat = Bool(
        default_value=False,
        help="Take over %%chat and %%generate from another extension that defines them.",
    ).tag(config=True)

    embed_limit = Float(
        5.0, min=0, help="Largest sound or video to put into the notebook, in MB."
    ).tag(config=True)
    log_level = CaselessStrEnum(
        LEVELS,
        "DEBUG",
        help="Lowest level of what %xinference logs --client keeps of this package's log.",
    ).tag(config=True)

    answers = Unicode(
        "", help="File of the answer store; empty for your own in your data folder."
    ).tag(config=True)
    answers_gigabytes = Float(
        2.0,
        min=0.001,
        allow_none=True,
        help="Size at which the oldest stored answers are removed; None for no limit.",
    ).tag(config=True)
