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
    about: ClassVar[str] = "Pictures in two dimensions, layer by layer: coordinates with --json, their quality without."
    later: ClassVar[tuple[str, ...]] = ("picture",)

    after: str = knob("", help="Weights of the same backbone to show alongside, such as run:ID; empty = none.")
    method: str = knob("umap", choices=("pca", "umap", "tsne"), help="How features are reduced to two dimensions.")
    over: str = knob(
        "layers", choices=("layers", "epochs"), help="What the animation runs over: the layers, or a run's snapshots."
    )
    layer: int = knob(
        -1, -1, 10_000, help="The layer to embed; -1 = all, or over epochs the features that enter the head."
    )
    neighbours: int = knob(15, 2, 200, help="Number of neighbours that UMAP tries to keep together.")
    pictures: int = knob(300, 20, 100_000, help=PICTURES_HELP)
    picture: str = knob("", help="A picture file to place among the others; empty = none.")
