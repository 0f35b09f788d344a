"""`tltk weights …` and `tltk pretrain`: the weight store, and how what is in it was made, from the shell."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from tltk import home
from tltk.analyses.import_weights.spec import ImportWeightsSpec
from tltk.cli.following import follow, json_option, out, print_answer
from tltk.errors import BadSpec, RunProblem, UnknownName, WeightsMissing
from tltk.jobs import executor
from tltk.runs.index import RunEntry
from tltk.runs.run import Run
from tltk.specs.training import TransferSpec
from tltk.weights import recipe as pretrain
from tltk.weights import store, weightfile
from tltk.weights.checks import check_entry, check_file

PART = "Which network, if the file holds several, such as state_dict; by default a moving average."


@click.group()
def weights() -> None:
    """List, add, check and describe weights; no network is needed."""


@weights.command("list")
@json_option
def listing(as_json: bool) -> None:
    """Everything on this machine that --weights takes."""
    found: list[dict[str, Any]] = []
    for one in store.local_sources():
        if isinstance(one.of, store.Entry):
            licence, summary = one.of.card.licence, one.of.card.summary
        elif isinstance(one.of, RunEntry):
            licence, summary = "yours", f"trained on {one.of.target}"
        else:
            licence, summary = "see the hub", "in the hub's cache"
        found.append(
            {
                "weights": one.weights or f"file:{one.file}",
                "backbone": one.backbone,
                "bytes": one.bytes,
                "licence": licence,
                "summary": summary,
            }
        )
    if as_json:
        out(found)
        return
    for row in found:
        click.echo(f"{row['weights']:32} {row['backbone']:28} {row['bytes'] / 1e6:8.1f} MB  {row['summary']}")
    if not found:
        click.echo("No weights here. `tltk weights add FILE` adds some, any training makes some.")


@weights.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", default="", help="Name in the store; by default that of the file.")
@click.option(
    "--backbone", default="", help="timm's name of the architecture; by default it is recognised from the file."
)
@click.option("--part", default="", help=PART)
@json_option
def add(file: Path, name: str, backbone: str, part: str, as_json: bool) -> None:
    """Add weights to the store: a .safetensors or .pth file, or a folder as the hub keeps it.

    Tensors are found below any prefix that a training program adds. timm can load the entry as it is.
    """
    file = weightfile.resolve_path(str(file))
    weightfile.identify(file)
    name = store.check_name(name or re.sub(r"(?:[^a-z0-9_.-]|\.{2,})+", "_", file.stem.lower()).strip("._-")[:64])
    print_answer(ImportWeightsSpec(f"file:{file.absolute()}", backbone, name, part), as_json, again=True)


@weights.command()
@click.argument("what")
@click.option(
    "--backbone", default="", help="timm's name of the architecture; by default it is recognised from the file."
)
@click.option("--part", default="", help=PART)
@json_option
def check(what: str, backbone: str, part: str, as_json: bool) -> None:
    """Whether a file, or a name in the store, is complete, and of which network. Exit code 1 if it is not."""
    what = re.sub("^(store|file):", "", what)  # as --weights takes them
    file = weightfile.resolve_path(what)
    if weightfile.exists(file) or weightfile.exists(file, folder=True):
        try:
            check_file(file, backbone.partition(".")[0], part)
        except WeightsMissing as fault:  # it is there, and the answer is no
            raise RunProblem(str(fault)) from None
    else:
        try:
            entry = store.verify(what)
            check_entry(entry)
        except UnknownName:
            raise WeightsMissing(
                f"What to check must be a file or a name in the store. {what[:160]!r} is neither."
            ) from None
        except WeightsMissing as fault:
            raise RunProblem(str(fault)) from None
        file, backbone = entry.file, backbone or entry.card.backbone
    try:
        print_answer(ImportWeightsSpec(f"file:{file.absolute()}", backbone, "", part), as_json, again=True)
    except BadSpec as fault:  # what only a worker sees in it
        raise RunProblem(str(fault)) from None


@weights.command()
@click.argument("name")
@json_option
def card(name: str, as_json: bool) -> None:
    """What to know about weights before using them."""
    entry = store.find(name.removeprefix("store:"))
    if as_json:
        out(store.as_dict(entry))
        return
    click.echo(store.as_text(entry), nl=False)


@weights.command()
@click.argument("name")
@click.option("--yes", "is_sure", is_flag=True, help="Remove them without asking.")
@json_option
def remove(name: str, is_sure: bool, as_json: bool) -> None:
    """Remove weights that you added from the store."""
    name = name.removeprefix("store:")
    if not is_sure and not store.find(name).shipped:  # what cannot be removed is refused at once
        click.confirm("Remove these weights for good?", abort=True)
    store.remove(name)
    out({"name": name, "removed": True}, as_json)
    if not as_json:
        click.echo(f"Removed {name}.")


@click.command("pretrain")
@click.argument("recipe", default="")
@click.option("--to", "shelf", type=click.Path(path_type=Path), help="Folder for the weights; by default the store.")
@json_option
def pretraining(recipe: str, shelf: Path | None, as_json: bool) -> None:
    """Train weights by a recipe: the name of one that comes with tltk, or a JSON file. Without one, list them.

    Each stage is a run; a recipe that was stopped continues where it was.
    """
    if not recipe:
        found = [{"name": name, "summary": pretrain.read(name).summary} for name in pretrain.recipes()]
        out(found, as_json)
        for row in [] if as_json else found:
            click.echo(f"{row['name']:28} {row['summary']}")
        return
    plan = pretrain.read(recipe)
    if shelf is None:
        store.check_name(plan.name) if plan.name not in pretrain.recipes() else None
    entry = pretrain.pack(plan, pretrain.train(plan, _train_stage), shelf or home.folder("weights"))
    out(store.as_dict(entry), as_json)
    if not as_json:
        click.echo(store.as_text(entry), nl=False)


def _train_stage(spec: TransferSpec) -> Run:
    """One stage, to its end."""
    run = executor().submit(spec)
    follow(run)
    if executor().state(run.id) != "done":
        raise RunProblem(f"Run {run.id} must end for the recipe to go on. It is {executor().state(run.id)}.")
    return run
