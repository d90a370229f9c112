"""Images, sounds and videos to show to the model, made with the standard library and ffmpeg."""

from __future__ import annotations

import io
import math
import shutil
import struct
import subprocess
import wave
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RGB = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
HERTZ = {"low": 220, "high": 3000}
SAMPLE_RATE = 16000


def png(color: str, width: int = 48, height: int = 48) -> bytes:
    """A PNG file of one color."""
    rows = (b"\0" + bytes(RGB[color]) * width) * height
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def wav(*tones: str, seconds: float = 2.0) -> bytes:
    """A WAV file with tones in a row, each for `seconds`; ``silence`` is a tone, too."""
    samples = (
        0.5 * math.sin(2 * math.pi * HERTZ.get(tone, 0) * n / SAMPLE_RATE)
        for tone in tones
        for n in range(int(seconds * SAMPLE_RATE))
    )
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        sound.writeframes(b"".join(struct.pack("<h", round(32767 * each)) for each in samples))
    return file.getvalue()


def has_ffmpeg() -> bool:
    """Return whether this machine can make videos, and a server on it can read them."""
    return all(shutil.which(name) for name in ("ffmpeg", "ffprobe"))


def mp4(folder: Path, *colors: str, seconds: float = 1.0) -> bytes:
    """An MP4 file that shows colors in a row, each for `seconds`."""
    path = folder / "-".join((*colors, "video.mp4"))
    sources = [
        part
        for color in colors
        for part in (
            *("-f", "lavfi", "-i"),
            "color=0x{:02x}{:02x}{:02x}:s=64x64:r=10:d={}".format(*RGB[color], seconds),
        )
    ]
    joined = ["-filter_complex", f"concat=n={len(colors)}", "-pix_fmt", "yuv420p"]
    command = ["ffmpeg", "-y", "-loglevel", "error", *sources, *joined, str(path)]
    subprocess.run(command, check=True)  # noqa: S603  (our own arguments)
    return path.read_bytes()
