"""Deep CORAL: equal covariances of the features of two domains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import knob
from tltk.terms.term import Step, Term

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Coral(Term):
    """Deep CORAL: the features of source and target are pulled towards equal covariances.

    ℓ = 1/(4d²) ‖C_S − C_T‖²_F over the features (n, d) of a batch of each domain, with
    C = (XᵀX − (1ᵀX)ᵀ(1ᵀX)/n) / (n − 1).

    Reference:
        Sun and Saenko (2016), Deep CORAL: correlation alignment for deep domain adaptation, ECCV Workshops,
        Eq. 1–3 and 6. arXiv:1607.01719.
    """

    needs: ClassVar[tuple[str, ...]] = ("source",)
    least: ClassVar[int] = 2  # one picture has no covariance

    weight: float = knob(1.0, 0.0, 1e6, help="λ: factor of the distance in the loss; 0 = off.")

    @property
    def reaches_head(self) -> bool:
        """No: features alone."""
        return False

    def __call__(self, step: Step) -> Tensor:
        """λ ℓ."""
        source, target = (side.features.float() for side in step.pair)
        gap = _covariance(source) - _covariance(target)
        return self.weight * gap.square().sum() / (4 * source.shape[1] ** 2)


def _covariance(x: Tensor) -> Tensor:
    """C of features (n, d), (d, d)."""
    x = x - x.mean(0)
    return x.mT @ x / (len(x) - 1)
