"""Rotation prediction: by how many quarter turns was a picture turned?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import knob
from tltk.terms.term import Step, Term

if TYPE_CHECKING:
    from torch import Tensor, nn

TURNS = 4


@dataclass(frozen=True)
class Rotation(Term):
    """Rotation: each picture is shown in its four quarter turns, and the network learns to tell which is which.

    ℓ = −λ/(4n) Σ_x Σ_y log F_y(g(x, y)), g(x, y) = x turned by y · 90°, y = 0 … 3, F = softmax of a linear classifier
    of its own on the features.

    To tell which way up a thing stands, a network must know the thing: its parts and where they belong. It needs no
    labels, so it pre-trains (`--labels none`), or helps beside few of them. It helps on photographs, which have an up.
    It teaches little where a turned picture looks the same or just as likely, as textures, cells, aerial pictures, or
    the digits 0, 1 and 8, and it hurts where the direction itself tells the class, such as 6 and 9. The accuracy that
    it reports is of the four turns, ¼ by guessing. Each step costs four passes.

    Reference:
        Gidaris, Singh and Komodakis (2018), Unsupervised representation learning by predicting image rotations, ICLR,
        Eq. 1–3; all four turns in a batch: §3.1. arXiv:1803.07728.
    """

    needs: ClassVar[tuple[str, ...]] = ("pictures",)
    teaches: ClassVar[bool] = True
    passes: ClassVar[int] = TURNS

    weight: float = knob(1.0, 0.0, 1e6, help="λ: factor of the loss; 0 = off.")

    @property
    def reaches_head(self) -> bool:
        """No: features alone, by a head of its own."""
        return False

    def module(self, width: int, n_classes: int) -> nn.Module:
        """The classifier of the four turns."""
        from torch import nn

        return nn.Linear(width, TURNS)

    def __call__(self, step: Step) -> Tensor:
        """λ times the mean cross-entropy of the four turns of each picture."""
        import torch
        import torch.nn.functional as F

        assert step.module is not None
        pictures, _ = step.seen
        turned, turns = quarter_turns(pictures)
        logits = step.module(step.net(turned)[0]).float()
        step.report("accuracy", (logits.argmax(1) == turns).to(torch.float32).mean())
        return self.weight * F.cross_entropy(logits, turns)


def quarter_turns(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """All pictures as they are, then all turned to the left by 90°, 180° and 270°; and by how many quarters each.

    Args:
        pictures: (n, c, h, h), square.

    Returns:
        (4n, c, h, h), and (4n,) numbers 0 … 3.
    """
    import torch

    turned = torch.cat([pictures.rot90(k, (2, 3)) for k in range(TURNS)])
    return turned, torch.arange(TURNS, device=pictures.device).repeat_interleave(len(pictures))
