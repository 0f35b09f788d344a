"""Tables that list pictures, as people and programs write them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import Path

from tests.cases.drawing import picture

N = 24  # pictures of two classes in turns, dog first


def _draw(root: Path, folder: str = "images", names: Iterable[str] = ()) -> list[str]:
    """Pictures below the root, and their paths."""
    found = list(names) or [f"{folder}/{i}.jpg" for i in range(N)]
    for i, name in enumerate(found):
        picture(root / name, 60 + 100 * (i % 2))
    return found


def _write(root: Path, name: str, lines: Iterable[str], coding: str = "utf-8", end: str = "\n") -> None:
    (root / name).write_bytes(end.join([*lines, ""]).encode(coding))


def _label(i: int) -> str:
    return "cat" if i % 2 else "dog"


def csv_forms(root: Path) -> None:
    """The same pictures, listed with other delimiters, codings and names of columns."""
    files = _draw(root)
    plain = [f"{f},{_label(i)}" for i, f in enumerate(files)]
    _write(root, "plain.csv", ["file,label", *plain])
    _write(root, "bom.csv", ["file,label", *plain], "utf-8-sig", "\r\n")
    _write(root, "wide.csv", ["file\tlabel", *(line.replace(",", "\t") for line in plain)], "utf-16")
    _write(root, "excel.csv", ["sep=;", "Image Path;Class", *(line.replace(",", ";") for line in plain)])
    _write(root, "tabs.tsv", ["filename\tclass_name", *(line.replace(",", "\t") for line in plain)])
    decimals = [f"{f};{_label(i)};{20 + i},5" for i, f in enumerate(files)]
    _write(root, "decimals.csv", ["Datei;Klasse;Alter", *decimals])
    latin = [f"{f};{'Käfer' if i % 2 else 'Hund'}" for i, f in enumerate(files)]
    _write(root, "latin.csv", ["file;label", *latin], "latin-1")
    _write(root, "no_head.csv", plain)
    _write(root, "stems.csv", ["image_id,dx", *(line.replace(".jpg", "") for line in plain)])
    _write(root, "windows.csv", ["file,label", *(line.replace("/", "\\") for line in plain)])
    _write(root, "bare.csv", ["file,label", *(line.removeprefix("images/") for line in plain)])
    _write(
        root, "quoted.csv", ['"file","label","note"', *(f'"{f}","{_label(i)}","a, ""b"""' for i, f in enumerate(files))]
    )
    _write(root, "trailing.csv", ["file,label,", *(f"{line}," for line in plain)])
    _write(
        root, "two_labels.csv", ["file,label,class_name", *(f"{f},{i % 2},{_label(i)}" for i, f in enumerate(files))]
    )
    _write(root, "floats.csv", ["file,target", *(f"{f},{i % 2}.0" for i, f in enumerate(files))])
    _write(root, "number?.csv", ["file,label", *plain])
    _write(root, "absolute.csv", ["file,label", *(f"{root.resolve()}/{line}" for line in plain)])


def csv_parts(root: Path) -> None:
    """Tables that say parts and groups."""
    files = _draw(root)
    words = [("train", "train", "Valid", "TEST")[i // 2 % 4] for i in range(N)]
    rows = [f"{f},{_label(i)},{words[i]},p{i // 4}" for i, f in enumerate(files)]
    _write(root, "parts.csv", ["file,label,split,patient_id", *rows])
    _write(root, "only_train.csv", ["file,label,set", *(f"{f},{_label(i)},train" for i, f in enumerate(files))])
    extra = [f"{f},{_label(i)},{'extra' if i < 4 else 'train'}" for i, f in enumerate(files)]
    _write(root, "extra.csv", ["file,label,split", *extra])
    never = [f"{f},{_label(i)},{'test' if i < 8 else 'val'}" for i, f in enumerate(files)]
    _write(root, "no_train.csv", ["file,label,split", *never])
    _write(root, "folds.csv", ["file,label,fold", *(f"{f},{_label(i)},{i // 2 % 3}" for i, f in enumerate(files))])
    lacking = [f"{f},{_label(i)},{'test' if i in (0, 2) else 'train'}" for i, f in enumerate(files)]
    _write(root, "test_lacks_class.csv", ["file,label,split", *lacking])


def csv_labels(root: Path) -> None:
    """Labels that are several, none, numbers with fractions, or ones in columns."""
    files = _draw(root)
    several = ["cat|dog", "dog", "cat", "dog|fox"]
    _write(root, "bars.csv", ["file,label", *(f"{f},{several[i % 4]}" for i, f in enumerate(files))])
    lists = [f"{f},\"['cat', 'dog']\"" if i % 3 else f"{f},\"['cat']\"" for i, f in enumerate(files)]
    _write(root, "lists.csv", ["file,labels", *lists])
    commas = [f'{f},"{("dog, fox", "dog", "fox")[i % 3]}"' for i, f in enumerate(files)]
    _write(root, "commas.csv", ["file,label", *commas])
    synsets = [f'{f},"{("tench, Tinca tinca", "goldfish, Carassius auratus")[i % 2]}"' for i, f in enumerate(files)]
    _write(root, "synsets.csv", ["file,label", *synsets])
    _write(root, "one_hot.csv", ["image,CAT,DOG", *(f"{f},{i % 2}.0,{1 - i % 2}.0" for i, f in enumerate(files))])
    _write(root, "many_hot.csv", ["image,CAT,DOG", *(f"{f},{i % 2},1" for i, f in enumerate(files))])
    _write(root, "twice.csv", ["file,label", *(f"{f},{label}" for f in files for label in ("cat", "dog"))])
    _write(root, "repeated.csv", ["file,label", *(f"{f},{_label(i)}" for i, f in enumerate(files) for _ in "12")])
    empty = [f"{f},{'' if i < 4 else _label(i)}" for i, f in enumerate(files)]
    _write(root, "empty_cells.csv", ["file,label", *empty])
    _write(root, "ages.csv", ["file,target", *(f"{f},{20 + i}.25" for i, f in enumerate(files))])
    _write(root, "unlike.csv", ["file,label,class", *(f"{f},{_label(i)},{i % 3}" for i, f in enumerate(files))])
    _write(root, "nothing_known.csv", ["a,b", *(f"x{i},{_label(i)}" for i in range(N))])
    _write(root, "unlabelled.csv", ["file,height,width", *(f"{f},40,{40 + i}" for i, f in enumerate(files))])
    odd = [f"{f},{('=cmd()', chr(27) + '[31mred')[i % 2]}" for i, f in enumerate(files)]
    _write(root, "control.csv", ["file,label", *odd])


def csv_files(root: Path) -> None:
    """Rows whose files are missing, no pictures, elsewhere, or written otherwise."""
    files = _draw(root)
    (root / "images" / "torn.jpg").write_bytes((root / "images" / "0.jpg").read_bytes()[:40])
    (root / "images" / "notes.txt").write_text("x")
    rows = [f"{f},{_label(i)}" for i, f in enumerate(files)]
    odd = ["images/gone.jpg,cat", "images/torn.jpg,dog", "images/notes.txt,dog", ",cat"]
    _write(root, "losses.csv", ["file,label", *rows, *odd])
    _write(root, "a_class_gone.csv", ["file,label", *rows, "images/fox.jpg,fox"])
    _write(root, "all_gone.csv", ["file,label", *(f"elsewhere/{row}" for row in rows)])
    _write(root, "ragged.csv", ["file,label", *rows, "images/0.jpg,cat,and,more"])
    picture(root.parent / f"{root.name}.outside.jpg")
    _write(root, "outside.csv", ["file,label", *rows, f"../{root.name}.outside.jpg,cat"])
    _write(root, "web.csv", ["file,label", *rows, "https://e.invalid/1.jpg,cat"])
    _write(root, "empty.csv", [])
    _write(root, "head_alone.csv", ["file,label"])
    (root / "workbook.csv").write_bytes(b"PK\3\4" + bytes(40))
    (root / "binary.csv").write_bytes(b"a,b\n\0\xff\0")
    (root / "deep").mkdir()
    _write(root, "deep/up.csv", ["file,label", *(f"../{row}" for row in rows)])
    accents = _draw(root, names=[f"{unicodedata.normalize('NFD', 'é')}{i}.png" for i in range(N)])
    _write(root, "accents.csv", ["file,label", *(f"é{i}.png,{_label(i)}" for i in range(len(accents)))])
