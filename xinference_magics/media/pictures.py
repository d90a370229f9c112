"""What an image model paints, as values that show themselves and can be saved."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from xinference_magics.errors import BadRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL.Image import Image

_SUFFIXES = {"image/png": (".png",), "image/jpeg": (".jpg", ".jpeg")}
_PILLOW = "Install the package pillow."
_GRID = "display:flex;flex-wrap:wrap;gap:8px"
_CELL = "margin:0;max-width:100%"
_CAPTION = "font-size:12px;line-height:20px;opacity:0.75"


@dataclass(frozen=True, kw_only=True)
class GeneratedImage:
    """A picture, and what it was made from.

    In a notebook it shows itself. Its seed, prompt and parameters repeat it.

    Attributes:
        data: The file, as the server sent it.
        mime_type: ``image/png`` or ``image/jpeg``.
        width: In pixels; None if Pillow, which reads it, is not installed.
        height: In pixels, likewise.
        seed: What the noise that it began with was drawn from.
        prompt: What was asked for.
        parameters: The other parameters, by their names in diffusers.
        model: The UID of the model.
    """

    data: bytes = field(repr=False)
    mime_type: str
    width: int | None = None
    height: int | None = None
    seed: int
    prompt: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    model: str

    @classmethod
    def of(cls, data: bytes, mime_type: str, **made_from: Any) -> GeneratedImage:
        """Return a picture of the size that its file has."""
        width, height = _size(data)
        return cls(data=data, mime_type=mime_type, width=width, height=height, **made_from)

    @property
    def label(self) -> str:
        """Describe the picture in a few words: its size and its seed."""
        size = f"{self.width}x{self.height}, " if self.width else ""
        return f"{size}seed {self.seed}"

    @property
    def a1111_parameters(self) -> str:
        """What made the picture, as A1111 writes it into its pictures."""
        named = {
            "Steps": self.parameters.get("num_inference_steps"),
            "Sampler": self.parameters.get("sampler_name"),
            "CFG scale": self.parameters.get("guidance_scale"),
            "Seed": self.seed,
            "Size": f"{self.width}x{self.height}" if self.width else None,
            "Model": self.model,
            "Denoising strength": self.parameters.get("strength"),
        }
        lines = [self.prompt]
        if negative := self.parameters.get("negative_prompt"):
            lines.append(f"Negative prompt: {negative}")
        lines.append(", ".join(f"{name}: {v}" for name, v in named.items() if v is not None))
        return "\n".join(lines)

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file, in the format of its suffix, and return the file's path.

        A PNG has the prompt and the parameters in its text, as A1111's pictures do.

        Raises:
            BadRequestError: It must be converted, and Pillow is not installed or does not know
                the suffix.
            OSError: The file cannot be written.
        """
        path = Path(path).expanduser()
        if not path.suffix:
            path = path.with_suffix(_SUFFIXES[self.mime_type][0])
        suffix = path.suffix.lower()
        same = suffix in _SUFFIXES[self.mime_type]
        if same and (suffix != ".png" or not _has_pillow()):
            path.write_bytes(self.data)
        else:
            path.write_bytes(self._converted(path))
        return path

    def to_pil(self) -> Image:
        """Return a `PIL.Image.Image`.

        Raises:
            BadRequestError: Pillow is not installed.
        """
        if not _has_pillow():
            raise BadRequestError("Converting a picture needs Pillow.", hint=_PILLOW)
        from PIL import Image

        return Image.open(io.BytesIO(self.data))

    def to_content_block(self) -> dict[str, Any]:
        """Return a content block for a message of LangChain."""
        return {"type": "image", "base64": self.base64, "mime_type": self.mime_type}

    @property
    def base64(self) -> str:
        """The file in base64."""
        return base64.b64encode(self.data).decode("ascii")

    def _converted(self, path: Path) -> bytes:
        image, file = self.to_pil(), io.BytesIO()
        options: dict[str, Any] = {}
        if path.suffix.lower() == ".png":
            from PIL.PngImagePlugin import PngInfo

            text = PngInfo()
            text.add_itxt("parameters", self.a1111_parameters)
            options = {"pnginfo": text}
        if image.mode == "RGBA" and path.suffix.lower() in _SUFFIXES["image/jpeg"]:
            image = image.convert("RGB")
        from PIL import Image

        kind = Image.registered_extensions().get(path.suffix.lower())
        if kind is None:
            raise BadRequestError(
                f"{path.name}: pictures cannot be saved as {path.suffix}.",
                hint="Use a suffix such as .png or .jpg.",
            )
        image.save(file, format=kind, **options)
        return file.getvalue()

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, str], dict[str, Any]]:
        """Show the picture itself; its alternative text is the prompt."""
        bundle = {self.mime_type: self.base64, "text/plain": f"<picture: {self.label}>"}
        return bundle, {self.mime_type: {"alt": self.prompt}}


class Images(Sequence[GeneratedImage]):
    """The pictures of one request, in the order of their seeds.

    Args:
        pictures: The pictures.
        seconds: How long the request took.
    """

    def __init__(self, pictures: Sequence[GeneratedImage], seconds: float) -> None:
        self._pictures = tuple(pictures)
        self.seconds = seconds

    @overload
    def __getitem__(self, index: int) -> GeneratedImage: ...
    @overload
    def __getitem__(self, index: slice) -> Images: ...
    def __getitem__(self, index: int | slice) -> GeneratedImage | Images:
        """Return a picture, or some of them."""
        if isinstance(index, slice):
            return Images(self._pictures[index], self.seconds)
        return self._pictures[index]

    def __len__(self) -> int:
        """Return how many pictures there are."""
        return len(self._pictures)

    def __repr__(self) -> str:
        return f"<{self.label}>"

    @property
    def label(self) -> str:
        """Describe the pictures in a few words."""
        if len(self) == 1:
            return f"picture: {self[0].label}"
        return f"{len(self)} pictures: {', '.join(f'seed {each.seed}' for each in self)}"

    @property
    def seeds(self) -> list[int]:
        """The seed of each picture."""
        return [each.seed for each in self]

    def save(self, folder: str | Path) -> list[Path]:
        """Write each picture into a folder, named after its seed, and return the paths.

        Raises:
            OSError: A file cannot be written.
        """
        folder = Path(folder).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        return [each.save(folder / f"seed-{each.seed}") for each in self]

    def _repr_mimebundle_(self, **options: object) -> Any:
        """Show one picture as itself, and several side by side."""
        if len(self) == 1:
            return self[0]._repr_mimebundle_(**options)
        cells = "".join(map(_figure, self))
        html = f'<div style="{_GRID}">{cells}</div>'
        return {"text/html": html, "text/plain": repr(self)}


def _figure(picture: GeneratedImage) -> str:
    source = f"data:{picture.mime_type};base64,{picture.base64}"
    alt = escape(picture.prompt, quote=True)
    return (
        f'<figure style="{_CELL}"><img src="{source}" alt="{alt}" style="max-width:100%">'
        f'<figcaption style="{_CAPTION}">{escape(picture.label)}</figcaption></figure>'
    )


def _has_pillow() -> bool:
    try:
        import PIL  # noqa: F401
    except ImportError:
        return False
    return True


def _size(data: bytes) -> tuple[int | None, int | None]:
    if not _has_pillow():
        return None, None
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError):  # shown as the server sent it
        return None, None
