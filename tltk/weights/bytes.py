"""How weights are fitted to examples that a network reads as bytes: texts, and rows of a table."""

from __future__ import annotations

from tltk.results.training import Fitting


def fitting_of_bytes(sentence: str, kind: str, size: int, n_classes: int) -> Fitting:
    """What there is to say where nothing is a picture: bytes come over 255 and are multiplied by it again.

    Args:
        sentence: All of it in words.
        kind: Of the weights, scratch or where they are from.
        size: Of the examples.
        n_classes: Of the new classifier.
    """
    return Fitting(
        sentence=sentence,
        channels=1,
        channels_made_for=1,
        first_layer="",
        channel_rule="drawn" if kind == "scratch" else "kept",
        channel_factor=1.0,
        mean=[0.0],
        std=[round(1 / 255, 6)],
        size=size,
        size_made_for=0,
        grid=[],
        grid_made_for=[],
        classes=n_classes,
        classes_made_for=0,
    )
