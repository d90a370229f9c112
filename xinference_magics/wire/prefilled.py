"""Whose prompts end in the opening tag of a thought, so that answers only close it.

From the chat templates of Xinference 4.1's families (model/llm/models/*.json). Only those are
listed to whose answers Xinference does not add the tag again: it does for models that always
think, if they have a `reasoning_start_tag` (`auto_insert_start_tag` in model/llm/core.py).
"""

from __future__ import annotations

from xinference_magics.wire.engines import LLAMA_CPP

_ALWAYS = frozenset({"Kimi-K2.5", "MiniMax-M2.7", "skywork-or1-preview"})
_WHERE_THINKING_IS_ASKED_FOR = frozenset(
    {
        *("Baichuan-M2", "DeepSeek-V3.2", "DeepSeek-V3.2-Exp", "Deepseek-V3.1"),
        *("GLM-4.7", "GLM-4.7-Flash", "glm-5.1", "glm-5.2"),
        *("Ling-3.0-flash", "Ling-3.0-tiny", "MiniMax-M3", "minicpm5-1b", "minicpm5-2b"),
        *("Nex-N2", "Ornith-1.0-35B", "Ornith-1.5-35B-A3B", "Ornith-1.5-397B"),
        *("qwen3.5", "qwen3.6", "qwen3.8", "qwen3.8-Flash-Next"),
    }
)


def is_prefilled(family: str | None, engine: str | None, *, thinking: bool) -> bool:
    """Tell whether an answer begins within a thought.

    Args:
        family: The model's family, as Xinference calls it.
        engine: What runs it; llama.cpp divides the thoughts of such templates itself.
        thinking: Whether the request asks for thoughts.
    """
    if engine == LLAMA_CPP:
        return False
    return family in _ALWAYS or (thinking and family in _WHERE_THINKING_IS_ASKED_FOR)
