"""What must come of each input: a right result, or a true sentence and exit code 2 before anything is queued.

A list per subject; a row names the recipe, the input below its folder, and the outcome. Rows of one recipe share one
folder, which is made once.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Right:
    """It is read: so many pictures of so many classes; `says` are words that `look` and `run` must tell the user."""

    pictures: int
    classes: int
    says: tuple[str, ...] = ()
    sizes: tuple[int, int, int] | None = None  # train, val, test


@dataclass(frozen=True)
class Refused:
    """It is refused before anything is queued, with these words in the sentence."""

    says: tuple[str, ...]


@dataclass(frozen=True)
class Safe:
    """It is read or refused in a sentence, now or by a worker: the tests of its subject say which is right."""


@dataclass(frozen=True)
class Row:
    """One input and what must come of it; `{}` in `source` is the recipe's folder."""

    case: str
    source: str
    outcome: Right | Refused | Safe


def refused(*says: str) -> Refused:
    """Short for the tables."""
    return Refused(says)


def right(pictures: int, classes: int, *says: str, sizes: tuple[int, int, int] | None = None) -> Right:
    """Short for the tables."""
    return Right(pictures, classes, says, sizes)


HERE = "folder:{}"

FOLDERS = [
    Row("parts_beside_docs", HERE, right(48, 2, "docs (1 picture, beside", sizes=(16, 16, 16))),
    Row("parts_beside_models", HERE, right(48, 2, "models (1 file", sizes=(16, 16, 16))),
    Row("parts_beside_unlabelled", HERE, right(32, 2, "unlabeled (6 pictures", "30% drawn from the train part")),
    Row("unlabelled_test", HERE, right(16, 2, "test (5 pictures, without class folders)", "sample_submission.csv")),
    Row("training_set", HERE, right(32, 2, "the folder training_set", "the folder test_set")),
    Row("seg_train", HERE, right(32, 2, "seg_pred (4 pictures", "seg_train/seg_train")),
    Row("named_parts", HERE, right(48, 2, "the folder flowers_VALID", sizes=(16, 16, 16))),
    Row("train_and_val", HERE, right(48, 2, "test 12 (30% drawn from the train part)", sizes=(28, 8, 12))),
    Row("train_and_test", HERE, right(48, 2, "validation 6 (15% drawn from the train part)", sizes=(34, 6, 8))),
    Row("val_and_test_without_train", HERE, refused("must have a part to train on", "there is no train", "/test")),
    Row("linked_part", HERE + "/set", right(32, 2, "the folder valid")),
    Row("copied_parts", HERE, right(32, 2)),
    Row("blank_after_a_class", HERE, refused("'cat '", "differs by a blank alone")),
    Row("accents_in_two_spellings", HERE, right(32, 2, "2 ways, which are one name")),
    Row("parts_below_classes", HERE, refused("Parts of", "must lie above its classes", "cat, dog each hold")),
    Row("flat_parts", HERE, refused("test, train hold pictures and no class folders", "train.csv")),
    Row("vehicles", HERE, right(24, 3, "train is taken for a class")),
    Row("train_with_folders_beside_classes", HERE, refused("part or a class", "steam", "bus, tram")),
    Row("two_words_for_parts", HERE, refused("hold pictures and no class folders", "rename them")),
    Row("office", HERE, refused("several domains", "/amazon/images")),
    Row("office", HERE + "/dslr", right(24, 3)),
    Row("folds", HERE, refused("several domains", "/fold0")),
    Row("two_sets", HERE, refused("insects has parts with class folders", "data sets, not classes", "/insects")),
    Row("two_flat_sets", HERE, refused("2 folders deep", "/insects", "/pets")),
    Row("images_and_masks", HERE, refused("masks beside it would become a class", "/images")),
    Row("images_and_masks", HERE + "/images", right(16, 2)),
    Row("wrapped", HERE, right(16, 2, "data/v1")),
    Row("nested", HERE, right(32, 2, "1 folder below", "cat/2023")),
    Row("flat_with_table", HERE, refused("labels.csv", "not read", "cats/1.jpg")),
    Row("linked_folder_in_class", HERE + "/set", right(68, 2)),
    Row("linked_folder_in_class", HERE, refused("several domains", "/pool")),
    Row("one_linked_class", HERE + "/set", right(16, 2)),
    Row("links_in_a_ring", HERE, right(16, 2, "a link to nothing", "that is read already")),
    Row("dotted_class", HERE, right(24, 3, ".net begins with a dot")),
    Row("thumbnails", HERE, right(16, 2, "thumbnails of the system", "deleted files")),
    Row("phone_class", HERE, refused("dog holds 5 files, all .heic, which needs the package pillow-heif")),
    Row("half_a_class", HERE, right(16, 2, "Class dog loses 4 of its 12 files", ".psd")),
    Row("renamed_heic", HERE, right(16, 2, "Class cat loses 1 of its 9 files")),
    Row("without_endings", HERE, right(16, 2, "cat/LICENSE")),
    Row("imbalanced", HERE, right(404, 2)),
    Row("tail_class_of_two", HERE, refused("at least 3 pictures", "rare (2)")),
    Row("one_per_class", HERE, refused("at least 3 pictures", "cat (1), dog (1)")),
    Row("thousand_classes", HERE, right(3000, 1000, sizes=(1000, 1000, 1000))),
    Row("empty", HERE, refused("holds none", "PATH/cats/1.jpg")),
    Row("empty", HERE + "/nothing", refused("nothing there")),
    Row("control_characters", HERE, right(48, 6)),
    Row("latin_names", HERE, right(24, 3)),
    Row("long_names", HERE, right(16, 2)),
    Row("odd_paths", HERE + "/PROGRA~1/pics", right(16, 2)),
    Row("odd_paths", HERE + "/backup~", right(16, 2)),
    Row("odd_paths", HERE + "/my~fog:3", right(16, 2)),
    Row("odd_paths", HERE + "/a:b~fog:3", right(16, 2)),
    Row("odd_paths", HERE + "/a:b", right(16, 2)),
    Row("odd_paths", HERE + "/a,b@c", right(16, 2)),
    Row("odd_paths", HERE + "/ lead space ", right(16, 2)),
    Row("odd_paths", HERE + "/backup~ ", right(16, 2)),
    Row("odd_paths", HERE + "/per%cent#q?x", right(16, 2)),
    Row("odd_paths", HERE + "/~nobody", right(16, 2)),
    Row("odd_paths", HERE + "/my~fog:9", refused("must be 1, 2, 3, 4 or 5")),
    Row("empty", "folder:~no-such-user/x", refused("no-such-user")),
    Row("empty", "folder:" + "n" * 300, refused("File name too long")),
    Row("empty", "folder:caf\udce9", refused("UTF-8", "caf\\xe9")),
    Row("empty", "folder:a\0b", refused("none of them null")),
]

ZIPS = [
    *(
        Row("zips", f"archive:{{}}/{name}", right(16, 2))
        for name in ("plain.zip", "wrapped.zip", "backslash.zip", "colon.zip", "cp936.zip", "utf8.zip", "UPPER.ZIP")
        + ("prefix.zip", "zip.download", "macos.zip")
    ),
    Row("zips", "archive:{}/plain.zip/cat", refused("at least two classes|holds none")),
    Row("zips", "archive:{}/plain.zip/" + "n" * 300, refused("too long|has no")),
    Row("zips", "archive:{}/outside.zip", refused("must stay inside")),
    Row("zips", "archive:{}/cut.zip", refused("cannot be unpacked")),
    Row("zips", "archive:{}/page.zip", refused("It is a web page")),
    Row("zips", "archive:{}/empty.zip", refused("It is empty")),
    Row("zips", "archive:{}/x.7z", refused("It is a .7z")),
    Row("zips", "archive:{}/x.rar", refused("It is a .rar")),
    Row("zips", "archive:{}/within.zip", refused("It holds plain.zip", "unpack that")),
    Row("zips", "archive:{}/twice_same.zip", right(16, 2, "comes twice in the archive")),
    Row("zips", "archive:{}/twice_other.zip", refused("comes twice with different content")),
    Row("zips", "archive:{}/capitals.zip", right(32, 2)),
    Row("zips", "archive:{}/link.zip", right(17, 2)),
    Row("many", "archive:{}/many.zip", refused("at most 500,000 files")),
]
TARS = [
    Row("tars", "archive:{}/dot.tgz", right(16, 2)),
    Row("tars", "archive:{}/gz_named.tar", right(16, 2)),
    Row("tars", "archive:{}/tar_named.tar.gz", right(16, 2)),
    Row("tars", "archive:{}/p.tar.bz2", refused("It is a .bz2", "Unpack it")),
    Row("tars", "archive:{}/p.tar.xz", refused("It is a .xz", "Unpack it")),
    Row("tars", "archive:{}/hard_links.tar", right(17, 2)),
    Row("tars", "archive:{}/links.tar.gz", right(17, 2, "cat/gone.jpg (a link to nothing)")),
    Row("tars", "archive:{}/leaves.tar", refused("a link or a device that leads out")),
    Row("tars", "archive:{}/absolute.tar", refused("a link or a device that leads out")),
    Row("tars", "archive:{}/folder_link.tar/src/set", right(16, 2)),
]

# The rows of other subjects: put what is right in place of `safe`, as the tests of that subject settle it.
safe = Safe()
PIXELS = [
    Row("odd_files", HERE, right(49, 3, "zero.jpg", "page.jpg", "x.svg", "x.dcm")),
    Row("deep_colour", HERE, right(20, 3)),
    Row("twelve_bits", HERE, right(16, 2)),
    Row("counts_beyond_255", HERE, right(16, 2)),
    Row("white_on_transparent", HERE, right(16, 2)),
    Row("object_at_the_edge", HERE, right(20, 2)),
    Row("copies_beside_originals", HERE, right(72, 2)),
    Row("one_picture_in_two_classes", HERE, right(20, 2)),
]
ARRAYS = [
    Row("npz_forms", "npz:{}/plain.npz", right(60, 3)),
    Row("npz_forms", "npz:{}/nothing.npz", refused("nothing there")),
    *(
        Row("npz_forms", f"npz:{{}}/{name}.npz", right(60, 3))
        for name in ("channels_first_rgb", "channels_first_grey", "float01", "uint16", "images_labels", "gappy_labels")
        + ("bool_masks", "column_labels", "rgba", "many_channels")
    ),
    *(
        Row("npz_forms", f"npz:{{}}/{name}.npz", right(60, 3, sizes=(42, 9, 9)))
        for name in ("medmnist", "with_val")
    ),
    Row("npz_forms", "npz:{}/keras.npz", right(60, 3)),
    Row("npz_forms", "npz:{}/flat_rows.npz", refused("Got uint8 of shape (60, 3072)")),
    *(
        Row("npz_forms", f"npz:{{}}/{name}.npz", refused("must be whole numbers"))
        for name in ("onehot", "float_labels", "text_labels")
    ),
    Row("npz_forms", "npz:{}/test_lacks_class.npz", refused("must have pictures in test part. None for: 2")),
    Row("npz_forms", "npz:{}/pickled.npz", refused("must be plain numbers. It is a pickled object")),
    Row("npz_forms", "npz:{}/bare.npy", refused("as numpy.savez writes it")),
]
WEIGHTS = [
    Row("wrapped_weights", f"file:{{}}/{name}", safe)
    for name in ("plain.pth", "parallel.pth.tar", "model_state_dict.pth", "net_key.pth", "weights_key.pth", "lightning.ckpt")
    + ("lightning_extra.ckpt", "namespace.pth.tar", "moco.pth.tar", "dino.pth", "ema.pth", "half.pth", "not_a_number.pth")
    + ("no_classifier.pth", "other_classes.pth", "grey.pth", "whole_module.pth", "deep.pth", "compiled.ckpt")
    + ("vit_decoder.pth", "plain.safetensors", "module.safetensors", "missing.safetensors", "hub", "lfs.safetensors")
    + ("lfs.pth", "keras.h5", "page.pth", "empty.pth")
]

ROWS = [*FOLDERS, *ZIPS, *TARS, *PIXELS, *ARRAYS, *WEIGHTS]
