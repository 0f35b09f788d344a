"""What a training makes of one picture."""

from __future__ import annotations

import msgspec

from tltk.analyses.nearest.result import Query


class ExplainResult(msgspec.Struct, frozen=True):
    """One picture; `seen.png` is what the network saw, `map.png` where it looked, `pictures.png` the nearest pictures.

    Attributes:
        run: The training.
        backbone: Its network.
        name: Of the picture.
        classes: Names, by class number.
        probabilities: Of each class, by class number, 0 … 1.
        predicted: The class number that is the most probable.
        method: grad_cam or attention_rollout; "" = there is no map.
        layer_name: Whose map it is, or up to which attention counts.
        rows: Places of the map, from top to bottom.
        columns: Places of the map, from left to right.
        flat: Whether the map is the same everywhere, and shows nothing.
        why: Why there is no map; "" = there is one.
        nearest: The training pictures that are most like it.
        n: Training pictures that were searched.
        domain: Whose they are.
        remarks: What is to be known of how it was read.
    """

    run: str
    backbone: str
    name: str
    classes: list[str]
    probabilities: list[float]
    predicted: int
    method: str
    layer_name: str
    rows: int
    columns: int
    flat: bool
    why: str
    nearest: Query
    n: int
    domain: str
    remarks: list[str]
