"""Deep adaptation network: equal mean embeddings of the features of two domains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import knob
from tltk.terms.term import Step, Term

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Dan(Term):
    """DAN: the features of source and target get equal means under kernels of several widths (MK-MMD).

    ℓ = λ Σ_layers MMD²_k(S, T), k = mean of five Gaussian kernels with σ² times ¼, ½, 1, 2, 4, where σ² is half the
    mean squared distance within the pooled batch. The estimate is the unbiased one over all pairs (Gretton et al. 2012,
    Eq. 3), or the linear one that the paper trains with (Gretton et al. 2012, Lemma 14). The paper learns the weights
    of the kernels too; here they are equal.

    It helps where the domains differ in the whole cloud of features, not only in means and covariances as `coral`. It
    knows nothing of classes: where the shares of classes differ between the domains, it moves one class upon
    another. In small batches the estimate is noisy, and it can fall below 0.

    Reference:
        Long, Cao, Wang and Jordan (2015), Learning transferable features with deep adaptation networks, ICML,
        §3. arXiv:1502.02791.
    """

    needs: ClassVar[tuple[str, ...]] = ("source",)
    least: ClassVar[int] = 2  # one picture has no other to be compared with

    weight: float = knob(1.0, 0.0, 1e6, help="λ: factor of the distance in the loss; 0 = off.")
    logits: bool = knob(False, help="Whether the logits are matched too, as a further layer.")
    estimator: str = knob(
        "unbiased",
        choices=("unbiased", "linear"),
        help="All pairs of the batch, or each picture in one pair alone.",
    )

    @property
    def reaches_head(self) -> bool:
        """Where the logits are matched too."""
        return self.logits

    def __call__(self, step: Step) -> Tensor:
        """ℓ."""
        from tltk.shift.kernels import batch_kernel, mmd_of_kernel

        source, target = step.pair
        pairs = [(source.features, target.features)]
        if self.logits:
            pairs.append((source.logits, target.logits))
        value = source.logits.new_zeros((), dtype=source.logits.float().dtype)
        for s, t in pairs:
            value = value + mmd_of_kernel(batch_kernel(s.float(), t.float()), len(s), self.estimator)
        return self.weight * value
