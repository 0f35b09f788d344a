"""Relational knowledge distillation: distances and angles between pictures stay what they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import knob
from tltk.terms.term import Step, Term

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RelationalDistillation(Term):
    """Relational distillation: how pictures lie to each other in the features stays as it was at the start.

    ℓ = λ (mean over pairs of h(ψ(f_i, f_j), ψ(g_i, g_j)) + a · mean over triples of h(∠(f_i, f_j, f_k), ∠(g_i, g_j,
    g_k))), g the features at the start, ψ a distance divided by its mean over the batch, ∠ the cosine of the angle at
    j, and h(x, y) the Huber loss: ½(x − y)² where |x − y| ≤ 1, else |x − y| − ½.

    The features may turn, move and grow; only which pictures are near each other, and at what angles, is held. That is
    a looser hold than DELTA's or distillation of the features themselves, and enough where neighbourhoods carry what
    transfers, as in retrieval and with few labels. It hurts where the target groups its pictures by something else
    than the old features do. It is a mean over pairs and triples, so λ does not hang on the size of a batch; time and
    memory grow with its cube.

    Reference:
        Park, Kim, Lu and Cho (2019), Relational knowledge distillation, CVPR, §3.2.1 and 3.2.2. arXiv:1904.05068.
    """

    needs: ClassVar[tuple[str, ...]] = ("teacher",)

    weight: float = knob(25.0, 0.0, 1e6, help="λ: how much the relations count against the task; 0 = off.")
    angle: float = knob(2.0, 0.0, 1e6, help="a: how much angles count against distances; 0 = distances alone.")

    @property
    def reaches_head(self) -> bool:
        """No: features alone."""
        return False

    def __call__(self, step: Step) -> Tensor:
        """λ times the Huber losses of distances and angles."""
        assert step.teacher is not None
        now, then = step.batch.features.float(), step.teacher.features.float()
        n = len(now)
        if n < 2:  # one picture has no relations
            return self.weight * 0 * now.sum()
        found = _huber(_distances(now), _distances(then)) / (n * (n - 1))
        if self.angle and n > 2:
            found = found + self.angle * _huber(_angles(now), _angles(then)) / (n * (n - 1) * (n - 2))
        return self.weight * found


def _distances(x: Tensor) -> Tensor:
    """ψ of all pairs, (n, n); 0 of a picture with itself."""
    import torch

    gaps = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")  # whose gradient at 0 is 0
    return gaps / (gaps.sum() / (len(x) * (len(x) - 1))).clamp(min=1e-12)


def _angles(x: Tensor) -> Tensor:
    """Cosine of the angle at j between i and k, (j, i, k); the same for all features where two of them are one."""
    from torch.nn.functional import normalize

    sides = normalize(x[None] - x[:, None], dim=2)
    return sides @ sides.mT


def _huber(x: Tensor, y: Tensor) -> Tensor:
    """Σ h."""
    from torch.nn.functional import huber_loss

    return huber_loss(x, y, reduction="sum")
