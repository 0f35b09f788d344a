"""What `tltk embed` asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tltk.analyses.depth import PICTURES_HELP, DepthSpec
from tltk.specs.knobs import knob


@dataclass(frozen=True)
class EmbedSpec(DepthSpec):
    """A question: where do the pictures lie, layer by layer, in two dimensions?"""

    kind: ClassVar[str] = "embed"
    verb: ClassVar[str] = "embed"
    later: ClassVar[tuple[str, ...]] = ("picture",)

    after: str = knob("", help="Weights of the same backbone to show beside, such as run:ID; empty = none.")
    method: str = knob("umap", choices=("pca", "umap", "tsne"), help="How features become two numbers.")
    over: str = knob(
        "layers", choices=("layers", "epochs"), help="The film: through the layers, or through a run's snapshots."
    )
    layer: int = knob(-1, -1, 10_000, help="The layer that is embedded; -1 = all, or over epochs what enters the head.")
    neighbours: int = knob(15, 2, 200, help="Neighbours that UMAP keeps together.")
    pictures: int = knob(300, 20, 100_000, help=PICTURES_HELP)
    picture: str = knob("", help="A picture file that is placed among the others once they are laid out; empty = none.")
