"""Pictures: uint8 arrays (c, h, w), all of a domain of one size. No torch at import."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tltk.data.modality import stored

if TYPE_CHECKING:
    from torch import Generator, Tensor, device

    from tltk.data.domain import Domain
    from tltk.specs.parts import ViewSpec

KIND = "pictures"


class Pictures:
    """The modality of pictures."""

    def tensors(self, domain: Domain, index: Tensor | np.ndarray, device: device) -> Tensor:
        """Pictures at these positions, uint8 (n, c, h, w), on the device.

        Args:
            domain: Whose pictures.
            index: Positions, (n,).
            device: Where to.
        """
        return stored(domain, index, device)

    def augment(self, examples: Tensor, view: ViewSpec, generator: Generator) -> Tensor:
        """Floats in 0 … 1, (n, c, h, w), each with a view of its own: see `tltk.data.augment.views`.

        Args:
            examples: uint8 (n, c, h, w).
            view: How; all zero = as they are.
            generator: Decides the draws.
        """
        from tltk.data.augment import views

        return views(examples, view, generator)

    def order(self, domain: Domain, index: np.ndarray) -> None:
        """Pictures are all of one size.

        Args:
            domain: Whose pictures.
            index: Positions, (n,).
        """

    def shape(self, domain: Domain) -> tuple[int, ...]:
        """Channels, height, width."""
        _, channels, height, width = domain.images.shape
        return channels, height, width

    def thumbnail(self, domain: Domain, at: int, largest_px: int) -> Image.Image:
        """The picture in colour; of more than three channels the first three, of fewer the first as grey.

        Args:
            domain: Whose picture.
            at: Its position.
            largest_px: Its longer side at most, in pixels.
        """
        picture = np.asarray(domain.images[at])
        shown = picture[:3] if len(picture) >= 3 else np.repeat(picture[:1], 3, 0)
        tile = Image.fromarray(np.ascontiguousarray(shown.transpose(1, 2, 0)))
        longest = max(tile.size)
        if longest <= largest_px:
            return tile
        return tile.resize([max(round(side * largest_px / longest), 1) for side in tile.size])

    def sentence(self, domain: Domain, at: int, most: int = 0) -> str:
        """Pictures are seen.

        Args:
            domain: Whose picture.
            at: Its position.
            most: Characters at most.
        """
        return ""


PICTURES = Pictures()
