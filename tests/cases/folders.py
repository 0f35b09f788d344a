"""Folders as people have them: parts, domains, wrappers, links, leftovers, names."""

from __future__ import annotations

import os
import shutil
import unicodedata
from pathlib import Path

from tests.cases.drawing import classes, picture

HEIC = b"\0\0\0\x18ftypheic" + bytes(64)

# -- parts -----------------------------------------------------------------------------------------------


def parts_beside_docs(root: Path) -> None:
    """train, val and test, and a folder with a picture for the read-me."""
    for part in ("train", "val", "test"):
        classes(root / part)
    picture(root / "docs" / "overview.png")


def parts_beside_models(root: Path) -> None:
    """train, val and test, and a folder of something else."""
    for part in ("train", "val", "test"):
        classes(root / part)
    (root / "models").mkdir()
    (root / "models" / "notes.txt").write_text("x")


def parts_beside_unlabelled(root: Path) -> None:
    """train and val, and a folder of pictures without labels."""
    for part in ("train", "val"):
        classes(root / part)
    for i in range(6):
        picture(root / "unlabeled" / f"{i}.jpg")


def unlabelled_test(root: Path) -> None:
    """As in competitions: class folders in train, a heap of files in test, a table of what to hand in."""
    classes(root / "train")
    for i in range(5):
        picture(root / "test" / f"{i}.jpg")
    (root / "sample_submission.csv").write_text("id,label\n0,cat\n")


def training_set(root: Path) -> None:
    """Parts by other words."""
    classes(root / "training_set")
    classes(root / "test_set")


def seg_train(root: Path) -> None:
    """Each part wraps a folder of its own name; one of them has no labels."""
    classes(root / "seg_train" / "seg_train")
    classes(root / "seg_test" / "seg_test")
    for i in range(4):
        picture(root / "seg_pred" / "seg_pred" / f"{i}.jpg")


def named_parts(root: Path) -> None:
    """The set's name before the part's."""
    for part in ("Train", "VALID", "Testing"):
        classes(root / f"flowers_{part}")


def train_and_val(root: Path) -> None:
    """Nothing to test on."""
    classes(root / "train", n=20)
    classes(root / "val", n=4)


def train_and_test(root: Path) -> None:
    """Nothing to validate on."""
    classes(root / "train", n=20)
    classes(root / "test", n=4)


def val_and_test_without_train(root: Path) -> None:
    """Parts, and none to train on."""
    classes(root / "val")
    classes(root / "test", names=("cat", "dog", "fox"))


def linked_part(root: Path) -> None:
    """valid is a link to a folder elsewhere."""
    classes(root / "shared_valid")
    classes(root / "set" / "train")
    (root / "set" / "valid").symlink_to("../shared_valid")


def copied_parts(root: Path) -> None:
    """Every picture of val is one of train."""
    shutil.copytree(classes(root / "train"), root / "val")


def blank_after_a_class(root: Path) -> None:
    """`cat ` in train, `cat` in val."""
    classes(root / "train", names=("cat ", "dog"))
    classes(root / "val")


def accents_in_two_spellings(root: Path) -> None:
    """train by Linux, test by macOS: one class, whose é is one character here and two there."""
    classes(root / "train", names=("café", "tea"))
    classes(root / "test", names=(unicodedata.normalize("NFD", "café"), "tea"))


def parts_below_classes(root: Path) -> None:
    """cat/train, cat/test, dog/train, dog/test."""
    for name in ("cat", "dog"):
        classes(root / name, names=("train", "test"))


def flat_parts(root: Path) -> None:
    """Pictures in train and test, no class folders, labels in a table."""
    for part in ("train", "test"):
        for i in range(6):
            picture(root / part / f"{i}.jpg", 20 * i)
    (root / "train.csv").write_text("id,label\n0,cat\n")


# -- classes that are named like parts -------------------------------------------------------------------


def vehicles(root: Path) -> None:
    """One of the classes is called train."""
    classes(root, names=("bus", "train", "tram"))


def train_with_folders_beside_classes(root: Path) -> None:
    """train is a class with folders in it, or a part: it cannot be told."""
    classes(root, names=("bus", "tram"))
    classes(root / "train", names=("steam", "diesel"))


def two_words_for_parts(root: Path) -> None:
    """Two folders of pictures, called train and valid."""
    classes(root, names=("train", "valid"))


# -- several sets, domains, folds, masks -----------------------------------------------------------------


def office(root: Path) -> None:
    """DOMAIN/images/CLASS."""
    for domain in ("amazon", "dslr", "webcam"):
        classes(root / domain / "images", names=("bike", "mug", "pen"))


def folds(root: Path) -> None:
    """Four folds, one of which lacks a class."""
    for i in range(3):
        classes(root / f"fold{i}", names=("cat", "dog", "fox"))
    classes(root / "fold3", names=("cat", "dog"))


def two_sets(root: Path) -> None:
    """A folder that holds two data sets of different forms."""
    for part in ("train", "val"):
        classes(root / "insects" / part, names=("ants", "bees"))
    classes(root / "pets", names=("cat", "dog"))


def two_flat_sets(root: Path) -> None:
    """Two data sets without parts: classes lie two folders deep."""
    classes(root / "insects", names=("ants", "bees"))
    classes(root / "pets", names=("cat", "dog", "fox"))


def images_and_masks(root: Path) -> None:
    """images/CLASS beside masks/CLASS."""
    classes(root / "images")
    classes(root / "masks", names=("cat",))


def wrapped(root: Path) -> None:
    """Two folders around the classes, and a read-me."""
    classes(root / "data" / "v1")
    (root / "data" / "README.md").write_text("x")


def nested(root: Path) -> None:
    """Some pictures lie deeper within their class."""
    classes(root)
    classes(root / "cat", names=("2023", "2024"))


def flat_with_table(root: Path) -> None:
    """A folder of pictures and their labels in a table."""
    for i in range(8):
        picture(root / "images" / f"{i}.jpg", 60 + 10 * i)
    lines = [f"{i}.jpg,{'cat' if i % 2 else 'dog'}\n" for i in range(8)]
    (root / "labels.csv").write_text("file,label\n" + "".join(lines))


# -- files that are not read -----------------------------------------------------------------------------


def linked_folder_in_class(root: Path) -> None:
    """Most pictures of a class lie in a folder that is linked."""
    classes(root / "pool", n=30)
    classes(root / "set", n=4)
    for name in ("cat", "dog"):
        (root / "set" / name / "more").symlink_to(root.resolve() / "pool" / name)


def one_linked_class(root: Path) -> None:
    """One class is a link to a folder elsewhere."""
    classes(root / "pool")
    shutil.copytree(root / "pool" / "cat", root / "set" / "cat")
    (root / "set" / "dog").symlink_to(root.resolve() / "pool" / "dog")


def links_in_a_ring(root: Path) -> None:
    """Links to the folder above, to each other, and to nothing."""
    classes(root)
    (root / "cat" / "up").symlink_to("..")
    (root / "cat" / "other").symlink_to("../dog")
    (root / "dog" / "other").symlink_to("../cat")
    (root / "dog" / "gone.jpg").symlink_to("nowhere.jpg")


def dotted_class(root: Path) -> None:
    """A class whose name begins with a dot."""
    classes(root, names=(".net", "java", "rust"))


def thumbnails(root: Path) -> None:
    """What a NAS and systems leave in class folders."""
    classes(root)
    for name in ("cat", "dog"):
        for i in range(8):
            picture(root / name / "@eaDir" / f"{i}.jpg" / "SYNOPHOTO_THUMB_M.jpg")
        (root / name / "Thumbs.db").write_bytes(b"x")
        (root / name / ".DS_Store").write_bytes(b"x")
        (root / name / "._0.jpg").write_bytes(b"x")
    for left in ("#recycle", "__MACOSX", "lost+found", "$RECYCLE.BIN", ".thumbnails"):
        picture(root / left / "old" / "1.jpg")


def phone_class(root: Path) -> None:
    """One class holds .HEIC alone."""
    classes(root, names=("cat",))
    (root / "dog").mkdir()
    for i in range(5):
        (root / "dog" / f"IMG_{i}.HEIC").write_bytes(HEIC)


def half_a_class(root: Path) -> None:
    """A third of one class is in a form that is not read."""
    classes(root)
    for i in range(4):
        (root / "dog" / f"scan_{i}.psd").write_bytes(b"8BPS")


def renamed_heic(root: Path) -> None:
    """.HEIC under the name .jpg among proper pictures."""
    classes(root)
    for name in ("cat", "dog"):
        (root / name / "renamed.jpg").write_bytes(HEIC)


def without_endings(root: Path) -> None:
    """Files whose names do not tell that they are pictures."""
    for path in list(classes(root).rglob("*.jpg")):
        path.rename(path.with_suffix("" if int(path.stem) % 2 else ".download"))
    (root / "cat" / "LICENSE").write_text("free")


# -- numbers ---------------------------------------------------------------------------------------------


def imbalanced(root: Path) -> None:
    """A hundred to one."""
    classes(root, n=400, names=("healthy",))
    classes(root, n=4, names=("sick",))


def tail_class_of_two(root: Path) -> None:
    """A class too small for three parts."""
    classes(root, n=20, names=("a", "b", "c"))
    classes(root, n=2, names=("rare",))


def one_per_class(root: Path) -> None:
    """A picture each."""
    classes(root, n=1)


def thousand_classes(root: Path) -> None:
    """Many classes, three pictures each."""
    classes(root, n=3, names=tuple(f"c{i:04d}" for i in range(1000)), ending="bmp")


def empty(root: Path) -> None:
    """Nothing at all."""


# -- names -----------------------------------------------------------------------------------------------


def control_characters(root: Path) -> None:
    """Class names with orders for a terminal, a line break, HTML, Markdown, a formula."""
    odd = ("\x1b[31mred\x1b[2J", "a\nb", "<script>alert(1)<", "**[x](http:e.invalid)**", "=cmd()", "\u202egnp.exe")
    classes(root, names=odd)


def latin_names(root: Path) -> None:
    """Folder names in Latin-1, which differ in one byte that is not UTF-8."""
    for k, name in enumerate((b"caf\xe9", b"caf\xe8", b"tea")):
        for i in range(8):
            picture(root / os.fsdecode(name) / f"{i}.jpg", 60 + 60 * k)


def long_names(root: Path) -> None:
    """As long as a name can be."""
    classes(root, names=("a" * 240, "b" * 240))


def odd_paths(root: Path) -> None:
    """Folders whose own names look like something else."""
    for name in ("PROGRA~1/pics", "backup~", "my~fog:3", "a:b", "a,b@c", " lead space ", "per%cent#q?x", "~nobody"):
        classes(root / name)
