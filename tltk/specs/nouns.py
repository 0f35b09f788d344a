"""What the examples of a training are called: pictures, sounds, texts or rows. No torch."""

from __future__ import annotations

from tltk.specs.encoders import reads_text
from tltk.specs.mlps import reads_rows

PICTURES, SOUNDS, TEXTS, ROWS = "pictures", "sounds", "texts", "rows"
NOUNS = {"pictures": PICTURES, "text": TEXTS, "table": ROWS}  # modality → what its examples are called


def noun_of(backbone: str) -> str:
    """What a network reads. Sounds reach it as pictures, their spectrograms; `data.noun_of` tells them apart.

    Args:
        backbone: Its name.

    Example:
        >>> noun_of("resnet18"), noun_of("encoder:bert"), noun_of("mlp")
        ('pictures', 'texts', 'rows')
    """
    return ROWS if reads_rows(backbone) else TEXTS if reads_text(backbone) else PICTURES


def counted(n: int, noun: str) -> str:
    """So many of them.

    Args:
        n: How many.
        noun: In the plural.

    Example:
        >>> counted(1, "rows"), counted(1200, "texts")
        ('1 row', '1,200 texts')
    """
    return f"{n:,} {noun.removesuffix('s') if n == 1 else noun}"
