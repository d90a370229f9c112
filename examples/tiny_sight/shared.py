"""The parts of tiny-chat, in the next folder, that tiny-sight is made with."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.append(str(FOLDER.parent / "tiny_chat"))

from dialogues import Dialogue, read, render, template_text  # noqa: E402
from export import write_gguf  # noqa: E402
from model import Shape, TinyLlama  # noqa: E402
from optimizer import Muon  # noqa: E402
from tokenizer import train_tokenizer  # noqa: E402

__all__ = [
    "FOLDER",
    "Dialogue",
    "Muon",
    "Shape",
    "TinyLlama",
    "read",
    "render",
    "template_text",
    "train_tokenizer",
    "write_gguf",
]
