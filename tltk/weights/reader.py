"""The one reader of weight files, for `file:`, for `weights add` and `weights check`, for the store and for runs.

First what the file is (`tltk.weights.weightfile`), then where in it a network lies (`tltk.weights.bodies`), then
whether its shapes are those of the architecture, built on the meta device, where it takes no memory. Only then are
tensors read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from tltk.errors import BadSpec, WeightsMissing
from tltk.nn.net import config_value, make_backbone
from tltk.specs.size import Size
from tltk.weights import torchvision_names as layouts
from tltk.weights import weightfile
from tltk.weights.bodies import Body, choose_body, match_catalogue
from tltk.weights.catalogue import CLASSIFIERS
from tltk.weights.fitting import told_size
from tltk.weights.safe_unpickler import unpickle
from tltk.weights.weightfile import SAFETENSORS, WeightFile, sanitise

MAX_CHANNELS = 64  # of pictures
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
ARCHITECTURE = ("backbone", "arch", "architecture", "model_name")  # where a header may name it
OPTIMIZER = ("optim", "opt.", "scheduler", "lr_sched", "scaler", "amp.")  # state that nobody expects to be kept
HOW = "a moving average or a teacher is taken first, then the shortest name"


@dataclass(frozen=True)
class Weights:
    """What a weight file holds, under timm's names.

    Attributes:
        backbone: timm's name of the architecture.
        candidates: All architectures that have these tensors, the one taken first.
        guessed: Whether the architecture was found from the tensors.
        layout: Whose names the file had: `timm`, `torchvision`, or `tltk`, as a run keeps its own.
        channels: Of the pictures that its first convolution reads.
        options: How the backbone must be built beyond its name, such as its padding.
        told: What the file says of itself.
        body: Its tensors without the classifier.
        classifier: `weight` (classes, d) and perhaps `bias` of a linear classifier; empty where there is none.
        shell: The backbone without numbers.
        part: Which network of the file it is, as `--part` takes it; empty = the whole file.
        tensors: How many the file holds.
        bytes: Size of the file or files.
        notes: What was taken, changed or left out, in sentences.
    """

    backbone: str
    candidates: list[str]
    guessed: bool
    layout: str
    channels: int
    options: dict[str, str]
    told: dict[str, str]
    body: dict[str, Tensor]
    classifier: dict[str, Tensor]
    shell: nn.Module
    part: str
    tensors: int
    bytes: int
    notes: list[str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """Names of the classes, where the file has as many as its classifier."""
        names = weightfile.told_classes(self.told)
        return names if self.classifier and len(names) == len(self.classifier["weight"]) else []


def read(path: Path, backbone: str = "", part: str = "") -> Weights:
    """The network in a weight file.

    Args:
        path: A file, an index of files, or a folder as the hub keeps it.
        backbone: timm's name of the architecture; "" = find it from the tensors.
        part: Which network, where the file holds several; "" = by the rule.

    Raises:
        WeightsMissing: No file, no weights, not whole, more than tensors, or of no architecture that is known.
        UnknownName: timm has no backbone of that name.
    """
    file = weightfile.identify(path)
    tensors, words, notes = _list_tensors(file)
    words = {**words, **file.told}
    if not tensors:
        raise WeightsMissing(f"A weight file must hold tensors by name. {sanitise(path.name, 120)} holds none.")
    options = {"pad_type": "same"} if words.get("pad_type") == "same" else {}
    is_ours = "backbone" in words and "head" in words  # whose word for the size is that of the pictures
    shells = _Shells(options, told_size(words) if is_ours else 0)
    names, guessed, body, others = _architecture(
        tensors, words, backbone, part, shells, path, file.unpacked_bytes, notes
    )
    if len(names) > 1:
        notes.append(f"The same tensors also fit {list_some(names[1:])}; name it with --backbone where it is that one.")
    inside = {short: tensors[n] for n, short in body.names.items()}
    shell, layout, fitting, channels = shells.match_layout(names[0], inside)
    heads = _heads(shell, fitting)
    check_fit(shell, {n: t for n, t in fitting.items() if n not in heads and not _is_made_by_timm(n, shell)}, path.name)
    beside = {} if heads else body.beside
    taken = _read_tensors(file, tensors, [*body.names, *beside])
    check(taken, path.name, file.unpacked_bytes)
    fitting = {short: taken[n] for n, short in body.names.items()}
    if layout == "torchvision":
        fitting = shells.match_layout(names[0], fitting)[2]
    fitting |= {short: taken[n] for n, short in beside.items()}
    heads = _heads(shell, fitting)
    own, classifier = _separate_classifier(shell, fitting, heads, notes)
    if layout == "timm" and body.part == "backbone" and "head" in words:
        layout = "tltk"
    theirs = tuple(_branch(f.prefix, body.prefix) for f in others)
    notes += _huge(taken)
    if left := [n for n in body.left if n not in beside and not n.startswith((*theirs, *OPTIMIZER))]:
        notes.append(_describe_rest(body, left))
    return Weights(
        names[0],
        names,
        guessed,
        layout,
        channels,
        options,
        words,
        own,
        classifier,
        shell,
        body.part,
        len(tensors),
        file.bytes,
        notes,
    )


def _list_tensors(file: WeightFile) -> tuple[Mapping[str, Any], dict[str, str], list[str]]:
    """All tensors of the file, those of safetensors by their shapes alone; what else it tells; what was left unread."""
    if file.kind == SAFETENSORS:
        return weightfile.read_shapes(file), {}, []
    found: dict[str, Tensor] = {}
    words: dict[str, str] = {}
    unread: set[str] = set()
    for one in file.files:
        tensors, said, stubs = unpickle(one, file.kind)
        found, words, unread = found | tensors, words | said, unread | set(stubs)
    if any(name.startswith("torch.nn.modules.") for name in unread):
        return found, words, ["It was saved as a whole model. Its tensors were taken; none of its code was run."]
    return found, words, [f"Objects beside the tensors were not read: {list_some(sorted(unread))}."] if unread else []


def _read_tensors(file: WeightFile, tensors: Mapping[str, Any], names: list[str]) -> dict[str, Tensor]:
    """The numbers of these tensors."""
    if file.kind != SAFETENSORS:
        return {n: tensors[n] for n in names}
    found: dict[str, Tensor] = {}
    try:
        for one in file.files:
            with safe_open(one, "pt") as opened:
                here = set(opened.keys())
                found |= {n: opened.get_tensor(n) for n in names if n in here}
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError, RuntimeError) as fault:
        raise WeightsMissing(
            f"A weight file must be safetensors, whole. {sanitise(file.path.name, 120)} is not: {sanitise(str(fault))}."
        ) from None
    return found


class _Shells:
    """Backbones on the meta device, each built once: shapes without numbers.

    Args:
        options: How they are built, beyond their name.
        size: Of the pictures that they are for, since tensors of some are as large as that; 0 = as timm has them.
    """

    def __init__(self, options: dict[str, Any], size: Size = 0) -> None:
        self.options, self.size = options, size
        self._built: dict[tuple[str, int], nn.Module] = {}

    def of(self, name: str, channels: int = 3) -> nn.Module:
        """The backbone of this name at the picture size that it was made for."""
        if (name, channels) not in self._built:
            config = timm.get_pretrained_cfg(name.partition(".")[0])
            usual = config.input_size[-1] if config is not None else 224
            with torch.device("meta"):
                try:
                    self._built[name, channels] = make_backbone(name, self.size or usual, channels, **self.options)
                except BadSpec:
                    if not self.size:
                        raise
                    self._built[name, channels] = make_backbone(name, usual, channels, **self.options)
        return self._built[name, channels]

    def match_layout(self, name: str, tensors: Mapping[str, Any]) -> tuple[nn.Module, str, dict[str, Any], int]:
        """The shell that reads the file's channels; whose names the file has; its tensors by timm's; the channels."""
        shell, channels = self.of(name), 3
        firsts = [f"{n}.weight" for n in config_value(shell.pretrained_cfg, "first_conv")]
        ours = next((t for n, t in shell.state_dict().items() if n in firsts), None)
        other = layouts.family(tensors)
        theirs = next((tensors[n] for n in (*firsts, *(other.signs[:1] if other else ())) if n in tensors), None)
        given = int(theirs.shape[1]) if theirs is not None and theirs.ndim == 4 else 0
        if ours is not None and 0 < given <= MAX_CHANNELS and given != ours.shape[1]:
            shell, channels = self.of(name, given), given
        state = shell.state_dict()
        if any(n not in tensors for n in state if not n.endswith(layouts.UNUSED)):
            found = layouts.to_timm(tensors, state, (*config_value(shell.pretrained_cfg, "classifier"), "head")[0])
            if found is not None:
                return shell, "torchvision", found, channels
        return shell, "timm", dict(tensors), channels

    def guess(self, name: str) -> Callable[[Mapping[str, Any]], list[str]]:
        """Tells whether tensors are of this backbone: all that it has, in its shapes, and nothing more."""

        def same(tensors: Mapping[str, Any]) -> list[str]:
            shell, _, fitting, _ = self.match_layout(name, tensors)
            heads = _heads(shell, fitting)
            faults = _faults(
                shell, {n: t for n, t in fitting.items() if n not in heads and not _is_made_by_timm(n, shell)}
            )
            return [] if faults else [name]

        return same


def _architecture(
    tensors: Mapping[str, Any],
    words: Mapping[str, str],
    backbone: str,
    part: str,
    shells: _Shells,
    path: Path,
    size: int,
    notes: list[str],
) -> tuple[list[str], bool, Body, list[Body]]:
    """Of which architectures the tensors may be, whether that was found from them, where they lie, and the others."""
    hinted = next((n for k in ARCHITECTURE if timm.is_model(n := words.get(k, "").partition(".")[0])), "")
    if not backbone:
        body, found = choose_body(tensors, part, lambda t: match_catalogue(t) or layouts.guess_backbones(t))
        if body is not None:
            others = _say_choice(body, found, part, notes)
            known = hinted in body.backbones
            return [hinted] if known else list(body.backbones), not known, body, others
        if part and found:
            raise WeightsMissing(
                f"The part must be a network of the file. There is none at {sanitise(part, 80)!r}; "
                f"there are {list_some([f.part or 'the whole file' for f in found])}."
            )
    name = backbone or hinted
    if not name:
        check(tensors, path.name, size, finite=False)
        raise WeightsMissing(
            "The architecture must be known by the names and shapes of its tensors. Those of "
            f"{sanitise(path.name, 120)} "
            f"are of none: {len(tensors)} tensors, {list_some(list(tensors))}. Name it with --backbone."
        )
    body, found = choose_body(tensors, part, shells.guess(name))
    if body is not None:
        return [name], False, body, _say_choice(body, found, part, notes)
    check(tensors, path.name, size, finite=False)
    return [name], False, _nearest(tensors, shells.of(name).state_dict()), []


def _nearest(tensors: Mapping[str, Any], wanted: Mapping[str, Any]) -> Body:
    """The prefix below which most names are the wanted ones; what does not fit is said of it."""
    hits: Counter[str] = Counter()
    for name in tensors:
        parts = name.split(".", 16)
        for i in range(len(parts)):
            if ".".join(parts[i:]) in wanted:
                hits["".join(f"{p}." for p in parts[:i])] += 1
    prefix = hits.most_common(1)[0][0] if hits else ""
    return Body(prefix, {n: n.removeprefix(prefix) for n in tensors if n.startswith(prefix)}, {}, (), ())


def _say_choice(body: Body, found: list[Body], part: str, notes: list[str]) -> list[Body]:
    """Says which of several networks was taken; the others."""
    if len(found) > 1:
        names = [f.part or "the whole file" for f in found]
        notes.append(
            f"The file holds {len(found)} networks: {list_some(names, 6)}. "
            f"{sanitise(body.part) or 'The whole file'} was taken "
            f"({'as asked' if part else HOW}); --part takes another."
        )
    return [f for f in found if f is not body]


def _branch(other: str, ours: str) -> str:
    """Below which prefix all is another network's: `student.`, for `student.backbone.` beside `teacher.backbone.`."""
    parts, here = other.split("."), ours.split(".")
    shorter = min(len(parts), len(here))
    same = next((i for i in range(shorter) if parts[i] != here[i]), shorter - 1)
    return ".".join(parts[: same + 1]) + "."


def _describe_rest(body: Body, left: list[str]) -> str:
    """What else the file holds, by its first words."""
    around = body.prefix.rstrip(".").rpartition(".")[0]
    around = f"{around}." if around else ""
    firsts = [(n.removeprefix(body.prefix) if n.startswith(body.prefix) else n.removeprefix(around)) for n in left]
    groups = Counter(n.partition(".")[0] for n in firsts)
    texts = [f"{n} ({k} tensors)" if k > 1 else n for n, k in groups.items()]
    return f"Left out, since it is not of the network: {list_some(texts, 6)}."


def list_some(names: list[str], most: int = 3) -> str:
    """A few names, as plain text, and how many there are."""
    return ", ".join(sanitise(n) for n in names[:most]) + (f", … ({len(names)} in all)" if len(names) > most else "")


def check(tensors: Mapping[str, Any], origin: str, file_bytes: int, finite: bool = True) -> None:
    """Refuse what no network could use.

    Args:
        tensors: Name → tensor, or its type and shape.
        origin: The file's name.
        file_bytes: How many bytes the file holds.
        finite: Whether to look at the numbers.

    Raises:
        WeightsMissing: Quantised or sparse tensors, numbers that are none, or tensors larger than their file.
    """
    origin, held = sanitise(origin, 120), 0
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            continue
        shown = sanitise(name, 80)
        if tensor.is_quantized or (tensor.ndim and tensor.dtype not in (*FLOATS, torch.int64, torch.int32, torch.bool)):
            raise weightfile.describe_unusable(origin, name, str(tensor.dtype).removeprefix("torch."))
        if tensor.layout is not torch.strided or tensor.is_meta:
            raise WeightsMissing(f"Weights must be dense tensors. In {origin}, {shown} is not; save it as one.")
        held += tensor.numel() * tensor.element_size()
        # One number can be said to be many; two modules may share a tensor.
        if tensor.numel() * tensor.element_size() > file_bytes or held > 4 * file_bytes + 2**20:
            raise WeightsMissing(f"A tensor must lie in its file. In {origin}, {shown} is larger than all of it.")
        if finite and tensor.is_floating_point() and tensor.numel():
            least, most = (float(v) for v in tensor.aminmax())
            lowest = 0.0 if name.endswith("running_var") else -weightfile.HELD
            if not (lowest <= least and most <= weightfile.HELD):  # so that NaN counts too
                raise weightfile.describe_unusable(origin, name, "", most if lowest <= least else least)


def _huge(tensors: Mapping[str, Tensor]) -> list[str]:
    """A sentence on numbers that can be looked at and not be trained from."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.numel():
            most = float(tensor.abs().max())
            if most > weightfile.LARGEST:
                held = f"{sanitise(name, 80)} holds {most:.3g}, whose square 32 bits do not hold"
                return [f"{held}: no training starts from it."]
    return []


def _heads(shell: nn.Module, tensors: Mapping[str, Any]) -> list[str]:
    """The names of a classifier, as timm, torchvision or a run of ours has it."""
    own = tuple(f"{n}." for n in config_value(shell.pretrained_cfg, "classifier"))
    state = shell.state_dict()
    return [n for n in tensors if n not in state and n.startswith((*own, *CLASSIFIERS))]


def _is_made_by_timm(name: str, shell: nn.Module) -> bool:
    """Tables that timm makes itself, and counters."""
    return name.endswith(layouts.MADE) and name not in shell.state_dict()


def _separate_classifier(
    shell: nn.Module, tensors: Mapping[str, Tensor], heads: list[str], notes: list[str]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The body's tensors by timm's names; and `weight` (classes, d) and `bias` of the classifier on its d features.

    A classifier that is no single linear layer on those features is left out, with a note.
    """
    body = {n: t for n, t in tensors.items() if n not in heads and not _is_made_by_timm(n, shell)}
    width = getattr(shell, "head_hidden_size", None) or shell.num_features
    weights = [n for n in heads if n.endswith("weight")]
    if len(weights) == 1 and tensors[weights[0]].ndim > 1 and tensors[weights[0]].flatten(1).shape[1] == width:
        weight = tensors[weights[0]].flatten(1)  # of a 1 × 1 convolution too
        bias = tensors.get(weights[0].removesuffix("weight") + "bias")
        return body, {"weight": weight} | ({} if bias is None else {"bias": bias})
    if heads:
        notes.append(
            f"Its classifier ({list_some(heads)}) is not one linear layer on {width} features; it is left out."
        )
    return body, {}


def check_fit(backbone: nn.Module, given: Mapping[str, Any], origin: str, exact: bool = False) -> None:
    """Refuse tensors that are not this backbone's, name by name.

    Args:
        backbone: With or without numbers.
        given: Name → anything with a shape, without a classifier.
        origin: Where they are from.
        exact: Whether channels and positions, which can be adapted, must fit too.

    Raises:
        WeightsMissing: Names or shapes that do not fit, listed.
    """
    if faults := _faults(backbone, given, exact):
        config = getattr(backbone, "pretrained_cfg", None) or {}
        raise WeightsMissing(
            f"The weights in {sanitise(origin, 120)} must fit {config.get('architecture', 'the network')} tensor by "
            f"tensor. Tensors: {'; '.join(faults)}. Choose the backbone that the file was made for."
        )


def _faults(backbone: nn.Module, given: Mapping[str, Any], exact: bool = False) -> list[str]:
    wanted = backbone.state_dict()
    firsts = [f"{n}.weight" for n in config_value(getattr(backbone, "pretrained_cfg", None) or {}, "first_conv")]
    resampled = hasattr(backbone, "patch_embed")

    def same(name: str) -> bool:
        ours: tuple[int, ...] = tuple(wanted[name].shape)
        theirs: tuple[int, ...] = tuple(given[name].shape)
        if exact:
            return ours == theirs
        if name in firsts and len(ours) == len(theirs) == 4 and theirs[1] > 0:
            return (ours[0], ours[2:]) == (theirs[0], theirs[2:])
        if name == "pos_embed" and resampled and len(ours) == len(theirs) == 3:
            return ours[2] == theirs[2] and theirs[1] > 0
        return ours == theirs

    missing = [n for n in wanted if n not in given and not n.endswith("num_batches_tracked")]
    extra = [n for n in given if n not in wanted and not n.endswith("num_batches_tracked")]
    shapes = [
        f"{n}: {tuple(given[n].shape)} in the file, {tuple(wanted[n].shape)} in the network"
        for n in wanted
        if n in given and not same(n)
    ]
    return [
        f"{len(names)} {what} ({', '.join(sanitise(n, 120) for n in names[:3])}{', …' if len(names) > 3 else ''})"
        for names, what in ((missing, "missing"), (extra, "unknown"), (shapes, "of another shape"))
        if names
    ]
