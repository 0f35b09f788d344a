"""What somebody wrote on a run: a name, a note, tags. They lie in its folder, as `label.json`, and change no result."""

from __future__ import annotations

import unicodedata

import msgspec

from tltk.errors import BadSpec, abbreviate

FILE = "label.json"
MOST_NAME, MOST_NOTE, MOST_TAG = 80, 2000, 32  # characters
MOST_TAGS = 20
_REFUSED = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of characters, separators of lines
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # would turn round the text that follows


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """A run's name, note and tags; empty = none. Checked wherever one is made, so also when it is read.

    Raises:
        BadSpec: A text is too long or holds control characters, a tag holds blanks or commas, there are too many tags.
    """

    name: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        name, note = " ".join(self.name.split()), "\n".join(line.rstrip() for line in self.note.splitlines()).strip()
        _check("The name of a run", name, MOST_NAME)
        _check("The note of a run", note.replace("\n", "").replace("\t", ""), MOST_NOTE)
        tags = tuple(dict.fromkeys(self.tags))
        if len(tags) > MOST_TAGS:
            raise BadSpec(f"A run must have at most {MOST_TAGS} tags. Got {len(tags)}; remove some first.")
        for tag in tags:
            _check("A tag", tag, MOST_TAG)
            if not tag or "," in tag or tag.split() != [tag]:
                raise BadSpec(f"A tag must be one word without commas. Got {abbreviate(tag)}.")
        for field, value in (("name", name), ("note", note), ("tags", tags)):
            msgspec.structs.force_setattr(self, field, value)

    def __bool__(self) -> bool:
        return bool(self.name or self.note or self.tags)


def _check(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise BadSpec(f"{what} must have at most {most:,} characters. Got {len(text):,}; shorten it.")
    if any(unicodedata.category(letter) in _REFUSED or letter in _TURNING for letter in text):
        raise BadSpec(
            f"{what} must be plain text. Got {abbreviate(text)}, which holds control characters; leave them out."
        )
