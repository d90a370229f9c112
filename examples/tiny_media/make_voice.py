"""Make tiny-voice, a Kokoro with random weights, whose speech is noise of the right length.

Kokoro's decoder has the same 58 million parameters whatever its configuration says. The file stays
small because a large matrix is one random column, which the file holds once.

Needs kokoro 0.9.4 and torch::

    python make_voice.py
"""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import torch
from kokoro import KModel

FOLDER = Path(__file__).resolve().parent / "model" / "voice"

VOICES = ("af_alloy", "ef_dora")  # Xinference's default, and a Spanish one
STYLE = 128  # Kokoro cuts a voice there: sound before, rhythm behind
LONGEST_TEXT = 510  # in phonemes; a voice has a row for each length
LARGE = 20_000  # parameters of a matrix that is stored as one column
PARTS = ("bert", "bert_encoder", "predictor", "decoder", "text_encoder")
PHONEMES = ";:,.!?abcdefhijklmnopqrstuvwxyz ɑɐɒæβɔɕçɖðʤəɚɛɜɟɡɥɨɪʝɯɰŋɳɲɴøɸθœɹɾɻʁɽʂʃʈʧʊʋʌɣɤχʎʒʔˈˌːʰʲ"


def configuration() -> dict[str, object]:
    """Return Kokoro's configuration with everything as narrow as it may be."""
    return {
        "istftnet": {
            "upsample_kernel_sizes": [20, 12],
            "upsample_rates": [10, 6],
            "gen_istft_hop_size": 5,
            "gen_istft_n_fft": 20,
            "resblock_dilation_sizes": [[1, 3, 5]],
            "resblock_kernel_sizes": [3],
            "upsample_initial_channel": 512,
        },
        "plbert": {
            "hidden_size": 32,
            "embedding_size": 16,
            "intermediate_size": 64,
            "num_attention_heads": 2,
            "num_hidden_layers": 1,
            "max_position_embeddings": 512,
            "dropout": 0.1,
        },
        "dim_in": 16,
        "hidden_dim": 512,
        "max_conv_dim": 512,
        "max_dur": 50,
        "n_layer": 1,
        "n_mels": 80,
        "n_token": len(PHONEMES) + 1,
        "style_dim": STYLE,
        "text_encoder_kernel_size": 5,
        "multispeaker": True,
        "dropout": 0.2,
        "vocab": {phoneme: index for index, phoneme in enumerate(PHONEMES, 1)},
    }


def main() -> None:
    """Write the model and its voices."""
    torch.manual_seed(7)
    (FOLDER / "voices").mkdir(parents=True, exist_ok=True)
    path = FOLDER / "config.json"
    path.write_text(json.dumps(configuration(), ensure_ascii=False, indent=1), encoding="utf-8")
    with patch("torch.load", return_value={}):  # KModel wants to read weights
        model = KModel(config=str(path), model="none").eval()
    weights = {part: shrunk(getattr(model, part)) for part in PARTS}
    tame(model, weights["decoder"])
    torch.save(weights, FOLDER / "kokoro-v1_0.pth")
    for voice in VOICES:
        row = 0.3 * torch.randn(1, 1, 2 * STYLE)
        torch.save(row.expand(LONGEST_TEXT, 1, 2 * STYLE), FOLDER / "voices" / f"{voice}.pt")


def shrunk(part: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return the weights of a part, and load them: large ones with all columns alike."""
    with torch.no_grad():
        for name, weight in part.named_parameters():
            if name.endswith("duration_proj.linear_layer.weight"):
                weight.zero_()
            if name.endswith("duration_proj.linear_layer.bias"):
                weight.fill_(-2.75)  # about three frames, 75 ms, for each phoneme
    weights = {name: _column(weight) for name, weight in part.state_dict().items()}
    part.load_state_dict(weights)
    return weights


def _column(weight: torch.Tensor) -> torch.Tensor:
    if weight.numel() < LARGE or weight.ndim < 2:  # noqa: PLR2004
        return weight.clone()
    scale = weight.std() / weight[0].numel() ** 0.5
    column = scale * torch.randn(len(weight), *[1] * (weight.ndim - 1))
    return column.expand(weight.shape)


def tame(model: KModel, decoder: dict[str, torch.Tensor]) -> None:
    """Keep the last layer's output near 1: an exponential follows, and no codec takes its 1e14."""
    heard: list[float] = []
    last = model.decoder.generator.conv_post
    last.register_forward_hook(lambda *call: heard.append(call[2].abs().max().item()))
    model("ˈola mˈundo.", 0.3 * torch.randn(1, 2 * STYLE))
    name = "generator.conv_post.weight_g"
    decoder[name] = decoder[name] / max(heard)
    bias = torch.zeros_like(decoder["generator.conv_post.bias"])
    bias[: len(bias) // 2] = 0.5
    decoder["generator.conv_post.bias"] = bias


if __name__ == "__main__":
    main()
