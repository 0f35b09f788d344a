"""Names of networks that read rows of tables: `mlp`, or with its dials `mlp?layers=4&width=128`. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from tltk.errors import BadSpec, UnknownName
from tltk.specs.knobs import Spec, knob, knobs

NAME = "mlp"


@dataclass(frozen=True)
class MlpDials(Spec):
    """Of a multilayer perceptron."""

    layers: int = knob(3, 1, 48, help="Layers below the classifier.")
    width: int = knob(64, 2, 4096, help="Numbers that a layer gives.")

    @classmethod
    def field_in_words(cls, name: str) -> str:
        """A number as whoever wrote `mlp?…` knows it."""
        return f"The {name} of an mlp"


def reads_rows(backbone: str) -> bool:
    """Whether a network of this name reads rows of tables.

    Example:
        >>> reads_rows("mlp?layers=2"), reads_rows("mixer_b16_224")
        (True, False)
    """
    return backbone.partition("?")[0] == NAME


def parse_mlp(name: str) -> MlpDials:
    """The dials of `mlp?layers=4&width=128`.

    Raises:
        UnknownName: No such dial.
        BadSpec: No whole number, or out of range.

    Example:
        >>> parse_mlp("mlp?layers=2").layers
        2
    """
    found = {}
    for part in filter(None, name.partition("?")[2].split("&")):
        dial, _, value = part.partition("=")
        if dial not in knobs(MlpDials):
            raise UnknownName.among("A dial of mlp", dial, knobs(MlpDials))
        if not value.isdecimal():
            raise BadSpec(f"The dial {dial} must be a whole number. Got {value[:40]!r}; write mlp?layers=4&width=128.")
        found[dial] = int(value)
    return MlpDials(**found)
