"""Families whose prompts end in an opening reasoning tag, so that answers only close it.

From the chat templates of Xinference 4.1's families (model/llm/models/*.json). Families are listed
only if Xinference does not add the tag back to their answers: it does for models that always
reason, if they have a `reasoning_start_tag` (`auto_insert_start_tag` in model/llm/core.py).
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
    """Return whether an answer begins within the reasoning.

    Args:
        family: The model's family, as Xinference names it.
        engine: The engine; llama.cpp separates the reasoning of such templates itself.
        thinking: Whether the request asks for reasoning.
    """
    if engine == LLAMA_CPP:
        return False
    return family in _ALWAYS or (thinking and family in _WHERE_THINKING_IS_ASKED_FOR)
