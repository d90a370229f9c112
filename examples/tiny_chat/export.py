"""Write a trained network as safetensors (transformers engine) and GGUF (llama.cpp engine)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import gguf
import torch
from safetensors.torch import load_file, save_file
from tokenizer import CONTROL, VISIBLE, load_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from model import Shape, TinyLlama
    from tokenizers import Tokenizer
    from torch import Tensor

GGUF_NAME = "tiny-chat-f16.gguf"
LAYER_NAMES = {
    "attention_norm": ("input_layernorm", "attn_norm"),
    "feed_norm": ("post_attention_layernorm", "ffn_norm"),
    "q": ("self_attn.q_proj", "attn_q"),
    "k": ("self_attn.k_proj", "attn_k"),
    "v": ("self_attn.v_proj", "attn_v"),
    "o": ("self_attn.o_proj", "attn_output"),
    "gate": ("mlp.gate_proj", "ffn_gate"),
    "up": ("mlp.up_proj", "ffn_up"),
    "down": ("mlp.down_proj", "ffn_down"),
}
"""The names of a layer's parts in this package, with those in safetensors and in GGUF."""


def names(key: str) -> tuple[str, str]:
    """Return the safetensors and the GGUF name of a parameter."""
    if key == "embedding.weight":
        return "model.embed_tokens.weight", "token_embd.weight"
    if key == "norm.weight":
        return "model.norm.weight", "output_norm.weight"
    _, number, part, _ = key.split(".")
    first, second = LAYER_NAMES[part]
    return f"model.layers.{number}.{first}.weight", f"blk.{number}.{second}.weight"


def write_configuration(shape: Shape, tokenizer: Tokenizer, template: str, folder: Path) -> None:
    """Write the files that transformers needs next to the weights."""
    end = tokenizer.token_to_id("<|im_end|>")
    configuration = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "head_dim": shape.head_width,
        "hidden_act": "silu",
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.epsilon,
        "rope_theta": shape.rope_base,
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": end,
        "pad_token_id": tokenizer.token_to_id("<|endoftext|>"),
        "torch_dtype": "float16",
    }
    tokenizer_configuration = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": shape.context,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "chat_template": template,
    }
    generation = {"do_sample": False, "eos_token_id": end, "pad_token_id": 0}
    for name, content in (
        ("config.json", configuration),
        ("tokenizer_config.json", tokenizer_configuration),
        ("generation_config.json", generation),
    ):
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def write_safetensors(weights: dict[str, Tensor], folder: Path) -> None:
    """Write half-precision weights under transformers' names."""
    save_file(
        {names(key)[0]: value.half().contiguous() for key, value in weights.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    (folder / "model.safetensors").chmod(0o644)


def load_weights(model: TinyLlama, folder: Path) -> None:
    """Load the weights of a model folder, to continue training without a checkpoint."""
    kept = load_file(folder / "model.safetensors")
    model.load_state_dict({key: kept[names(key)[0]].float() for key in model.state_dict()})


def interleave(weight: Tensor, heads: int) -> Tensor:
    """Reorder the rows of q and k: llama.cpp rotates adjacent pairs, transformers halves."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return halves.swapaxes(1, 2).reshape(rows, columns)


def write_vocabulary(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    """Add the tokens, their types and the merges to a GGUF file."""
    vocabulary = tokenizer.get_vocab()
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    kinds = [
        gguf.TokenType.CONTROL
        if token in CONTROL
        else gguf.TokenType.USER_DEFINED
        if token in VISIBLE
        else gguf.TokenType.NORMAL
        for token in tokens
    ]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    writer.add_eos_token_id(vocabulary["<|im_end|>"])
    writer.add_pad_token_id(vocabulary["<|endoftext|>"])
    writer.add_add_bos_token(False)


def write_gguf(
    shape: Shape, weights: dict[str, Tensor], tokenizer: Tokenizer, template: str, path: Path
) -> None:
    """Write one GGUF file with half-precision matrices, ``NAME-f16.gguf``."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name(path.stem.removesuffix("-f16"))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_vocab_size(shape.vocabulary)
    write_vocabulary(writer, tokenizer)
    writer.add_chat_template(template)
    for key, value in weights.items():
        turned = key.endswith((".q.weight", ".k.weight"))
        half = (interleave(value, shape.heads) if turned else value).half()
        writer.add_tensor(names(key)[1], (half if half.ndim > 1 else half.float()).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def export(model: TinyLlama, folder: Path, template: str) -> None:
    """Write every file of the model folder, which must already contain ``tokenizer.json``."""
    tokenizer = load_tokenizer(folder)
    weights = {key: value.detach().to(torch.float32) for key, value in model.named_parameters()}
    write_configuration(model.shape, tokenizer, template, folder)
    write_safetensors(weights, folder)
    write_gguf(model.shape, weights, tokenizer, template, folder / GGUF_NAME)
