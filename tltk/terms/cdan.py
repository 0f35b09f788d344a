"""Conditional adversarial adaptation: features and predictions together do not tell the domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import knob
from tltk.terms.term import Side, Step, Term

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Cdan(Term):
    """CDAN: as DANN, but the discriminator sees every feature times every predicted class probability.

    ℓ = Σ_i w_i L_d(D(T(h_i^S)), 0)/n + Σ_j w_j L_d(D(T(h_j^T)), 1)/m, h = (f, g), g = softmax of the logits.
    T(h) = f ⊗ g, d·C numbers; where these are more than 4096, T(h) = (R_f f) ⊙ (R_g g) / √d′ with fixed Gaussian R and
    d′ = 1024. With entropy conditioning (CDAN+E) w = 1 + exp(−H(g)), else 1. Features and logits get the gradient times
    −λ_p, as in `dann`.

    It helps where aligning whole domains would put one class upon another: pictures that are predicted alike are
    compared. It leans on the predictions, so it hurts where these are mostly wrong at first: wrong classes are
    then aligned with care. Entropy conditioning lets sure predictions count up to twice as much.

    Reference:
        Long, Cao, Wang and Jordan (2018), Conditional adversarial domain adaptation, NeurIPS, §3.
        arXiv:1705.10667.
    """

    needs: ClassVar[tuple[str, ...]] = ("source",)

    weight: float = knob(
        1.0, 0.0, 1e6, help="Factor of the turned gradient; the discriminator learns at the full rate. 0 = off."
    )
    gamma: float = knob(10.0, 0.0, 1000.0, help="γ: how soon the turned gradient reaches its strength.")
    hidden: int = knob(1024, 1, 8192, help="Units in each of the discriminator's two hidden layers.")
    entropy: bool = knob(True, help="Whether sure predictions count more (CDAN+E).")

    def module(self, width: int, n_classes: int) -> nn.Module:
        """The discriminator, and where it must be the random projections before it."""
        from tltk.nn.multilinear import ConditionalDiscriminator

        return ConditionalDiscriminator(width, n_classes, self.hidden)

    def __call__(self, step: Step) -> Tensor:
        """ℓ; the gradient that features and logits get is turned and scaled."""
        from tltk.nn.reversal import domain_accuracy, domain_losses, reversal_strength

        strength = self.weight * reversal_strength(step.progress, self.gamma)
        source, target = step.pair
        (s, weight_s), (t, weight_t) = (self._conditioned(step, side, strength) for side in (source, target))
        step.report("accuracy", domain_accuracy(s, t))
        step.report("lambda", s.new_tensor(strength))
        of_source, of_target = domain_losses(s, t)
        return (weight_s * of_source).mean() + (weight_t * of_target).mean()

    def _conditioned(self, step: Step, side: Side, strength: float) -> tuple[Tensor, Tensor]:
        """The discriminator's logits, (n, 1), and the weight of each picture, (n,)."""
        from tltk.nn.reversal import reverse_gradient

        assert step.module is not None
        features = reverse_gradient(side.features, strength)
        log_p = reverse_gradient(side.logits.float(), strength).log_softmax(1)
        p = log_p.exp()
        logits: Tensor = step.module(features, p).float()
        entropy = -(p * log_p).sum(1)
        return logits, 1 + (-entropy).exp() if self.entropy else p.new_ones(len(p))
