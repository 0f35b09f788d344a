"""How a tree of folders is meant: which folders are parts, which are classes, and what is left out and why.

`interpret_tree` says what a tree is, or refuses it with the folder to name instead. Nothing is decoded here.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tltk.data.account import Account, describe_losses
from tltk.data.decode import HEIC
from tltk.data.division import fewest
from tltk.data.files import Files, column_of, groups_of
from tltk.data.names import escape_name, normalise_name
from tltk.data.parts import FREE, PARTS, TEST, TRAIN, VAL
from tltk.data.tree import TABLES, File, Folder, relative_path, word_set
from tltk.errors import DataProblem
from tltk.results.account import Branch
from tltk.specs import grouping
from tltk.specs.parts import DataSpec

PART_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "dev", "development", "eval", "evaluation"), VAL),
    **dict.fromkeys(("test", "testing", "tst"), TEST),
}
BESIDE_PART = word_set(  # that make no other thing of `train`: train_images, seg_train, training_set
    "set sets image images img imgs data dataset split pic pics picture pictures photo photos seg folder files"
)
IMAGES = word_set("image images img imgs jpegimages pic pics picture pictures photo photos")
MASKS = word_set(
    "mask masks annotation annotations segmentation segmentations groundtruth gt trimap trimaps labels "
    "segmentationclass segmentationobject"
)
UNLABELLED = word_set("unlabeled unlabelled unsup unsupervised")
ASIDE = (
    UNLABELLED
    | MASKS
    | word_set(
        "doc docs documentation readme model models checkpoint checkpoints weights log logs output outputs result "
        "results sample samples example examples extra misc script scripts code notebook notebooks figures"
    )
)


@dataclass(frozen=True)
class Kind:
    """What the files of a tree are, for sentences.

    Attributes:
        plural: What they are called.
        example: The name of one.
        formats: In which they may be saved.
        package: That some endings need; "" = none.
        endings: Which those are.
    """

    plural: str = "pictures"
    example: str = "1.jpg"
    formats: str = "JPEG or PNG"
    package: str = "pillow-heif"
    endings: frozenset[str] = frozenset(HEIC)


@dataclass(frozen=True)
class Picture:
    """One file: where it is, its name below the root, its class and part."""

    path: Path | None
    name: str
    label: str
    part: int


@dataclass(frozen=True)
class Layout:
    """What a tree is: its pictures, its classes, the files that are not read, and what is to be said.

    `there` counts for each class the files that may be pictures; `why` the reasons for those that are not.
    `columns` is what a table says of each picture beside that, and `group` the column whose pictures belong together.
    """

    pictures: tuple[Picture, ...]
    classes: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    account: Account
    there: dict[str, int]
    why: dict[str, Counter[str]]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group: str = ""

    def files(self, at: Iterable[int]) -> Files:
        """The names and columns of some of its pictures, in this order.

        Args:
            at: Their places.
        """
        chosen = list(at)
        columns = {name: column_of([values[i] for i in chosen]) for name, values in self.columns.items()}
        return Files(tuple(self.pictures[i].name for i in chosen), columns, self.group)


def part_of(name: str) -> int | None:
    """The part that a folder's name means: `Training_Set`, `val2017`, `seg_test`; None where it means none.

    Example:
        >>> part_of("training_set"), part_of("train station"), part_of("trainset"), part_of("eval")
        (0, None, 0, 1)
    """
    found = re.findall(r"[^\W\d_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", normalise_name(name)).casefold())
    split = [w for word in found for w in _apart(word)]
    parts = {PART_WORDS[w] for w in split if w in PART_WORDS}
    rest = [w for w in split if w not in PART_WORDS and w not in BESIDE_PART]
    return parts.pop() if len(parts) == 1 and not rest else None


def _apart(word: str) -> list[str]:
    """`trainset` → train, set."""
    for part in PART_WORDS:
        if word.startswith(part) and word[len(part) :] in BESIDE_PART:
            return [part, word[len(part) :]]
    return [word]


def _word(folder: Folder) -> str:
    return re.sub(r"[\W\d_]+", "", folder.name.casefold())


def _roles(inside: list[Folder]) -> dict[Folder, int]:
    """The folders that mean a part; `flowers_train` counts where a `flowers_val` is beside it."""
    roles = {f: part for f in inside if (part := part_of(f.name)) is not None}
    stems: dict[str, dict[Folder, int]] = {}
    for f in inside:
        found = re.findall(r"[^\W_]+", normalise_name(f.name).casefold())
        parts = [PART_WORDS[w] for w in found if w in PART_WORDS]
        if len(parts) == 1 and f not in roles:
            stems.setdefault(" ".join(w for w in found if w not in PART_WORDS), {})[f] = parts[0]
    for group in stems.values():
        if len(set(group.values())) > 1:
            roles |= group
    return roles


def _is_divided_below(folder: Folder) -> bool:
    """Whether it has parts with class folders, so that it is a data set, not a class."""
    inner, _ = _step(folder)
    roles = _roles(inner.picture_folders)
    return len({part for f, part in roles.items() if _holds_folders(f)}) > 1


def _holds_folders(folder: Folder) -> bool:
    """Whether its pictures lie in folders rather than in itself."""
    return bool(folder.picture_folders) and folder.pictures - folder.n_own_pictures > folder.n_own_pictures


def _is_aside(folder: Folder) -> bool:
    """Notes, tables, weights: files, and none that may be a picture."""
    return folder.count > 0 and folder.candidates == 0


def _step(top: Folder, part: int | None = None) -> tuple[Folder, list[Folder]]:
    """The folder below those that only hold another, and those that were passed.

    Args:
        top: Where to begin.
        part: The part that `top` is; a folder of the same meaning may then be stepped through too.
    """
    passed: list[Folder] = []
    while True:
        inside = [f for f in top.visible if not _is_aside(f)]
        if len(inside) != 1 or inside[0].n_own_pictures or not inside[0].picture_folders:
            return top, passed
        if (means := part_of(inside[0].name)) is not None and means != part:
            return top, passed
        passed.append(top)
        top = inside[0]


def _names(folders: Iterable[Folder], most: int = 6) -> str:
    found = [escape_name(f.name) for f in folders]
    return ", ".join(found[:most]) + (f" … ({len(found)} in all)" if len(found) > most else "")


def interpret_tree(
    tree: Folder, what: str, left: Iterable[tuple[str, str]] = (), group_by: str = "", kind: Kind | None = None
) -> Layout:
    """What this tree is.

    Args:
        tree: As read.
        what: `folder:PATH` or `archive:PATH`, for sentences.
        left: What was left out while it was read.
        group_by: As `DataSpec.group_by`: where folders are groups, those below the classes are no data sets.
        kind: What the files are; None = pictures.

    Raises:
        DataProblem: No pictures, one class, parts without training, several data sets, parts that differ, …
    """
    by_folder = bool(group_by) and grouping.parse(group_by).kind == grouping.FOLDER
    return _Reading(tree, what.rstrip("/"), list(left), by_folder, kind or Kind()).layout()


class _Reading:
    """One tree on its way to a layout."""

    def __init__(self, tree: Folder, what: str, left: list[tuple[str, str]], by_folder: bool, kind: Kind) -> None:
        self.tree, self.what, self.skipped, self.by_folder, self.kind = tree, what, left, by_folder, kind
        self.notes: list[str] = []
        self.branches: list[Branch] = []
        self.pictures: list[Picture] = []
        self.there: Counter[str] = Counter()
        self.why: dict[str, Counter[str]] = defaultdict(Counter)
        self.spellings: dict[str, set[str]] = {}

    def layout(self) -> Layout:
        """What the tree is, after one reading of it.

        Raises:
            DataProblem: It holds no pictures, or none that can be told apart by class.
        """
        top, passed = _step(self.tree)
        self._leave_passed(passed)
        if not self.tree.candidates:
            raise DataProblem(self._no_pictures())
        roles = self._find_parts(top)
        if roles:
            self._leave_files(top, "lies in no class folder")
            rest = [f for f in top.visible if f not in roles]
            for f in rest:
                flat = part_of(f.name) is not None and not f.picture_folders
                self._leave(f, "without class folders" if flat else f"beside {_names(roles)}, not part of the data")
            self._leave_hidden(top)
            inside = {f: self._classes(f, part, roles) for f, part in roles.items()}
        else:
            inside = {top: self._classes(top, FREE, {})}
        for folder, classes in inside.items():
            part = roles.get(folder, FREE)
            self._take(folder, classes, part)
        self._check(inside, roles)
        names = sorted({p.label for p in self.pictures})
        for name in names:
            if len(self.spellings[name]) > 1:
                self.notes.append(f"Class {name} is written in {len(self.spellings[name])} ways, which are one name.")
        account = Account(tuple(self.branches), tuple(self.notes))
        return Layout(tuple(self.pictures), tuple(names), tuple(self.skipped), account, dict(self.there), self.why)

    # -- parts

    def _find_parts(self, top: Folder) -> dict[Folder, int]:
        """The parts on top, each with its number; none where the folders on top are classes."""
        roles = _roles(top.picture_folders)
        labelled = {f: part for f, part in roles.items() if _holds_folders(f)}
        if not labelled:
            if len(set(roles.values())) > 1 and not top.n_own_pictures:
                raise DataProblem(
                    f"Parts of {self.what} must hold one folder per class. {_names(roles)} hold pictures and no "
                    f"class folders, so that the labels are not known. {self._sort_them(top)} Should these be the "
                    f"classes themselves, rename them, as in {_names(list(roles)[:1])}_class."
                )
            for f in roles:
                self.notes.append(
                    f"{escape_name(f.name)} is taken for a class: it holds pictures and no class folders."
                )
            return {}
        rest = [f for f in top.picture_folders if f not in roles and _word(f) not in ASIDE and f.pictures]
        if len(set(labelled.values())) == 1 and rest:
            one = next(iter(labelled))
            raise DataProblem(
                f"It must be plain whether a folder of {self.what} is a part or a class. {_names(labelled)} holds "
                f"folders ({_names(one.picture_folders)}), and {_names(rest)} beside it hold pictures. If "
                f"{escape_name(one.name)} is "
                f"the part to train on, name it: {self._path(one)}. If it is a class, move its pictures up into it."
            )
        if TRAIN not in labelled.values():
            one = max(labelled, key=lambda f: f.pictures)
            flat = [f for f, part in roles.items() if part == TRAIN]
            missing = f"{_names(flat)} holds no class folders" if flat else "there is no train"
            raise DataProblem(
                f"{self.what} must have a part to train on. It has {_names(labelled)}, but {missing}. Name one of "
                f"them as the whole data set, such as {self._path(one)}, or give it class folders in a folder train."
            )
        return labelled

    # -- classes

    def _classes(self, folder: Folder, part: int, roles: dict[Folder, int]) -> list[Folder]:
        """The class folders of the tree or of one part of it, checked."""
        top, passed = _step(folder, None if part == FREE else part)
        self._leave_passed(passed)
        where = f" in its part '{escape_name(folder.name)}'" if len(roles) > 1 else ""
        self._refuse_masks(top)
        self._refuse_several(top, part)
        dotted = [f for f in top.folders if f.name[0] == "." and f.n_own_pictures]
        for f in dotted:
            self.notes.append(
                f"{escape_name(f.name)} begins with a dot and is taken for a class, since it holds pictures."
            )
        classes = [f for f in top.visible if not _is_aside(f) and not (f.candidates and _word(f) in UNLABELLED)]
        if not any(f.pictures for f in (*classes, *dotted)):
            raise DataProblem(self._no_pictures(top))
        self._leave_folders([f for f in top.visible if f not in classes])
        self._leave_hidden(top, but=dotted)
        self._leave_files(top, "lies in no class folder")
        empty = [f for f in classes if not f.pictures]
        if empty:
            raise DataProblem(self._empty(empty, where))
        return [*classes, *dotted]

    def _refuse_masks(self, top: Folder) -> None:
        """Pictures and their masks side by side are not two classes."""
        images = [f for f in top.picture_folders if _word(f) in IMAGES]
        masks = [f for f in top.picture_folders if _word(f) in MASKS]
        stems = {
            PurePosixPath(file.name).stem for f in top.picture_folders if f not in masks for _, file, _ in f.all_files()
        }
        drawn = [
            f
            for f in masks
            if images or 2 * sum(_picture_stem(file) in stems for _, file, _ in f.all_files()) > f.count
        ]
        wrapped = [f for f in images if _holds_folders(f) and len(f.picture_folders) > 1]
        alike = any(len(_step(f)[0].picture_folders) > 1 for f in top.picture_folders if f not in (*images, *masks))
        if wrapped and len(top.picture_folders) > 1 and not alike:
            raise DataProblem(
                f"{self.what} must hold one folder per class. {escape_name(wrapped[0].name)} holds folders of pictures "
                f"({_names(wrapped[0].picture_folders)}), and "
                f"{_names(f for f in top.picture_folders if f != wrapped[0])} beside it "
                f"would become a class. Name the pictures: {self._path(wrapped[0])}."
            )
        if drawn:
            others = [f for f in top.picture_folders if f not in drawn]
            raise DataProblem(
                f"{self.what} must hold one folder per class. {_names(drawn)} holds masks of the pictures in "
                f"{_names(others)}, and is no class. {self._sort_them(top) if images else 'Move it elsewhere.'}"
            )

    def _refuse_several(self, top: Folder, part: int) -> None:
        """Domains, folds, data sets, or classes with parts below: none of them are classes."""
        inside = top.picture_folders
        deep = [f for f in inside if not f.n_own_pictures and f.picture_folders]
        whole = [f for f in inside if _is_divided_below(f)]
        if whole and len(inside) > 1:
            raise DataProblem(
                f"{self.what} must hold one folder per class. {_names(whole)} {'has' if len(whole) == 1 else 'have'} "
                f"parts with class folders, so {_names(inside)} are data sets, not classes. "
                f"Name one of them: {_join_names([self._path(f) for f in whole])}."
            )
        inner = {f: _step(f)[0] for f in deep}
        wide = [f for f in deep if len(inner[f].picture_folders) > 1]
        if self.by_folder or len(wide) < 2 or 2 * len(wide) <= len(inside):
            return
        choices = [self._path(inner[f]) for f in wide]
        shared = Counter(normalise_name(c.name) for f in wide for c in inner[f].picture_folders)
        same = [escape_name(name) for name, n in shared.items() if n > 1 and 2 * n >= len(wide)]
        parts_below = [name for name in same if part_of(name) is not None]
        if len(same) > 1 and len(parts_below) == len(same):
            raise DataProblem(
                f"Parts of {self.what} must lie above its classes. {_names(wide)} each hold {', '.join(same[:6])}. "
                f"Put the parts on top, as in {same[0]}/{escape_name(wide[0].name)}/…, or name one if it is a data set."
            )
        if len(same) > 1:
            raise DataProblem(
                f"{self.what} must hold one folder per class. Its folders {_names(wide)} each hold "
                f"{', '.join(same[:6])}: these are several domains. Name one of them, such as {choices[0]}. "
                f"Should {_names(wide, 3)} be the classes, move their pictures up into them, or name the folders below "
                f"groups, with group_by folder."
            )
        raise DataProblem(
            f"{self.what} must hold one folder per class. Its pictures lie {1 + _depth(wide[0])} folders deep: "
            f"{_names(wide)} hold folders of pictures themselves ({_names(inner[wide[0]].picture_folders, 3)} in "
            f"{escape_name(wide[0].name)}). If they are several data sets, name one of them: "
            f"{_join_names(choices)}. If they are "
            f"the classes, move their pictures up into them, or name the folders below groups, with group_by folder."
        )

    def _take(self, folder: Folder, classes: list[Folder], part: int) -> None:
        """The pictures of these class folders, with what is left out of them."""
        before, deepest, where = len(self.pictures), 0, ""
        for top in classes:
            label = escape_name(normalise_name(top.name))
            self.spellings.setdefault(label, set()).add(top.name)
            for here, file, depth in top.all_files():
                name = escape_name(f"{here.place}/{file.name}")
                self.there[label] += file.may_be_picture
                if not file.is_picture:
                    self.skipped.append((name, file.unread_reason))
                    if file.may_be_picture:
                        self.why[label][file.unread_reason] += 1
                    continue
                self.pictures.append(Picture(file.path, name, label, part))
                if depth > deepest:
                    deepest, where = depth, escape_name(here.place)
            for hidden in (f for here in _visible(top) for f in here.folders if f.name[0] == "."):
                self._leave(hidden, "hidden")
        if deepest:
            folders = "1 folder" if deepest == 1 else f"{deepest} folders"
            self.notes.append(
                f"Some {self.kind.plural} lie up to {folders} below their class folder, as in {where}; they count for "
                f"that class."
            )
        top_place = classes[0].place.rpartition("/")[0] if classes else folder.place
        role = "classes" if part == FREE else PARTS[part]
        n = len({escape_name(normalise_name(c.name)) for c in classes})
        self.branches.insert(
            sum(b.role != "left out" for b in self.branches),
            Branch(escape_name(top_place) or ".", role, n, len(self.pictures) - before),
        )

    def _check(self, inside: dict[Folder, list[Folder]], roles: dict[Folder, int]) -> None:
        """Every part has the same classes, and there are two of them."""
        wanted = {normalise_name(c.name) for classes in inside.values() for c in classes}
        there: dict[int, set[str]] = {}
        for folder, classes in inside.items():
            there.setdefault(roles.get(folder, FREE), set()).update(normalise_name(c.name) for c in classes)
        for part, names in there.items():
            if wanted - names:
                folder = next(f for f in inside if roles.get(f, FREE) == part)
                missing = [_quote(n) for n in sorted(wanted - names)[:12]]
                raise DataProblem(
                    f"Every part of {self.what} must have the same class folders. Missing in its part "
                    f"'{escape_name(folder.name)}': {', '.join(missing)}.{_nearly(wanted, names)} Add them there, or "
                    f"remove them elsewhere."
                )
        if len(wanted) < 2:
            top = next(iter(inside))
            raise DataProblem(
                f"{self.what} must have at least two classes. Got one, '{escape_name(next(iter(wanted)))}'. "
                f"{self._sort_them(top)}"
            )

    # -- what is left out

    def _leave(self, folder: Folder, why: str) -> None:
        n = folder.count
        pictures = folder.pictures
        what = (
            f"{pictures:,} {self.kind.plural.removesuffix('s') if pictures == 1 else self.kind.plural}"
            if pictures
            else (f"{n:,} {'file' if n == 1 else 'files'}")
        )
        self.skipped.append((escape_name(folder.place), f"{what}, {why}"))
        self.branches.append(Branch(escape_name(folder.place), "left out", 0, pictures))

    def _leave_passed(self, passed: list[Folder]) -> None:
        for folder in passed:
            self._leave_files(folder, "lies in no class folder")
            self._leave_folders([f for f in folder.visible if _is_aside(f)])
            self._leave_hidden(folder)

    def _leave_folders(self, folders: list[Folder]) -> None:
        for f in folders:
            self._leave(
                f,
                "without labels" if _word(f) in UNLABELLED else f"none of them a {self.kind.plural.removesuffix('s')}",
            )

    def _leave_hidden(self, folder: Folder, but: Iterable[Folder] = ()) -> None:
        for f in folder.folders:
            if f.name[0] == "." and f not in but:
                self._leave(f, "hidden")

    def _leave_files(self, folder: Folder, why: str) -> None:
        for f in folder.files:
            self.skipped.append((relative_path(folder, f.name), why if f.is_picture else f.unread_reason))

    # -- sentences

    def _path(self, folder: Folder) -> str:
        return f"{self.what}/{escape_name(folder.place.removeprefix(self.tree.place).lstrip('/'))}"

    def _below(self, name: str) -> str:
        """A file below what was named, as it would be named itself."""
        return f"{self.what.partition(':')[2]}/{name}"

    def _tables(self) -> list[str]:
        return [
            escape_name(f"{here.place}/{file.name}".lstrip("/"))
            for here, file, depth in self.tree.all_files()
            if file.ending in TABLES and depth < 3
        ]

    def _sort_them(self, top: Folder) -> str:
        tables = self._tables()
        read = [name for name in tables if name.lower().endswith((".csv", ".tsv"))]
        told = f"Labels in a table ({tables[0]}) are not read here: " if tables else ""
        if read:
            told = f"Labels in a table ({read[0]}) are read by csv:{self._below(read[0])}; else "
        place = f"{self._path(top).rstrip('/')}/cats/{self.kind.example}"
        form = f"put the {self.kind.plural} of each class in a folder of its own, as in {place}."
        return told + (form if told else form[0].upper() + form[1:])

    def _no_pictures(self, top: Folder | None = None) -> str:
        top = top or self.tree
        packed = [f for _, f, _ in top.all_files() if f.ending in (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")]
        if packed:
            return (
                f"{self.what} must hold {self.kind.plural} in class folders. It holds {escape_name(packed[0].name)} "
                f"and no {self.kind.plural} that can be read; unpack that and name what is in it."
            )
        arrays = [f for _, f, _ in top.all_files() if f.ending in (".npz", ".npy")]
        hint = f" For arrays write npz:PATH, as for {escape_name(arrays[0].name)}." if arrays else ""
        lost = [f for f in top.visible if f.candidates and not f.pictures]
        if lost:
            return self._empty(lost, "")
        tables = self._tables()
        told = f" Labels in a table ({tables[0]}) are not read here; write csv:PATH of the table." if tables else ""
        plural, example = self.kind.plural, self.kind.example
        form = f"Put the {plural} of each class in a folder of its own: PATH/cats/{example}, PATH/dogs/{example}."
        return f"{self.what} must hold {plural} in class folders. It holds none.{hint}{told} {form}"

    def _empty(self, folders: list[Folder], where: str) -> str:
        found = []
        for f in folders[:6]:
            endings = Counter(file.ending for _, file, _ in f.all_files())
            if not endings:
                found.append(escape_name(f.name))
                continue
            n, common = sum(endings.values()), endings.most_common(3)
            most = ", ".join(escape_name(e) or "without an ending" for e, _ in common)
            missing = set(endings) & self.kind.endings
            need = f", which needs the package {self.kind.package}" if missing else ", which is not read"
            found.append(f"{escape_name(f.name)} holds {n:,} {'file' if n == 1 else 'files'}, all {most}{need}")
        return (
            f"Every class folder of {self.what} must hold {self.kind.plural}. Empty{where}: {'; '.join(found)}. Add "
            f"{self.kind.plural}, save them as {self.kind.formats}, or remove the folder."
        )


def losses(found: Layout, unread: Sequence[tuple[str, str]]) -> list[str]:
    """A sentence for each class that loses much: by endings of files, and by what could not be read.

    Args:
        found: How the folder is understood.
        unread: Class and reason of each file that could not be read.
    """
    used, why = Counter(one.label for one in found.pictures), {c: Counter(told) for c, told in found.why.items()}
    for label, reason in unread:
        used[label] -= 1
        why.setdefault(label, Counter())[reason] += 1
    return describe_losses(found.there, used, why)


def check_sizes(found: Layout, spec: DataSpec) -> None:
    """Refuse now what no division could be made of.

    Raises:
        DataProblem: Fewer pictures than `n`, or a class with too few for its parts or for `shots`.
    """
    what, total = escape_name(spec.name), len(found.pictures)
    if spec.n > total:
        raise DataProblem(f"{what} has {total:,} pictures. Got n = {spec.n:,}; lower n, or set it to 0 for all.")
    present = {p.part for p in found.pictures}
    cut = [share for part, share in ((VAL, spec.val), (TEST, spec.test)) if part not in present]
    if spec.folds:
        cut = [spec.val, 1 / spec.folds]
    free = [spec.folds > 0 or p.part in (FREE, TRAIN) for p in found.pictures]
    pool = Counter(p.label for p, mine in zip(found.pictures, free, strict=True) if mine)
    _check_groups(found, spec, free, len(cut))
    few = [f"{c} ({pool[c]})" for c in found.classes if pool[c] < 1 + len(cut)]
    if few:
        raise DataProblem(
            f"Each class of {what} needs at least {1 + len(cut)} pictures, one to train on and one for each part "
            f"that is held out. Too few: {', '.join(few[:12])}. Add pictures, or leave these classes out."
        )
    left = {c: pool[c] - sum(max(1, round(pool[c] * share)) for share in cut) for c in found.classes}
    few = [f"{c} ({n})" for c, n in left.items() if n < spec.shots]
    if few:
        raise DataProblem(
            f"Every class of {what} must have at least {spec.shots} training pictures for shots = {spec.shots}. "
            f"Too few: {', '.join(few[:12])}. Lower shots, val or test, or add pictures."
        )


def _check_groups(found: Layout, spec: DataSpec, free: Sequence[bool], n_cut: int) -> None:
    """Refuse groups that cannot be told, and classes that occur in too few of them, or of folds."""
    what = escape_name(spec.name)
    told = groups_of([p.name for p in found.pictures], found.columns, spec.group_by, found.group, what)
    if told is None and not spec.folds:
        return
    groups = found.columns[told] if isinstance(told, str) else told
    kinds: dict[str, set[str]] = {c: set() for c in found.classes}
    for i, (picture, mine) in enumerate(zip(found.pictures, free, strict=True)):
        if mine:
            kinds[picture.label].add((groups[i] if groups else "") or f"\0{i}")
    need = fewest(spec.folds, 1 + n_cut)
    few = [f"{c} ({len(own)})" for c, own in kinds.items() if len(own) < need]
    if few:
        kind = "pictures" if groups is None else "groups"
        why = (
            f"to be in each of {spec.folds} folds"
            if spec.folds
            else "one to train on and one for each part that is held out"
        )
        raise DataProblem(
            f"Each class of {what} needs at least {need} different {kind}, {why}. Too few: {', '.join(few[:12])}. Add "
            f"pictures, leave these classes out, or ask for fewer folds or smaller groups."
        )


def _visible(top: Folder) -> Iterator[Folder]:
    stack = [top]
    while stack:
        here = stack.pop()
        yield here
        stack += here.visible


def _join_names(found: list[str]) -> str:
    return ", ".join(found[:4]) + (" …" if len(found) > 4 else "")


def _depth(folder: Folder) -> int:
    return max((depth for _, file, depth in folder.all_files() if file.is_picture), default=0)


def _picture_stem(file: File) -> str | None:
    """The stem of the picture that a mask belongs to: 12_mask.png → 12; None for other names."""
    found = re.fullmatch(r"(.+)[ _\-.](mask|gt|labels?|seg|segmentation|annotation)", PurePosixPath(file.name).stem)
    return found[1] if found else None


def _quote(name: str) -> str:
    """In quotes where a blank at the end would not be seen."""
    return repr(escape_name(name)) if name != name.strip() else escape_name(name)


def _nearly(wanted: set[str], there: set[str]) -> str:
    """A word on names that differ by blanks or capitals alone."""
    plain = {n.strip().casefold(): n for n in there}
    for name in sorted(wanted - there):
        other = plain.get(name.strip().casefold())
        if other is not None:
            what = "capitals" if name.strip() == name and other.strip() == other else "a blank"
            return f" It has {_quote(other)}, which differs by {what} alone."
    return ""
