"""L2-SP: weight decay towards the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tltk.specs.knobs import knob
from tltk.terms.term import Step, Term

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class L2Sp(Term):
    """L2-SP: decay towards the transferred weights instead of towards zero.

    Ω(w) = α/2 ‖w_S − w_S⁰‖² + β/2 ‖w_S̄‖²: w_S are the weights of the backbone that learn, w_S⁰ their values at the
    start, w_S̄ those of the head. It takes the place of weight decay, so `optim.weight_decay` is best set to 0.

    Reference:
        Li, Grandvalet and Davoine (2018), Explicit inductive bias for transfer learning with convolutional
        networks, ICML, Eq. 4. arXiv:1802.01483.
    """

    weight: float = knob(0.1, 0.0, 1e6, help="α: pull of the backbone's weights towards their start; 0 = off.")
    head: float = knob(0.01, 0.0, 1e6, help="β: pull of the head's weights towards zero.")

    @property
    def reaches_head(self) -> bool:
        """Where its weights are pulled to zero."""
        return self.head > 0

    def __call__(self, step: Step) -> Tensor:
        """Ω(w)."""
        from tltk.nn.decay import squared_distance

        free = {n: p for n, p in step.net.named_parameters() if p.requires_grad}
        held = [n for n in free if step.net.layer_of[n] < step.net.depth]
        pull = step.batch.logits.new_zeros(())
        if held:
            pull = pull + self.weight / 2 * squared_distance([free[n] for n in held], [step.start[n] for n in held])
        for name, parameter in free.items():
            if step.net.layer_of[name] == step.net.depth:
                pull = pull + self.head / 2 * parameter.square().sum()
        return pull
