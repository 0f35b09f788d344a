"""Cross-entropy, and what is done to it where classes are of unlike size. No torch at import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tltk.specs.parts import OptimSpec

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ClassLoss:
    """ℓ(z, y) = w_y (1 − p_y)^γ (−log p_y), p = softmax(z + τ log π); the mean over a batch. All off = cross-entropy.

    Reference:
        γ: Lin, Goyal, Girshick, He and Dollár (2017), Focal loss for dense object detection, ICCV, Eq. 4 and 5 (softmax
        for their sigmoid), arXiv:1708.02002. Effective numbers: Cui, Jia, Lin, Song and Belongie (2019), Class-balanced
        loss based on effective number of samples, CVPR, Eq. 2 and 5, arXiv:1901.05555. Logit adjustment: Menon,
        Jayasumana, Rawat, Jain, Veit and Kumar (2021), Long-tail learning via logit adjustment, ICLR, Eq. 10,
        arXiv:2007.07314.

    Attributes:
        weights: w of each class; empty = all 1.
        shift: τ log π of each class; empty = none.
        gamma: γ.
    """

    weights: tuple[float, ...] = ()
    shift: tuple[float, ...] = ()
    gamma: float = 0.0

    @classmethod
    def of(cls, optim: OptimSpec, counts: Sequence[int]) -> ClassLoss:
        """What was asked for, with these pictures.

        Args:
            optim: `class_weights`, `class_beta`, `logit_adjustment` and `focal`.
            counts: Training pictures of each class that labels are learned from; a class without any weighs 0.
        """
        import math

        n, there = sum(counts), [c for c in counts if c]
        weights: tuple[float, ...] = ()
        if optim.class_weights == "balanced":
            weights = tuple(n / (len(there) * c) if c else 0.0 for c in counts)
        elif optim.class_weights == "effective":
            beta = optim.class_beta
            raw = [(1 - beta) / (1 - beta**c) if c else 0.0 for c in counts]
            weights = tuple(w * len(there) / sum(raw) for w in raw)
        tau = optim.logit_adjustment
        # A class that nothing is learned of has no prior; the least that one picture would give keeps it finite.
        shift = tuple(tau * math.log(max(c, 1) / n) for c in counts) if tau else ()
        return cls(weights, shift, optim.focal)

    def __call__(self, outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
        """The mean of a batch.

        Args:
            outputs: z, (n, classes).
            targets: y, (n,).
            smoothing: Share of the target that is spread over all classes, 0 … 1.
        """
        import torch
        import torch.nn.functional as F

        z = outputs + outputs.new_tensor(self.shift) if self.shift else outputs
        if not self.weights and not self.gamma:
            return F.cross_entropy(z, targets, label_smoothing=smoothing)
        losses = F.cross_entropy(z, targets, label_smoothing=smoothing, reduction="none")
        if self.gamma:
            # −log p_y is the loss itself, since `OptimSpec` refuses smoothing beside a focal loss.
            missing = (1 - (-losses).exp()).clamp(min=torch.finfo(losses.dtype).tiny)  # 0 has no slope for γ < 1
            losses = missing**self.gamma * losses
        if self.weights:
            losses = losses.new_tensor(self.weights)[targets] * losses
        return losses.mean()
