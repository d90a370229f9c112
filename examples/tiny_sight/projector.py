"""The projector: a CLIP file for llama.cpp whose weights are written, not learned.

Images: each patch of 8 x 8 pixels becomes the mean of its three channels, a pair of units
switches softly if that is near a pure color, and the second matrix inserts the color's
embedding. Sounds: the energy in the lower third of the mel scale (up to about 900 Hz) is
compared with that above; two gated units, one for each kind of tone, look at a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gguf
import numpy as np
from lessons import COLORS, GRID, TONES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Tensors = dict[str, Array]

WIDTH = 32
"""Width of both encoders, whose only block adds nothing."""
PATCH = 8
MEL_BINS = 80
LOW_BINS = 24
STACK = 50
"""Frames per second: whisper's 100 mel frames, halved by the second convolution."""
POSITIONS = 1500
EPSILON = 1e-5

SHARP = 40.0
"""Steepness of a color's switch; a unit's step is then about 0.1 wide."""
FROM, TO = 1.6, 2.0
"""Where the switch begins and ends; a pure color scores 3, any other at most 1."""
LOUD = 200.0
"""Gain of the difference between low and high bins."""
QUIET = 0.03
"""A smaller difference counts as silence."""


def block(prefix: str) -> Tensors:
    """Return a transformer block that adds nothing to its input."""
    shapes = {"ln1": (WIDTH,), "ln2": (WIDTH,)}
    names = ("attn_q", "attn_k", "attn_v", "attn_out", "ffn_up", "ffn_down")
    shapes.update(dict.fromkeys(names, (WIDTH, WIDTH)))
    made: Tensors = {}
    for name, shape in shapes.items():
        made[f"{prefix}.blk.0.{name}.weight"] = np.zeros(shape, np.float32)
        if (prefix, name) != ("a", "attn_k"):
            made[f"{prefix}.blk.0.{name}.bias"] = np.zeros(WIDTH, np.float32)
    return made


def vision(signs: dict[str, Array]) -> Tensors:
    """Return the tensors from pixels, scaled to -1 .. 1, to the embeddings of colors."""
    patch = np.zeros((WIDTH, 3, PATCH, PATCH), np.float32)
    first = np.zeros((2 * len(COLORS), WIDTH), np.float32)
    bias = np.zeros(2 * len(COLORS), np.float32)
    second = np.zeros((len(signs["red"]), 2 * len(COLORS)), np.float32)
    for channel in range(3):
        patch[channel, channel] = 1 / PATCH**2
    for number, (name, color) in enumerate(COLORS.items()):
        begin, end = 2 * number, 2 * number + 1
        first[begin : end + 1, :3] = SHARP * (2 * np.array(color) - 1)
        bias[begin], bias[end] = -SHARP * FROM, -SHARP * TO
        second[:, begin] = signs[name] / (SHARP * (TO - FROM))
        second[:, end] = -second[:, begin]
    return {
        "v.patch_embd.weight": patch,
        "v.position_embd.weight": np.zeros((GRID * GRID, WIDTH), np.float32),
        **block("v"),
        "mm.0.weight": first,
        "mm.0.bias": bias,
        "mm.2.weight": second,
        "mm.2.bias": np.zeros(len(second), np.float32),
    }


def hearing(signs: dict[str, Array]) -> Tensors:
    """Return the tensors from a mel spectrogram to the embeddings of tones, a second at a time."""
    first = np.zeros((WIDTH, MEL_BINS, 3), np.float32)
    second = np.zeros((WIDTH, WIDTH, 3), np.float32)
    bias = np.zeros((WIDTH, 1), np.float32)
    gates = np.zeros((2, len(TONES), STACK, WIDTH), np.float32)
    last = np.zeros((len(signs["low"]), len(TONES)), np.float32)
    for unit, name in enumerate(TONES):
        sign = 1 if name == "low" else -1
        first[unit, :LOW_BINS, 1] = sign * LOUD / LOW_BINS
        first[unit, LOW_BINS:, 1] = -sign * LOUD / (MEL_BINS - LOW_BINS)
        bias[unit] = -LOUD * QUIET
        second[unit, unit, 1] = 1
        gates[:, unit, :, unit] = 1 / STACK
        last[:, unit] = signs[name] / len(TONES) ** 0.5
    return {
        "a.conv1d.1.weight": first,
        "a.conv1d.1.bias": bias,
        "a.conv1d.2.weight": second,
        "a.conv1d.2.bias": np.zeros((WIDTH, 1), np.float32),
        "a.position_embd.weight": np.zeros((POSITIONS, WIDTH), np.float32),
        **block("a"),
        "mm.a.norm_pre.weight": np.ones(WIDTH * STACK, np.float32),
        "mm.a.mlp.1.weight": gates.reshape(2 * len(TONES), STACK * WIDTH),
        "mm.a.norm_mid.weight": np.ones(len(TONES), np.float32),
        "mm.a.mlp.2.weight": last,
    }


def write_sizes(writer: gguf.GGUFWriter, prefix: str, width: int) -> None:
    """Add the metadata that both encoders have."""
    key = f"clip.{prefix}"
    writer.add_bool(f"clip.has_{prefix}_encoder", val=True)
    writer.add_uint32(f"{key}.embedding_length", WIDTH)
    writer.add_uint32(f"{key}.feed_forward_length", WIDTH)
    writer.add_uint32(f"{key}.block_count", 1)
    writer.add_uint32(f"{key}.projection_dim", width)
    writer.add_uint32(f"{key}.attention.head_count", 1)
    writer.add_float32(f"{key}.attention.layer_norm_epsilon", EPSILON)


def write_projector(signs: dict[str, Array], path: Path) -> None:
    """Write both encoders into one file.

    Args:
        signs: The embedding of every color and tone.
        path: The file to write.
    """
    writer = gguf.GGUFWriter(str(path), "clip")
    writer.add_name("tiny-sight projector")
    writer.add_type("mmproj")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    write_sizes(writer, "vision", len(signs["red"]))
    writer.add_string("clip.vision.projector_type", "mlp")
    writer.add_uint32("clip.vision.image_size", GRID * PATCH)
    writer.add_uint32("clip.vision.patch_size", PATCH)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    writer.add_bool("clip.use_gelu", val=True)
    write_sizes(writer, "audio", len(signs["low"]))
    writer.add_string("clip.audio.projector_type", "ultravox")
    writer.add_uint32("clip.audio.num_mel_bins", MEL_BINS)
    writer.add_uint32("clip.audio.projector.stack_factor", STACK)
    for name, tensor in {**vision(signs), **hearing(signs)}.items():
        writer.add_tensor(name, tensor.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
