"""Models of picture and text in a local folder of open_clip's layout: `open_clip_config.json` beside safetensors.

Nothing is fetched and nothing is unpickled: models that would load their text tower or tokenizer from elsewhere are
refused. `open_clip_torch` is an extra, `tltk[clip]`; no torch is imported before a model is loaded.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tltk.errors import BadSpec, WeightsMissing, abbreviate

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")
ELSEWHERE = ("hf_model_name", "hf_tokenizer_name")  # of a text tower that another library would look for
MAX_CONFIG_BYTES = 2**20
LAYOUT = f"a folder with {CONFIG} and {WEIGHTS[0]}, as open_clip writes it"


@dataclass(frozen=True, eq=False)
class Clip:
    """A loaded model.

    Attributes:
        model: open_clip's, in evaluation mode, in float32.
        tokenizer: Sentences → token numbers.
        size: Side of the pictures that it reads, in pixels.
        mean: Of its pictures, per channel, in 0 … 1.
        std: Likewise.
    """

    model: Any
    tokenizer: Any
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def scale(self) -> float:
        """The inverse temperature that it has learned."""
        return float(self.model.logit_scale.detach().exp())

    def embed_pictures(self, images: Tensor) -> Tensor:
        """(n, d) embeddings.

        Args:
            images: (n, 1 or 3, h, w) in 0 … 1, square; brought to `size` by bicubic interpolation.
        """
        import torch
        import torch.nn.functional as F

        if images.shape[-1] != self.size:
            side = (self.size, self.size)
            images = F.interpolate(images, side, mode="bicubic", antialias=True).clamp(0, 1)
        mean, std = (images.new_tensor(v).reshape(1, -1, 1, 1) for v in (self.mean, self.std))
        with torch.inference_mode():
            found: Tensor = self.model.encode_image((images.expand(-1, 3, -1, -1) - mean) / std)
        return found.float()

    def embed_texts(self, sentences: list[str]) -> Tensor:
        """(k, d) embeddings.

        Args:
            sentences: One for each class.
        """
        import torch

        with torch.inference_mode():
            found: Tensor = self.model.encode_text(self.tokenizer(sentences))
        return found.float()


def check_checkpoint(folder: str) -> Path:
    """Refuse what cannot be loaded, without torch; else the file of its weights.

    Args:
        folder: Path of the checkpoint.

    Raises:
        BadSpec: All is there, but the extra is not installed.
        WeightsMissing: No such folder, no config or weights in it, or a model that must fetch parts of itself.
    """
    if not folder.strip():
        raise WeightsMissing(f"A model of picture and text must be named. None is; give --checkpoint {LAYOUT}.")
    path = Path(folder).expanduser()
    config = _read_config(path)
    parts = [config.get("model_cfg", {}).get(tower, {}) for tower in ("text_cfg", "vision_cfg")]
    if not all(isinstance(part, dict) and part for part in parts):
        raise WeightsMissing(
            f"{CONFIG} must describe the towers of text and vision. That in {abbreviate(folder)} does not."
        )
    if other := [name for name in ELSEWHERE if parts[0].get(name)]:
        raise WeightsMissing(
            f"A text tower must be open_clip's own, with its own tokenizer: others are fetched. {abbreviate(folder)} "
            f"names {', '.join(str(parts[0][name]) for name in other)}; take another checkpoint."
        )
    present = [path / name for name in WEIGHTS if (path / name).is_file()]
    if not present:
        raise WeightsMissing(
            f"Weights must be safetensors, {' or '.join(WEIGHTS)}; files that can run code are not read. There are "
            f"none in {abbreviate(folder)}."
        )
    if importlib.util.find_spec("open_clip") is None:
        raise BadSpec("Zero-shot by text needs open_clip. It is not installed; pip install 'tltk[clip]' does so.")
    return present[0]


def _read_config(path: Path) -> dict[str, Any]:
    file = path / CONFIG
    if not file.is_file():
        raise WeightsMissing(f"A model of picture and text must be {LAYOUT}. There is none at {abbreviate(str(path))}.")
    try:
        with file.open("rb") as opened:
            found = json.loads(opened.read(MAX_CONFIG_BYTES))
    except (OSError, ValueError, RecursionError) as fault:
        raise WeightsMissing(f"{abbreviate(str(file))} must be JSON. It cannot be read: {fault}.") from None
    if not isinstance(found, dict) or not isinstance(found.get("model_cfg"), dict):
        raise WeightsMissing(f"{abbreviate(str(file))} must hold an object named model_cfg. It does not.")
    return found


def load_clip(folder: str) -> Clip:
    """The model of this folder, on the CPU.

    Args:
        folder: Path of the checkpoint.

    Raises:
        BadSpec: The extra is not installed.
        WeightsMissing: What `check_checkpoint` refuses, or weights that do not fit.
    """
    weights = check_checkpoint(folder)
    try:
        import open_clip
    except ImportError as fault:
        raise BadSpec(f"Zero-shot by text needs open_clip, whole. It cannot be imported: {fault}.") from None
    name = f"local-dir:{weights.parent}"
    try:
        # Its own search would take a pickle before some names of safetensors.
        model = open_clip.create_model(name, load_weights=False, pretrained_image=False, pretrained_text=False)
        open_clip.load_checkpoint(model, str(weights))
    except Exception as fault:  # each tower stumbles in its own way
        first = str(fault).strip().split("\n")[0]
        raise WeightsMissing(
            f"The weights in {abbreviate(folder)} must fit their config. open_clip says: {first}."
        ) from None
    tokenizer = open_clip.get_tokenizer(name)
    how = open_clip.get_model_preprocess_cfg(model)
    size = how["size"]
    side = size if isinstance(size, int) else size[0]
    return Clip(model.eval(), tokenizer, int(side), tuple(how["mean"]), tuple(how["std"]))
