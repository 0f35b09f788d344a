"""SimCLR: two views of one picture belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import knob
from tltk.terms.term import Step, Term

if TYPE_CHECKING:
    from torch import Generator, Tensor, nn


@dataclass(frozen=True)
class Simclr(Term):
    """SimCLR: of two random views of each picture the features become alike, and unlike those of other pictures.

    ℓ = λ/(2n) Σ_i −log exp(s_ij/τ) / Σ_{k≠i} exp(s_ik/τ), i and k over the 2n views of a batch, j the other view of the
    same picture, s_ij = cosine of z_i and z_j, z = a small network of its own on the features, of two layers.

    What the views share, the features keep; what the views differ in, they forget. So the augmentation decides what is
    learned: crops, flips and colours that leave the class as it is help, those that change it hurt, such as flipped
    digits or colours where colour tells the class. It pre-trains without labels (`--labels none`), wants large batches,
    since the other pictures of a batch are what a view is told from, and many epochs. The small network is thrown away
    in the end. The accuracy that it reports: how often the other view is the nearest of all. A step costs two passes.

    Reference:
        Chen, Kornblith, Norouzi and Hinton (2020), A simple framework for contrastive learning of visual
        representations, ICML, Eq. 1 and Algorithm 1; the views of small pictures and τ = 0.5: appendix B.9. There
        colours are turned too, here they are not. arXiv:2002.05709.
    """

    needs: ClassVar[tuple[str, ...]] = ("pictures",)
    least: ClassVar[int] = 2  # one picture is told from nothing
    teaches: ClassVar[bool] = True
    passes: ClassVar[int] = 2

    weight: float = knob(1.0, 0.0, 1e6, help="λ: factor of the loss; 0 = off.")
    temperature: float = knob(0.5, 0.01, 100.0, help="τ: the smaller, the more the nearest other pictures count.")
    crop: float = knob(0.9, 0.0, 0.9, help="A view is a random crop: up to this share of the area is cut away.")
    flip: float = knob(0.5, 0.0, 1.0, help="Probability that a view is flipped left to right.")
    colour: float = knob(0.5, 0.0, 1.0, help="Strength of a view's brightness, contrast and saturation jitter.")
    grey: float = knob(0.2, 0.0, 1.0, help="Probability that a view has lost its colours.")
    numbers: int = knob(128, 2, 8192, help="Numbers that the small network gives.")

    @property
    def reaches_head(self) -> bool:
        """No: features alone, by a head of its own."""
        return False

    def module(self, width: int, n_classes: int) -> nn.Module:
        """The small network, whose output is compared: linear, rectified, linear."""
        from torch import nn

        return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, self.numbers))

    def __call__(self, step: Step) -> Tensor:
        """λ times NT-Xent of two views of each picture."""
        import torch

        assert step.module is not None
        pictures, draw = step.seen
        plain = step.net.denormalise(pictures)
        both = step.net.normalise(torch.cat([self.view(plain, draw) for _ in range(2)]))
        z = step.module(step.net(both)[0]).float()
        value, nearest = nt_xent(z, self.temperature)
        step.report("accuracy", nearest)
        return self.weight * value

    def view(self, x: Tensor, draw: Generator) -> Tensor:
        """A random view of each picture.

        Args:
            x: (n, c, h, w) in 0 … 1.
            draw: Decides it.
        """
        import torch

        from tltk.data.augment import alter, luma
        from tltk.specs.parts import ViewSpec

        x = alter(x, ViewSpec(crop=self.crop, flip=self.flip, colour=self.colour), draw)
        lost = (torch.rand(len(x), generator=draw) < self.grey).to(x.device)[:, None, None, None]
        return torch.where(lost, luma(x), x) if x.shape[1] == 3 else x


def nt_xent(z: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """The normalised, temperature-scaled cross-entropy, and how often the other view is the nearest; both scalars.

    Args:
        z: (2n, d), the first views of n pictures, then their second views in the same order.
        temperature: τ.
    """
    import torch
    import torch.nn.functional as F

    n, z = len(z) // 2, F.normalize(z, dim=1)
    similarity = (z @ z.mT / temperature).fill_diagonal_(-torch.inf)
    other = torch.arange(2 * n, device=z.device).roll(n)
    return F.cross_entropy(similarity, other), (similarity.argmax(1) == other).to(torch.float32).mean()
