"""Registrations of the tiny embedding and rerank models, for a checkout in any folder.

Standard library only::

    for model_type, registration in registrations().items():
        client.register_model(model_type, json.dumps(registration), persist=False)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "model"
"""The folder with both models."""

COMMON = {"version": 2, "language": ["en"], "max_tokens": 256}


def registrations(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """Return the registrations of both models, by model type."""
    own = {
        "embedding": {"model_name": "tiny-embedding", "dimensions": 64},
        "rerank": {"model_name": "tiny-rerank", "type": "normal"},
    }
    return {
        model_type: {**COMMON, **fields, "model_specs": [_spec(Path(folder) / model_type)]}
        for model_type, fields in own.items()
    }


def _spec(folder: Path) -> dict[str, str]:
    uri = folder.resolve().as_uri()
    return {"model_format": "pytorch", "quantization": "none", "model_uri": uri}
