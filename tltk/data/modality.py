"""What an example is made of: how it becomes a tensor, is augmented, and is shown. No torch at import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image
    from torch import Generator, Tensor, device

    from tltk.data.domain import Domain
    from tltk.specs.parts import ViewSpec


def stored(domain: Domain, index: Tensor | np.ndarray, device: device) -> Tensor:
    """What a domain holds at these positions, uint8, (n, …), on the device.

    Args:
        domain: Whose examples.
        index: Positions, (n,).
        device: Where to.
    """
    import numpy as np
    import torch

    at = index.numpy() if isinstance(index, torch.Tensor) else index
    return torch.from_numpy(np.ascontiguousarray(domain.images[at])).to(device)


class Modality(Protocol):
    """The loop, the bank and the analyses speak to examples through this alone; what a network sees are tensors."""

    def tensors(self, domain: Domain, index: Tensor | np.ndarray, device: device) -> Tensor:
        """Examples at these positions, as they lie in the domain, on the device.

        Args:
            domain: Whose examples.
            index: Positions, (n,).
            device: Where to.

        Returns:
            (n, …).
        """

    def augment(self, examples: Tensor, view: ViewSpec, generator: Generator) -> Tensor:
        """Examples as a network is given them, before its normalisation, each with its own random view.

        Args:
            examples: From `tensors`, (n, …).
            view: How; all zero = as they are.
            generator: Decides the draws.

        Returns:
            (n, …) floats.
        """

    def order(self, domain: Domain, index: np.ndarray) -> np.ndarray | None:
        """In which order these examples are quickest to compute; None = as they come.

        Args:
            domain: Whose examples.
            index: Positions, (n,).

        Returns:
            (n,) places in `index`.
        """

    def shape(self, domain: Domain) -> tuple[int, ...]:
        """The shape of one example as a network is given it."""

    def thumbnail(self, domain: Domain, at: int, largest_px: int) -> Image.Image:
        """A small picture of an example, for contact sheets.

        Args:
            domain: Whose example.
            at: Its position.
            largest_px: Its longer side at most, in pixels.
        """

    def sentence(self, domain: Domain, at: int, most: int) -> str:
        """What an example says in words; "" where it is to be seen.

        Args:
            domain: Whose example.
            at: Its position.
            most: Characters at most.
        """
