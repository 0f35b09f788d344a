"""The weight store: named backbones with a card each, shipped with tltk or added by the user. No torch here.

An entry is a folder, `NAME/model.safetensors` and `NAME/card.json`; what we trained ourselves also has
`recipe.json` and, under `runs/`, the rows of its training. `store:NAME` names it wherever weights are named.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tltk import assets, home
from tltk.errors import BadSpec, UnknownName, WeightsMissing
from tltk.runs import index, sync
from tltk.runs.index import RunEntry
from tltk.runs.run import Run
from tltk.specs.encoders import Reader, read_reader
from tltk.specs.training import TransferSpec
from tltk.weights import weightfile

FILE, CARD, RECIPE, RUNS = "model.safetensors", "card.json", "recipe.json", "runs"
FIELDS = "first_layers.png"
PIECE_BYTES = 2**20  # bytes hashed at a time
KINDS = ("scratch", "store", "hub", "file", "run", "wheel", "folder", "vectors")
MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|<>~$:])")


class Stage(msgspec.Struct, frozen=True):
    """One training of a recipe: what it saw, for how long, and how well it ended."""

    run: str
    domain: str
    size: int
    classes: int
    pictures: int  # different ones to learn from
    seen: int  # in all epochs together
    steps: int
    seconds: float
    device: str
    accuracy: float  # on its own test pictures


class Card(msgspec.Struct, frozen=True):
    """What one should know about a set of weights before using it."""

    name: str
    backbone: str
    sha256: str
    bytes: int
    parameters: int
    channels: int = 3
    summary: str = ""
    licence: str = "unknown"
    source: str = ""
    good_for: str = ""
    bad_for: str = ""
    notes: tuple[str, ...] = ()  # what was done to the file when it was added
    stages: tuple[Stage, ...] = ()
    transfer: dict[str, Any] = {}  # rows of the benchmark `transfer`, by set
    classes: tuple[str, ...] = ()  # names of what its classifier tells apart, where they are known
    data: str = ""  # what it was trained on, where the file says so


@dataclass(frozen=True)
class Entry:
    """A card and the folder that it lies in."""

    path: Path
    card: Card
    shipped: bool

    @property
    def file(self) -> Path:
        """The safetensors file."""
        return self.path / FILE

    @property
    def fields(self) -> Path | None:
        """A drawing of what its first layers look for, where there is one."""
        return path if (path := self.path / FIELDS).is_file() else None

    @property
    def runs(self) -> list[Run]:
        """The trainings that made it, where they were kept."""
        return [Run(self.path / RUNS / stage.run) for stage in self.card.stages if self._has(stage.run)]

    def _has(self, run_id: str) -> bool:
        return (self.path / RUNS / run_id / "spec.json").is_file()


def shipped_shelf() -> Path:
    """The shelf that comes with tltk: in the checkout where there is one, else inside the installed wheel."""
    return assets.folder() / "weights"


def entries() -> list[Entry]:
    """All entries by name, the shipped ones first; a folder without a readable card is left out."""
    found = []
    for shelf in (shipped_shelf(), home.folder("weights")):
        for path in sorted(shelf.iterdir()) if shelf.is_dir() else []:
            with contextlib.suppress(OSError, ValueError), home.open_file(path / CARD) as file:
                card: Card = home.decode_json(file.read(), Card)
                if card.name == path.name and (path / FILE).is_file():
                    found.append(Entry(path, card, shelf == shipped_shelf()))
    return found


def find(name: str) -> Entry:
    """The entry of this name.

    Raises:
        UnknownName: There is none.
    """
    known = {entry.card.name: entry for entry in entries()}
    if name not in known:
        raise UnknownName.among("A name in the weight store", name, known)
    return known[name]


def check_name(name: str) -> str:
    """`name` when it can be a new entry's: a plain word that can be a folder, and is not taken.

    Raises:
        BadSpec: Anything else.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,63}", name) or ".." in name:
        raise BadSpec(
            f"A name in the weight store must be small letters, digits, - _ and . alone, at most 64. Got {name[:80]!r}."
        )
    if any(entry.card.name == name for entry in entries()):
        raise BadSpec(f"A name in the weight store must be new. There is {name!r} already; choose another.")
    return name


def sha256(*paths: Path) -> str:
    """The checksum of a file, or of several one after the other, in hex."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
    return digest.hexdigest()


def is_intact(entry: Entry) -> bool:
    """Whether the file is the one that the card speaks of."""
    return sha256(entry.file) == entry.card.sha256


def verify(name: str) -> Entry:
    """The entry of this name, its file checked against its card.

    Raises:
        UnknownName: There is none.
        WeightsMissing: The file is another one.
    """
    entry = find(name)
    if not is_intact(entry):
        raise WeightsMissing(describe_alteration(entry))
    return entry


def describe_alteration(entry: Entry) -> str:
    """The sentence on a file that is another one than its card speaks of."""
    do = "install tltk again." if entry.shipped else "remove them and add them again."
    return f"The weights of {entry.card.name} must have the checksum of their card. They have another; {do}"


def parse_weights(weights: str) -> tuple[str, str]:
    """The kind of weights, and what of it is named.

    Raises:
        UnknownName: No such kind.
        WeightsMissing: Nothing is named where something must be.
    """
    kind, _, where = weights.partition(":")
    if kind not in KINDS:
        raise UnknownName.among("The kind of weights", kind, ["scratch", *(f"{k}:…" for k in KINDS[1:])])
    if kind in ("store", "file", "run", "wheel", "folder", "vectors") and not where.strip():
        raise WeightsMissing(f"weights {kind!r} must name what to load, as in {kind}:…. Got {weights!r}.")
    return kind, where


def run_weights(where: str) -> tuple[Run, Path]:
    """The run that `ID` or `ID@EPOCH` means, and its weight file.

    Raises:
        UnknownName: There is no such run.
        WeightsMissing: It has not finished, or kept no such snapshot.
    """
    run_id, at, epoch = where.partition("@")
    run = Run.open(run_id)
    sync.complete(run.id)  # of a home in an object store: weights come when they are wanted
    if at:
        kept = run.snapshots()
        if not epoch.isdecimal() or int(epoch) not in kept:
            raise WeightsMissing(
                f"Run {run.id} must have kept the weights of epoch {epoch or '?'}. It kept {kept or 'none'}; "
                f"train with optim.snapshots 1 to keep each."
            )
        return run, run.snapshot(int(epoch))
    path = run.path / FILE
    if not path.exists():
        raise WeightsMissing(
            f"Run {run.id} must have finished before its weights can be used. It is {run.status.state}."
        )
    return run, path


def reader_of(where: str) -> Reader | None:
    """What the run that `ID` or `ID@EPOCH` means reads texts by; None where it keeps nothing of that.

    Raises:
        UnknownName: There is no such run.
        WeightsMissing: It is damaged.
    """
    run = Run.open(where.partition("@")[0])
    sync.complete(run.id)
    return read_reader(run.path)


def put(shelf: Path, data: bytes, card: Card) -> Entry:
    """Keep these weights on a shelf, whole or not at all; an entry of the same name there is replaced.

    Args:
        shelf: Folder that holds entries.
        data: A whole safetensors file.
        card: Its checksum and size are filled in here.
    """
    folder = shelf / card.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).unlink(missing_ok=True)  # without a card it is no entry, so none is ever half written
    (folder / FIELDS).unlink(missing_ok=True)
    home.write_atomic(folder / FILE, data)
    card = msgspec.structs.replace(card, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
    home.write_atomic(folder / CARD, msgspec.json.format(msgspec.json.encode(card), indent=1))
    return Entry(folder, card, shelf == shipped_shelf())


def remove(name: str) -> None:
    """Take an added entry out of the store.

    Raises:
        UnknownName: There is none.
        BadSpec: It is one that tltk came with.
    """
    entry = find(name)
    if entry.shipped:
        raise BadSpec(f"An entry that is removed must be one that you added. {name} came with tltk.")
    (entry.path / CARD).unlink()
    shutil.rmtree(entry.path)


def open_runs(entry: Entry) -> list[Run]:
    """The entry's trainings among the user's runs, copied there on first use; the last is the last stage."""
    found = []
    for run in entry.runs:
        own = Run.at(run.id)
        if not (own.path / "spec.json").exists():
            shutil.copytree(run.path, own.path, dirs_exist_ok=True)
        found.append(own)
    return found


TIMMS = (FILE, "pytorch_model.bin")


@dataclass(frozen=True)
class Cached:
    """Weights in the hub's own cache."""

    hub_id: str  # as in timm/resnet18.a1_in1k
    file: Path

    @property
    def weights(self) -> tuple[str, str] | None:
        """Backbone and weights as tltk names them; None where the name is not timm's."""
        organisation, _, name = self.hub_id.partition("/")
        backbone, _, tag = name.partition(".")
        return (backbone, f"hub:{tag}") if organisation == "timm" and tag and self.is_timms else None

    @property
    def is_timms(self) -> bool:
        """Whether timm finds them under their tag: it asks for these files alone."""
        return self.file.name in TIMMS


def hub_cache() -> Path:
    """Where the hub keeps what it has fetched, by its own rules."""
    for name, below in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub")):
        if os.environ.get(name):
            return Path(os.environ[name]).expanduser() / below
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "huggingface" / "hub"


def cached_models() -> list[Cached]:
    """Models in the hub's cache that hold a file of weights."""
    found = []
    with contextlib.suppress(OSError):
        for folder in sorted(hub_cache().glob("models--*--*")):
            files = [p for name in weightfile.IN_FOLDER for p in folder.glob(f"snapshots/*/{name}")]
            if files and files[0].is_file():
                hub_id = folder.name.removeprefix("models--").replace("--", "/", 1)
                found.append(Cached(hub_id, files[0]))
    return found


@dataclass(frozen=True)
class LocalSource:
    """Something on this machine that a network can start from."""

    weights: str  # as `--weights` takes it; "" = tltk has no name for it
    backbone: str  # timm's name, or the hub's of what is not timm's
    file: Path
    of: Entry | Cached | RunEntry

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return self.of.model if isinstance(self.of, RunEntry) else self.file.stat().st_size


def local_sources(most: int = 0) -> list[LocalSource]:
    """All of it: the store's, the hub's cache, finished trainings, newest first.

    Args:
        most: So many of the trainings; 0 = all.
    """
    found = [LocalSource(f"store:{e.card.name}", e.card.backbone, e.file, e) for e in entries()]
    for one in cached_models():
        backbone, name = one.weights or (one.hub_id, "")
        found.append(LocalSource(name, backbone, one.file, one))
    folder = home.folder("runs")
    found += [LocalSource(f"run:{run.id}", run.backbone, folder / run.id / FILE, run) for run in trainings(most)]
    return found


def trainings(most: int = 0) -> list[RunEntry]:
    """Finished trainings whose weights are there, newest first.

    Args:
        most: So many of them; 0 = all.
    """
    return index.find(kinds=[TransferSpec.kind], weights=True, limit=most)


def as_text(entry: Entry, escaped: bool = False) -> str:
    """The card in Markdown; `escaped` where it is rendered, since foreign headers may hold links and pictures."""
    card = entry.card
    if escaped and not entry.shipped:
        texts = {name: getattr(card, name) for name in ("summary", "licence", "source", "good_for", "bad_for", "data")}
        lists = {name: tuple(MARKDOWN.sub(r"\\\1", t) for t in getattr(card, name)) for name in ("notes", "classes")}
        plain = {name: MARKDOWN.sub(r"\\\1", text) for name, text in texts.items()}
        card = msgspec.structs.replace(card, **plain, **lists)
    lines = [
        f"# {card.name}",
        card.summary,
        f"- **Backbone**: {card.backbone}, {card.parameters:,} parameters, {card.channels} channels",
        f"- **File**: {card.bytes / 1e6:.1f} MB, safetensors, SHA-256 `{card.sha256}`",
        f"- **Licence**: {card.licence}",
    ]
    if card.classes:
        shown = ", ".join(card.classes[:12]) + (", …" if len(card.classes) > 12 else "")
        lines.append(f"- **Classes**: {len(card.classes)}: {shown}")
    titles = {"Trained on": card.data, "Source": card.source, "Good for": card.good_for, "Bad for": card.bad_for}
    for title, text in titles.items():
        lines += [f"- **{title}**: {text}"] if text else []
    lines += [f"- {note}" for note in card.notes]
    for number, s in enumerate(card.stages, 1):
        lines.append(
            f"- **Training {number}**: {s.pictures:,} pictures of {s.classes} classes of {s.domain} at {s.size} px, "
            f"seen {s.seen:,} times in {s.steps:,} steps and {s.seconds / 60:.0f} minutes on {s.device}; "
            f"{s.accuracy:.1%} of its test pictures classified correctly (run {s.run})"
        )
    if card.transfer:
        lines += ["", *_transfer(card.transfer)]
    return "\n".join(line for line in lines if line or line == "") + "\n"


def _transfer(found: dict[str, Any]) -> list[str]:
    """What the weights do on pictures that they were not made from."""
    lines = [
        f"{found['shots']} labels per class, {found['seeds']} seeds, per cent of the test pictures:",
        "",
        "| set | random, frozen | these, frozen | gain | scratch | these, fine-tuned | gain | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in found["sets"].items():
        tune = row.get("fine_tune", {})
        cells = [
            name,
            f"{100 * row['random']:.1f}",
            f"{100 * row['probe']:.1f}",
            f"{100 * row['gain']:+.1f} ± {100 * row['half']:.1f}",
        ]
        if tune:
            cells += [
                f"{100 * tune['scratch']:.1f}",
                f"{100 * tune['transfer']:.1f}",
                f"{100 * tune['gap']:+.1f} ({100 * tune['lo']:+.1f} … {100 * tune['hi']:+.1f})",
                tune["label"],
            ]
        numbers = [cell.replace("-", "−") for cell in cells[1:]]
        lines.append("| " + " | ".join([cells[0], *numbers, *[""] * (8 - len(cells))]) + " |")
    return lines


def as_dict(entry: Entry) -> dict[str, Any]:
    """The card for `--json`."""
    return {
        **msgspec.to_builtins(entry.card),
        "weights": f"store:{entry.card.name}",
        "file": str(entry.file),
        "shipped": entry.shipped,
    }
