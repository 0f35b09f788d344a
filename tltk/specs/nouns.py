"""What the examples of a training are called: pictures, sounds, texts or rows. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from tltk.errors import DataProblem
from tltk.specs.encoders import reads_text
from tltk.specs.mlps import reads_rows

PICTURES, SOUNDS, TEXTS, ROWS = "pictures", "sounds", "texts", "rows"
NOUNS = {"pictures": PICTURES, "text": TEXTS, "table": ROWS}  # modality → what its examples are called
# Not in names of files and flags, pictures.png and --pictures, nor in paths.
_PICTURES = re.compile(r"(?<![\w./:\\-])[Pp]ictures?(?![\w/\\-]|[.:]\w)")


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


def reword(sentence: str, noun: str) -> str:
    """A sentence that is written of pictures, as it is said of other examples.

    Args:
        sentence: In which "picture" and "pictures" are the examples, not anything that is drawn.
        noun: In the plural.

    Example:
        >>> reword("Pictures lie on pictures.png; a picture has a class.", "rows")
        'Rows lie on pictures.png; a row has a class.'
    """

    def other(found: re.Match[str]) -> str:
        word = noun if found[0].endswith("s") else noun.removesuffix("s")
        return word.capitalize() if found[0][0] == "P" else word

    return sentence if noun == PICTURES else _PICTURES.sub(other, sentence)


@contextmanager
def refusing(noun: str) -> Iterator[None]:
    """What all domains refuse in sentences about pictures is said of other examples.

    Args:
        noun: In the plural.

    Raises:
        DataProblem: The same, reworded.
    """
    try:
        yield
    except DataProblem as fault:
        said = reword(str(fault), noun)
        if type(fault) is not DataProblem or said == str(fault):
            raise
        raise DataProblem(said) from None
