"""Domain-adversarial training: features from which the domain cannot be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import knob
from tltk.terms.term import Step, Term

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Dann(Term):
    """DANN: a discriminator learns to tell the domains by their features, the network learns to mislead it.

    ℓ = (1/n) Σ L_d(G_d(x_i^S), 0) + (1/m) Σ L_d(G_d(x_j^T), 1), L_d the cross-entropy. The discriminator G_d goes down
    the gradient of ℓ; the features get it times −λ_p, λ_p = w (2 / (1 + exp(−γ p)) − 1), at progress p.

    It helps where the classes look alike in both domains up to style, and as many of each class come in both. Where the
    target holds other classes than the source, or other shares of them, making the domains equal mixes classes, and it
    hurts. It is a game, not a descent: it can swing, it wants small rates, and the discriminator's accuracy tells how
    it goes. At 1 the domains are still told apart; at ½ they no longer are, or the discriminator learns too slowly.

    Reference:
        Ganin et al. (2016), Domain-adversarial training of neural networks, JMLR 17(59), Eq. 9 and 13–18; λ_p and the
        discriminator's own full rate: §5.2.2. arXiv:1505.07818.
    """

    needs: ClassVar[tuple[str, ...]] = ("source",)

    weight: float = knob(
        1.0, 0.0, 1e6, help="w: factor of the turned gradient; the discriminator learns at the full rate. 0 = off."
    )
    gamma: float = knob(10.0, 0.0, 1000.0, help="γ: how soon the turned gradient reaches its strength.")
    hidden: int = knob(1024, 1, 8192, help="Units in each of the discriminator's two hidden layers.")

    @property
    def reaches_head(self) -> bool:
        """No: features alone."""
        return False

    def module(self, width: int, n_classes: int) -> nn.Module:
        """The discriminator."""
        from tltk.nn.reversal import make_discriminator

        return make_discriminator(width, self.hidden)

    def __call__(self, step: Step) -> Tensor:
        """ℓ; the gradient that the features get is turned and scaled."""
        from tltk.nn.reversal import domain_accuracy, domain_losses, reversal_strength, reverse_gradient

        assert step.module is not None
        strength = self.weight * reversal_strength(step.progress, self.gamma)
        source, target = (step.module(reverse_gradient(side.features, strength)).float() for side in step.pair)
        step.report("accuracy", domain_accuracy(source, target))
        step.report("lambda", source.new_tensor(strength))
        of_source, of_target = domain_losses(source, target)
        return of_source.mean() + of_target.mean()
