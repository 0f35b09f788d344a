"""Joint adaptation network: equal mean embeddings of features and predictions together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import knob
from tltk.terms.term import Step, Term

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Jan(Term):
    """JAN: features and predictions of source and target get equal means under one product of kernels (JMMD).

    ℓ = λ MMD²_k(S, T) with k((f, g), (f′, g′)) = k_f(f, f′) k_g(g, g′), g = softmax of the logits; each factor is the
    mean of five Gaussian kernels as in `dan`. The paper's quadratic estimate keeps the diagonal of the kernel matrix;
    it is left out here, which makes the estimate unbiased (Gretton et al. 2012, Eq. 3). The linear one is the paper's.

    Two pictures count as near only if both their features and their predictions are, so classes are matched with
    classes. It helps where `dan` would mix them; it hurts where the predictions on the target are mostly wrong, since
    these are what it matches by.

    Reference:
        Long, Zhu, Wang and Jordan (2017), Deep transfer learning with joint adaptation networks, ICML, §4.
        arXiv:1605.06636.
    """

    needs: ClassVar[tuple[str, ...]] = ("source",)
    least: ClassVar[int] = 2  # one picture has no other to be compared with

    weight: float = knob(1.0, 0.0, 1e6, help="λ: factor of the distance in the loss; 0 = off.")
    estimator: str = knob(
        "unbiased",
        choices=("unbiased", "linear"),
        help="All pairs of the batch, or each picture in one pair alone.",
    )

    def __call__(self, step: Step) -> Tensor:
        """ℓ."""
        from tltk.shift.kernels import batch_kernel, mmd_of_kernel

        source, target = step.pair
        of_features = batch_kernel(source.features.float(), target.features.float())
        of_classes = batch_kernel(source.logits.float().softmax(1), target.logits.float().softmax(1))
        return self.weight * mmd_of_kernel(of_features * of_classes, len(source.logits), self.estimator)
