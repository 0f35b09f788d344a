"""Names of files and classes: which are the same, and how one is shown.

A file system holds bytes. Two classes are one where their bytes are the same text, composed (é) or decomposed
(e and an accent); bytes that are no text tell classes apart too. What is shown has no character that could move
a cursor, break a line or reverse the writing.
"""

from __future__ import annotations

import unicodedata

JOINERS = "\u200c\u200d"  # inside emoji and in Persian and Indic words they carry meaning


def normalise_name(name: str) -> str:
    """The same for two spellings of one name, such as macOS and Linux write them.

    Example:
        >>> normalise_name("cafe\\u0301") == normalise_name("caf\\u00e9")
        True
    """
    return unicodedata.normalize("NFC", name)


def escape_name(name: str) -> str:
    r"""The name as text that a terminal, a page or a file can take; different names stay different.

    Example:
        >>> escape_name("a\nb"), escape_name("caf\udce9"), escape_name("naïve cats")
        ('a\\nb', 'caf\\xe9', 'naïve cats')
    """
    text = normalise_name(name).replace("\\", "\\\\")
    return "".join(_escape(text, i) for i in range(len(text)))


def escape_text(text: str) -> str:
    """A sentence for the terminal, in which names may stand: its line breaks stay, other control characters do not."""
    return "\n".join(
        "".join(c if c == "\t" else _escape(line, i) for i, c in enumerate(line)) for line in text.split("\n")
    )


def _escape(text: str, at: int) -> str:
    c = text[at]
    if "\udc80" <= c <= "\udcff":  # a byte that is not UTF-8, as Python keeps it
        return f"\\x{ord(c) - 0xDC00:02x}"
    kind = unicodedata.category(c)
    is_joiner = c in JOINERS and at > 0 and ord(text[at - 1]) > 127
    if kind in ("Cc", "Cs", "Zl", "Zp") or (kind == "Cf" and not is_joiner):
        return c.encode("unicode_escape", "surrogatepass").decode("ascii") if kind != "Cs" else f"\\u{ord(c):04x}"
    return c
