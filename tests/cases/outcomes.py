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
class Taken:
    """A weight file is read: its numbers are those of `checkpoints.network`, whatever was around them.

    Attributes:
        backbone: timm's name, found from the tensors.
        part: Where in the file the network lies; "" = the whole file.
        classes: Of its classifier; None = it has none.
        says: Words that the user is told.
        plus: What was added to each number, as to a moving average.
        near: How far a number may be off, where the file has fewer digits.
        channels: Of the pictures that it reads.
    """

    backbone: str = "test_resnet"
    part: str = ""
    classes: int | None = 7
    says: tuple[str, ...] = ()
    plus: float = 0.0
    near: float = 0.0
    channels: int = 3


@dataclass(frozen=True)
class Stands:
    """A home of which a file is damaged: every run is listed, the others as they were, and new ones are queued.

    `state` is that of the run whose file it was, and `aside` the name under which the file is kept; "" = it lies as it
    was.
    """

    state: str
    aside: str = ""


@dataclass(frozen=True)
class Resumed:
    """A training that was stopped goes on; or, where something else lies there, begins again and says what it is."""

    again: str = ""


@dataclass(frozen=True)
class Row:
    """One input and what must come of it; `{}` in `source` is the recipe's folder.

    `source` is a domain, `file:` and weights, `home:` and a home, or `resume:` and what lies there when a run goes on.
    """

    case: str
    source: str
    outcome: Right | Refused | Taken | Stands | Resumed


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
    Row("flat_with_table", HERE, refused("labels.csv) are read by csv:", "cats/1.jpg")),
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
        for name in ("plain.zip", "wrapped.zip", "backslash.zip", "colon.zip", "utf8.zip", "UPPER.ZIP")
        + ("prefix.zip", "zip.download", "macos.zip")
    ),
    Row("zips", "archive:{}/cp936.zip", right(16, 2, "They were read as Chinese (GBK), such as '猫/0.jpg'")),
    Row("zips", "archive:{}/cp936.zip/猫", refused("at least two classes|holds none|0.jpg")),
    Row("zips", "archive:{}/unlike.zip", right(16, 2, "were read as code page 437", "pack the files again")),
    Row("zips", "archive:{}/latin.zip", right(16, 2)),
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
    Row("tars", "archive:{}/p.tar.bz2", right(16, 2)),
    Row("tars", "archive:{}/p.tar.xz", right(16, 2)),
    Row("tars", "archive:{}/named.zip", right(16, 2)),
    Row("tars", "archive:{}/cut.tar.xz", refused("breaks off|cannot be unpacked")),
    Row("tars", "archive:{}/hard_links.tar", right(17, 2)),
    Row("tars", "archive:{}/links.tar.gz", right(17, 2, "cat/gone.jpg (a link to nothing)")),
    Row("tars", "archive:{}/leaves.tar", refused("a link or a device that leads out")),
    Row("tars", "archive:{}/absolute.tar", refused("a link or a device that leads out")),
    Row("tars", "archive:{}/folder_link.tar/src/set", right(16, 2)),
]

TABLES = [
    *(
        Row("csv_forms", f"csv:{{}}/{name}", right(24, 2))
        for name in ("plain.csv", "bom.csv", "wide.csv", "excel.csv", "tabs.tsv", "stems.csv", "windows.csv")
        + ("quoted.csv", "trailing.csv", "two_labels.csv", "floats.csv", "number?.csv", "absolute.csv")
    ),
    Row("csv_forms", "csv:{}/plain.csv~fog:2", right(24, 2)),
    Row("csv_forms", "csv:{}/latin.csv", right(24, 2, "is not UTF-8 and was read as Latin-1")),
    Row("csv_forms", "csv:{}/no_head.csv", right(24, 2, "has no head; its columns are called 1 to 2")),
    Row("csv_forms", "csv:{}/decimals.csv", refused("must have a column with the class", "?label=COLUMN", "Alter")),
    Row("csv_forms", "csv:{}/decimals.csv?label=Klasse", right(24, 2)),
    Row("csv_forms", "csv:{}/decimals.csv?label=Art", refused("A column of csv:", "Klasse")),
    Row(
        "csv_forms",
        "csv:{}/decimals.csv?class=Klasse",
        refused("A setting of csv must be one of file, group, label, root, split"),
    ),
    Row("csv_forms", "csv:{}/decimals.csv?label=", refused("must have a value")),
    Row("csv_forms", "csv:{}/bare.csv", refused("must list pictures that are there", "?root=FOLDER")),
    Row("csv_forms", "csv:{}/bare.csv?root=images", right(24, 2)),
    Row("csv_forms", "csv:{}/bare.csv?root=none", refused("root of csv:PATH must be a folder")),
    Row("csv_forms", "csv:{}", refused("is a folder: write folder:PATH")),
    Row("csv_forms", "csv:{}/nothing.csv", refused("nothing there")),
    Row("csv_parts", "csv:{}/parts.csv", right(24, 2, "the test part of the data", sizes=(12, 6, 6))),
    Row("csv_parts", "csv:{}/parts.csv?split=", right(24, 2, "Train 12 in 3 groups")),
    Row("csv_parts", "csv:{}/only_train.csv", right(24, 2, "15% drawn from the train part")),
    Row("csv_parts", "csv:{}/extra.csv", right(20, 2, "its part 'extra' is none of train, val and test")),
    Row("csv_parts", "csv:{}/no_train.csv", refused("must have a part to train on", "test, val", "?split=")),
    Row("csv_parts", "csv:{}/folds.csv", right(24, 2, "is not read as parts, since it never says train: '0, 1, 2'")),
    Row("csv_parts", "csv:{}/folds.csv?split=fold", refused("must say train, val or test. It says '0, 1, 2'")),
    Row("csv_parts", "csv:{}/test_lacks_class.csv", refused("must have pictures in test part. None for: cat")),
    Row("csv_labels", "csv:{}/bars.csv", refused("One picture has one class", "such as 'cat|dog'")),
    Row("csv_labels", "csv:{}/lists.csv", refused("One picture has one class", "['cat', 'dog']")),
    Row("csv_labels", "csv:{}/commas.csv", refused("One picture has one class", "such as 'dog, fox'")),
    Row("csv_labels", "csv:{}/synsets.csv", right(24, 2)),
    Row("csv_labels", "csv:{}/one_hot.csv", right(24, 2, "are its columns 'CAT, DOG': each row has one 1")),
    Row("csv_labels", "csv:{}/many_hot.csv", refused("One picture has one class", "line 3 sets 2 to 1")),
    Row("csv_labels", "csv:{}/twice.csv", refused("One picture has one class", "as cat and as dog")),
    Row("csv_labels", "csv:{}/repeated.csv", right(24, 2, "it is listed twice")),
    Row("csv_labels", "csv:{}/empty_cells.csv", right(20, 2, "it has no label")),
    Row("csv_labels", "csv:{}/ages.csv", refused("must be classes", "24 different numbers")),
    Row("csv_labels", "csv:{}/unlike.csv", refused("It must be plain which column", "say different things")),
    Row("csv_labels", "csv:{}/unlike.csv?label=class", right(24, 3)),
    Row("csv_labels", "csv:{}/nothing_known.csv", refused("must have a column with the paths", "a, b")),
    Row("csv_labels", "csv:{}/unlabelled.csv", refused("must have a column with the class", "height, width")),
    Row("csv_labels", "csv:{}/control.csv", right(24, 2)),
    Row(
        "csv_files",
        "csv:{}/losses.csv",
        right(
            24, 2, "images/gone.jpg (there is no such file)", "torn.jpg", "notes.txt (the ending .txt", "names no file"
        ),
    ),
    Row("csv_files", "csv:{}/a_class_gone.csv", refused("None is for 'fox'", "images/fox.jpg: there is no such file")),
    Row("csv_files", "csv:{}/all_gone.csv", refused("must list pictures that are there", "elsewhere/images/0.jpg")),
    Row("csv_files", "csv:{}/ragged.csv", right(24, 2, "line 26 (4 cells, and the head has 2)")),
    Row("csv_files", "csv:{}/outside.csv", refused("must lie below", "1 do not", ".outside.jpg", "?root=FOLDER")),
    Row("csv_files", "csv:{}/web.csv", refused("must lie below", "https://e.invalid/1.jpg")),
    Row("csv_files", "csv:{}/deep/up.csv", refused("must lie below", "../images/0.jpg")),
    Row("csv_files", "csv:{}/deep/up.csv?root=..", right(24, 2)),
    Row("csv_files", "csv:{}/empty.csv", refused("It is empty")),
    Row("csv_files", "csv:{}/head_alone.csv", refused("has a head alone")),
    Row("csv_files", "csv:{}/workbook.csv", refused("It is a workbook or an archive")),
    Row("csv_files", "csv:{}/binary.csv", refused("It is binary")),
    Row("csv_files", "csv:{}/accents.csv", right(24, 2)),
]
PIXELS = [
    Row("odd_files", HERE, right(49, 3, "zero.jpg", "page.jpg", "x.svg", "x.dcm")),
    Row("deep_colour", HERE, right(20, 3)),
    Row("twelve_bits", HERE, right(16, 2, "one scale for all: 0 is black and 4,095 is white")),
    Row("counts_beyond_255", HERE, right(16, 2, "one scale for all: 0 is black and 494")),
    Row("white_on_transparent", HERE, right(16, 2, "16 of 16 pictures", "are uniform and show nothing")),
    Row("object_at_the_edge", HERE, right(20, 2, "On average 75% of a picture")),
    Row("copies_beside_originals", HERE, right(72, 2, "48 of 72 pictures", "go to the same part")),
    Row(
        "one_picture_in_two_classes",
        HERE,
        right(20, 2, "8 of 20 pictures", "under another label", "Keep each in one class"),
    ),
]
ARRAYS = [
    Row("npz_forms", "npz:{}/plain.npz", right(60, 3)),
    Row("npz_forms", "npz:{}/nothing.npz", refused("nothing there")),
    *(
        Row("npz_forms", f"npz:{{}}/{name}.npz", right(60, 3))
        for name in ("images_labels", "gappy_labels", "bool_masks", "column_labels", "rgba", "many_channels")
    ),
    *(
        Row(
            "npz_forms", f"npz:{{}}/channels_first_{name}.npz", right(60, 3, "taken to be (n, channels, height, width)")
        )
        for name in ("rgb", "grey")
    ),
    Row("npz_forms", "npz:{}/float01.npz", right(60, 3, "one scale for all: 0 is black and 1 is white")),
    Row("npz_forms", "npz:{}/uint16.npz", right(60, 3, "one scale for all: 0 is black and 65,535 is white")),
    *(Row("npz_forms", f"npz:{{}}/{name}.npz", right(60, 3, sizes=(42, 9, 9))) for name in ("medmnist", "with_val")),
    Row("npz_forms", "npz:{}/keras.npz", right(60, 3)),
    Row("npz_forms", "npz:{}/flat_rows.npz", refused("Got uint8 of shape (60, 3072)")),
    Row("npz_forms", "npz:{}/onehot.npz", right(60, 3, "y are one-hot, of shape (60, 3)")),
    Row("npz_forms", "npz:{}/float_labels.npz", right(60, 3, "y are float64", "taken as these")),
    Row(
        "npz_forms",
        "npz:{}/text_labels.npz",
        refused("must be whole numbers", "Got texts, such as 'cat'", "class_names"),
    ),
    Row("npz_forms", "npz:{}/half_labels.npz", refused("must be whole numbers", "Picture 0 has 0.5")),
    Row("npz_forms", "npz:{}/soft_labels.npz", refused("must be one-hot", "Row 0 is 0.9")),
    Row(
        "npz_forms",
        "npz:{}/many_labels.npz",
        refused("must be one-hot", "Row 0 is 1, 1, 0", "one picture has one class"),
    ),
    Row("npz_forms", "npz:{}/test_lacks_class.npz", refused("must have pictures in test part. None for: 2")),
    Row("npz_forms", "npz:{}/pickled.npz", refused("must be plain numbers. It is a pickled object")),
    Row("npz_forms", "npz:{}/bare.npy", refused("as numpy.savez writes it")),
]
LEFT = "Left out, since it is not of the network"
TAKEN = {
    "plain.pth": Taken(),
    "parallel.pth.tar": Taken(part="state_dict.module"),
    "model_state_dict.pth": Taken(part="model_state_dict"),
    "net_key.pth": Taken(part="net"),
    "weights_key.pth": Taken(part="weights"),
    "lightning.ckpt": Taken(part="state_dict.model"),
    "lightning_extra.ckpt": Taken(part="state_dict.backbone", says=(LEFT, "criterion")),
    "namespace.pth.tar": Taken(part="model", says=("argparse.Namespace",)),
    "moco.pth.tar": Taken(part="state_dict.module.encoder_q", says=(LEFT, "queue")),
    "dino.pth": Taken(part="teacher.backbone", classes=None, says=("holds 2 networks", "teacher.backbone was taken")),
    "ema.pth": Taken(part="state_dict_ema", plus=1.0, near=1e-6, says=("holds 2 networks", "state_dict_ema was taken")),
    "half.pth": Taken(near=1e-3),
    "no_classifier.pth": Taken(classes=None),
    "other_classes.pth": Taken(classes=21),
    "grey.pth": Taken(channels=1),
    "whole_module.pth": Taken(says=("saved as a whole model", "none of its code was run")),
    "deep.pth": Taken(part="a.b.state_dict"),
    "compiled.ckpt": Taken(part="state_dict.model._orig_mod"),
    "vit_decoder.pth": Taken("test_vit", part="model", says=(LEFT, "decoder_embed")),
    "plain.safetensors": Taken(),
    "module.safetensors": Taken(part="module"),
    "hub": Taken(),
    "legacy.pth": Taken(),
    "parameters.pth": Taken(),
    "sequential.pth": Taken(part="0", says=(LEFT,)),
}
UNUSABLE = {
    "not_a_number.pth": ("must be finite numbers", "conv1.0.weight has NaN"),
    "infinite.safetensors": ("must be finite numbers", "conv1.0.weight has NaN or infinite"),
    "absurd.pth": ("must be numbers whose square 32 bits hold", "conv1.0.weight has"),
    "missing.safetensors": ("must hold all of test_resnet", "choose the backbone that it was made for"),
    "another.pth": ("must be of the backbone test_resnet", "They are of test_vit"),
    "runs.pth": ("nothing that could run", "posix.system|os.system|nt.system"),
    "quantised.pth": ("16 bits or more", "is I8|is int8", "before they are quantised"),
    "lfs.safetensors": ("a pointer of git-LFS", "git lfs pull"),
    "lfs.pth": ("a pointer of git-LFS", "git lfs pull"),
    "keras.h5": ("is HDF5", "convert it to PyTorch"),
    "page.pth": ("a web page", "download the file itself"),
    "empty.pth": ("is empty", "download or save it again"),
    "nothing.pth": ("must exist",),
    "cut.safetensors": ("must be safetensors, whole", "download or copy it again|Download or copy it again"),
    "cut.pth": ("cut short or damaged", "download or copy it again"),
}
WEIGHTS = [Row("wrapped_weights", f"file:{{}}/{name}", outcome) for name, outcome in TAKEN.items()] + [
    Row("wrapped_weights", f"file:{{}}/{name}", Refused(says)) for name, says in UNUSABLE.items()
]
HOMES = [
    Row("homes", "home:{}/file", refused("There must be a folder at")),
    Row("homes", "home:{}/to_a_file", refused("There must be a folder at")),
    Row("homes", "home:{}/file/deeper", refused("must be folders")),
    Row("homes", "home:{}/ring", refused("lead round in a circle")),
    Row("homes", "home:{}/to_nothing", refused("must exist")),
    Row("homes", "home:{}/taken", refused("There must be a folder at")),
    Row("homes", "home:/proc/nobody/x", refused("/proc/nobody")),
    Row("homes", "home:/proc", refused("must be permitted|must exist|must be writable")),  # only read, for everybody
    Row("homes", "home:~no-such-user/x", refused("must name a user of this machine")),
    Row("homes", "home:{}/" + "n" * 300, refused("no longer than the disk allows")),
    Row("damaged_homes", "home:{}/whole", Stands("done")),
    Row("damaged_homes", "home:{}/status", Stands("done", "status.json.damaged")),
    Row("damaged_homes", "home:{}/status_empty", Stands("done", "status.json.damaged")),
    Row("damaged_homes", "home:{}/rows", Stands("done")),
    Row("damaged_homes", "home:{}/result", Stands("failed", "result.json.damaged")),
    Row("damaged_homes", "home:{}/result_of_words", Stands("failed", "result.json.damaged")),
    Row("damaged_homes", "home:{}/spec", Stands("done")),
    Row("damaged_homes", "home:{}/children", Stands("done")),
    Row("damaged_homes", "home:{}/children_outside", Stands("done")),
    Row("damaged_homes", "home:{}/note_of_inputs", Stands("done")),
    Row("damaged_homes", "home:{}/table", Stands("done", "tltk.db.damaged")),
    Row("damaged_homes", "home:{}/table_cut", Stands("done", "tltk.db.damaged")),
    Row("damaged_homes", "home:{}/memory_of_weights", Stands("done")),
    Row("resume_changed", "resume:{}/nothing", Resumed()),
    Row("resume_changed", "resume:{}/more_pictures", Resumed("folder:")),
    Row("resume_changed", "resume:{}/another_picture", Resumed("folder:")),
    Row("resume_changed", "resume:{}/other_weights", Resumed("file:")),
    Row("resume_changed", "resume:{}/unfit_weights", refused("must be finite numbers")),
    Row("resume_changed", "resume:{}/no_weights", refused("must exist")),
    Row("resume_changed", "resume:{}/no_class", refused("at least two classes|two")),
]

SOUNDS = [
    Row("calls", "sound:{}", right(16, 2, "64 mel bands from 50 to 8000 Hz")),
    Row("calls", "sound:{}?seconds=0.3&rate=8000", right(16, 2, "longer than the 0.3 s", "50 to 4000 Hz")),
    Row("calls", "sound:{}?second=0.3", refused("Did you mean 'seconds'")),
    Row("calls", "sound:{}?rate=8000&fmax=5000", refused("half the rate, 4000 Hz")),
    Row("calls", HERE, refused("must hold pictures", ".wav")),
    Row("calls_in_parts", "sound:{}", right(32, 2, "notes.txt", "cover.jpg", "15% drawn from the train part")),
    Row(
        "calls_with_leftovers",
        "sound:{}",
        right(16, 2, "the file is empty", "cannot be decoded", "silent", "3,600 s, more than the limit", ".m4a is not"),
    ),
    Row("calls_as_mp3", "sound:{}", refused("dog holds 8 files, all .mp3, which is not read", "WAV or FLAC")),
    Row("calls_with_leftovers", "sound:{}/nowhere", refused("nothing there")),
]

ROWS = [*FOLDERS, *ZIPS, *TARS, *TABLES, *PIXELS, *ARRAYS, *SOUNDS, *WEIGHTS, *HOMES]
