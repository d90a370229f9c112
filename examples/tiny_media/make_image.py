"""Make tiny-image, a Stable Diffusion of a megabyte that paints noise.

Its weights are random, so a picture shows nothing. But like that of a real model, it depends on
every part of the request: the same seed, prompt and steps give the same bytes, and others do not.

Needs the packages of the server group in pyproject.toml::

    python make_image.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

FOLDER = Path(__file__).resolve().parent / "model" / "image"

WIDTH = 32  # of the text encoder
LONGEST_PROMPT = 48  # in tokens; each letter is one
SIDE = 64  # pixels of a picture if no size is asked for
START, END = "<|startoftext|>", "<|endoftext|>"


def main() -> None:
    """Write the pipeline, whose parts diffusers finds by their folders."""
    torch.manual_seed(5)
    tokenizer = _tokenizer()
    pipeline = StableDiffusionPipeline(
        vae=_autoencoder(),
        text_encoder=_text_encoder(len(tokenizer)),
        tokenizer=tokenizer,
        unet=_denoiser(),
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            steps_offset=1,  # diffusers warns about another
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(FOLDER)


def _tokenizer() -> CLIPTokenizer:
    """Return CLIP's tokenizer with a vocabulary of single characters, and nothing to merge."""
    letters = [chr(code) for code in range(0x21, 0x7F)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), START, END]
    with tempfile.TemporaryDirectory() as folder:
        vocabulary, merges = Path(folder, "vocab.json"), Path(folder, "merges.txt")
        vocabulary.write_text(json.dumps({word: index for index, word in enumerate(words)}))
        merges.write_text("#version: 0.2\n")
        return CLIPTokenizer(str(vocabulary), str(merges), model_max_length=LONGEST_PROMPT)


def _text_encoder(words: int) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=words,
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=LONGEST_PROMPT,
            bos_token_id=words - 2,
            eos_token_id=words - 1,
            pad_token_id=words - 1,
        )
    )


def _denoiser() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=SIDE // 8,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=8,
        norm_num_groups=8,
    )


def _autoencoder() -> AutoencoderKL:
    """Return a decoder from latents to pixels eight times as wide and high."""
    widths = (8, 8, 16, 16)
    return AutoencoderKL(
        block_out_channels=widths,
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        latent_channels=4,
        norm_num_groups=4,
        sample_size=SIDE,
    )


if __name__ == "__main__":
    main()
