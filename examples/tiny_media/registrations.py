"""Registrations of the tiny models of pictures and sounds, for a checkout in any folder.

Standard library only::

    for model_type, registration in registrations():
        client.register_model(model_type, json.dumps(registration), persist=False)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "model"
"""The folder with the models."""

SIGHT = FOLDER.parents[1] / "tiny_sight" / "model"
"""A model that sees, which the server runs as one of its OCR models."""


def registrations(folder: Path = FOLDER) -> list[tuple[str, dict[str, Any]]]:
    """Return the model type and the registration of each model."""
    folder = Path(folder)
    return [
        ("image", _image(folder / "image")),
        ("audio", _audio("tiny-transcriber", "whisper", "audio2text", folder / "transcriber")),
        ("audio", _audio("tiny-voice", "Kokoro", "text2audio", folder / "voice")),
        ("flexible", _echo(folder)),
    ]


def launches(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Return how each model is launched, and two that the server has itself.

    The path is named because a server that has loaded no other model yet does not find the
    ``model_uri`` of the registration.
    """
    folder = Path(folder).resolve()
    return [
        {"model_name": "tiny-image", "model_type": "image", "model_path": str(folder / "image")},
        {
            "model_name": "tiny-transcriber",
            "model_type": "audio",
            "model_path": str(folder / "transcriber"),
        },
        {
            "model_name": "tiny-voice",
            "model_type": "audio",
            "model_path": str(folder / "voice"),
            "extra": {"lang_code": "e"},  # English needs a package that is downloaded
        },
        {
            "model_name": "TeleOCR",
            "model_type": "image",
            "model_engine": "llama.cpp",
            "model_format": "ggufv2",
            "extra": {
                "gguf_model_path": str(SIGHT / "tiny-sight-f16.gguf"),
                "multimodal_projector": str(SIGHT / "mmproj.gguf"),
            },
        },
        {"model_name": "tiny-echo", "model_type": "flexible"},
    ]


def _image(folder: Path) -> dict[str, Any]:
    return {
        "version": 2,
        "model_name": "tiny-image",
        "model_family": "stable_diffusion",
        "model_base": "SD 1.5",  # the server offers the interface of A1111 only for named bases
        "model_id": None,
        "model_revision": None,
        "model_uri": folder.resolve().as_uri(),
        "model_ability": ["text2image", "image2image", "inpainting"],
        "controlnet": None,
        "default_model_config": {"torch_dtype": "float32"},
        "default_generate_config": {},
    }


def _audio(name: str, family: str, ability: str, folder: Path) -> dict[str, Any]:
    return {
        "version": 2,
        "model_name": name,
        "model_family": family,
        "model_id": None,
        "model_revision": None,
        "model_uri": folder.resolve().as_uri(),
        "multilingual": True,
        "language": None,
        "model_lang": ["en", "fr"],
        "model_ability": [ability],
        "engine": "transformers",
        "default_model_config": None,
        "default_transcription_config": None,
    }


def _echo(folder: Path) -> dict[str, Any]:
    """Return a model that answers with the named arguments of a call."""
    return {
        "version": 2,
        "model_name": "tiny-echo",
        "model_id": None,
        "model_revision": None,
        "model_description": "Answers with what it is given.",
        "model_uri": folder.resolve().as_uri(),
        "launcher": "xinference.model.flexible.launchers.transformers",
        "launcher_args": '{"task": "mock"}',
    }
