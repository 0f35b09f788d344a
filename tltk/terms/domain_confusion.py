"""Domain confusion: features on which a domain classifier is undecided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tltk.specs.knobs import knob
from tltk.terms.term import Step, Term

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class DomainConfusion(Term):
    """Domain confusion: features are trained so that a classifier of the domain answers one half for either.

    ℓ = L_D(x; θ_D) + λ L_conf(x; θ), L_D = −Σ_d 1[d = y] log q_d, which moves the domain classifier alone,
    L_conf = −Σ_d ½ log q_d, which moves the features alone; both are means over the pictures of both domains. The paper
    takes turns between the two, here each step does both at once.

    The aim of `dann` is to make the classifier wrong, which is also reached by features that swap the domains; here it
    is to leave it undecided, and the gradient stays large where the classifier is sure. It helps and hurts where `dann`
    does: it mixes classes where their shares differ between the domains.

    Reference:
        Tzeng, Hoffman, Darrell and Saenko (2015), Simultaneous deep transfer across domains and tasks, ICCV, Eq. 3–6.
        arXiv:1510.02192.
    """

    needs: ClassVar[tuple[str, ...]] = ("source",)

    weight: float = knob(
        0.01, 0.0, 1e6, help="λ: factor of the confusion; the domain classifier learns at the full rate. 0 = off."
    )
    hidden: int = knob(1024, 1, 8192, help="Units in each of the classifier's two hidden layers.")

    @property
    def reaches_head(self) -> bool:
        """No: features alone."""
        return False

    def module(self, width: int, n_classes: int) -> nn.Module:
        """The domain classifier."""
        from tltk.nn.reversal import make_discriminator

        return make_discriminator(width, self.hidden)

    def __call__(self, step: Step) -> Tensor:
        """ℓ."""
        from torch.func import functional_call

        from tltk.nn.reversal import domain_accuracy, domain_losses

        assert step.module is not None
        fixed = {name: p.detach() for name, p in step.module.named_parameters()}
        pair = [side.features for side in step.pair]
        told = [step.module(x.detach()).float() for x in pair]
        step.report("accuracy", domain_accuracy(told[0], told[1]))
        classifier = _mean(domain_losses(told[0], told[1]))
        seen = [functional_call(step.module, fixed, (x,)).float() for x in pair]
        # −½ log q_S − ½ log q_T of a picture: the mean of its losses under either answer.
        confusion = (_mean(domain_losses(seen[0], seen[1])) + _mean(domain_losses(seen[1], seen[0]))) / 2
        step.report("confusion", confusion)
        return classifier + self.weight * confusion


def _mean(losses: tuple[Tensor, Tensor]) -> Tensor:
    """Over the pictures of both domains, as many of each."""
    return (losses[0].mean() + losses[1].mean()) / 2
