"""`tltk …`: everything that a page can launch, from the shell. `--json` has a documented shape.

Exit codes: 0 done, 1 failed, 2 bad input. Torch is imported by workers, not here.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from tltk import __version__, home
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.evaluate.spec import PARTS, EvaluateSpec
from tltk.analyses.export.spec import FORMS, ExportSpec
from tltk.analyses.inspect.spec import DIVIDED, InspectSpec
from tltk.analyses.predict.files import WRITERS, Predictions
from tltk.analyses.predict.spec import PredictSpec
from tltk.cli import weights
from tltk.cli.following import (
    Verb,
    end,
    follow,
    format_table,
    json_option,
    launch,
    out,
    print_answer,
    report,
    spec_options,
    summary,
)
from tltk.cli.following import listing as in_json
from tltk.cli.judge import judge_verb
from tltk.cli.lessons import lessons_verb
from tltk.cli.submitting import submitting
from tltk.data.names import escape_text
from tltk.errors import BadSpec, RunProblem, UnknownName
from tltk.jobs import executor, listing, queue
from tltk.jobs.predicting import whole_id
from tltk.report.files import format_of
from tltk.results.text import columns
from tltk.runs import sync, trash
from tltk.runs.index import Query
from tltk.runs.run import ACTIVE, STATES, Run, walk
from tltk.specs import command
from tltk.specs.knobs import Spec, knobs
from tltk.specs.parts import FITS, DataSpec
from tltk.specs.reading import spec_kinds
from tltk.studies import ledger as accounts
from tltk.weights import catalogue, store
from tltk.weights.export import export as write_zip
from tltk.weights.handover import import_zip
from tltk.weights.weightfile import sanitise


@click.group(cls=Verb, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tltk")
def main() -> None:
    """See what transfers and what does not."""
    if "--help" not in sys.argv and (fault := sync.wait_for_others(OTHERS_SECONDS)):
        click.echo(fault, err=True)


def _verb(kind: type[Spec]) -> click.Command:
    """The verb that asks for specs of this kind, with a flag for each knob."""

    @spec_options(kind)
    def ask_for(**given: Any) -> None:
        launch(kind, given)

    return click.command(kind.verb, help=kind.about)(ask_for)


for _verb_kind in spec_kinds().values():
    if _verb_kind.verb:
        main.add_command(_verb(_verb_kind))
for _group in (weights.weights, weights.pretraining, judge_verb, lessons_verb, submitting):
    main.add_command(_group)


OTHERS_SECONDS = 15.0  # that a verb waits for what other machines wrote, of a home in an object store
SHOWN = 100  # runs that are listed for people unless they ask for more


@main.group(invoke_without_command=True)
@click.pass_context
@click.option(
    "--search", default="", metavar="TEXT", help="Words to find in names, notes, tags, targets, networks, ids."
)
@click.option("--tag", multiple=True, help="Only those with this tag. May be repeated.")
@click.option("--kind", multiple=True, help="Only those of this kind, such as transfer or compare. May be repeated.")
@click.option("--state", multiple=True, type=click.Choice(STATES), help="Only those in this state. May be repeated.")
@click.option("--target", default="", help="Only those with this target.")
@click.option(
    "--limit", type=click.IntRange(0), help=f"So many, newest first; 0 = all. Default {SHOWN}, with --json all."
)
@json_option
def runs(
    ctx: click.Context,
    search: str,
    tag: tuple[str, ...],
    kind: tuple[str, ...],
    state: tuple[str, ...],
    target: str,
    limit: int | None,
    as_json: bool,
) -> None:
    """List runs; show, name, note, tag, move, stop, resume, export, delete or restore one."""
    query = Query(text=search, tags=tag, kinds=kind, states=state, target=target, specs=as_json)
    if ctx.invoked_subcommand:
        if query != Query(specs=as_json) or limit is not None:
            raise click.UsageError(
                f"Options that choose runs must stand without a verb. Got {ctx.invoked_subcommand!r}."
            )
        return
    for name in kind:
        if name not in spec_kinds():
            raise UnknownName.among("--kind", name, spec_kinds())
    most = limit if limit is not None else 0 if as_json else SHOWN
    found = listing.runs(dataclasses.replace(query, limit=most + 1 if most else 0))
    more, found = bool(most) and len(found) > most, found[: most or None]
    for one in found:
        if one.fault:  # a folder of another version
            click.echo(f"{one.id} cannot be read: {one.fault}", err=True)
    found = [one for one in found if not one.fault]
    if as_json:
        click.echo(in_json(found))
        return
    for line in format_table(found):
        click.echo(line)
    if more:
        click.echo("Older runs are not shown; --limit 0 lists all, --search TEXT finds some of them.", err=True)
    if not found and query == Query():
        click.echo("No runs yet. `tltk compare --source rendered_digits --target blended_digits --shots 5` makes some.")
    elif not found:
        click.echo("No run is as asked for. `tltk runs` lists them all.")


@runs.command()
@click.argument("run_id")
@click.option("--attempt", type=click.IntRange(0), default=0, help="An earlier attempt, by its number; 0 = the last.")
@json_option
def show(run_id: str, attempt: int, as_json: bool) -> None:
    """The state of a run and what it found, and the attempts before."""
    report(Run.open(run_id), as_json, attempt)


@runs.command("name")
@click.argument("run_id")
@click.argument("name")
@json_option
def name_run(run_id: str, name: str, as_json: bool) -> None:
    """Give a run a name; an empty one takes it away."""
    _write_label(Run.open(run_id), as_json, name=name)


@runs.command("note")
@click.argument("run_id")
@click.argument("text")
@json_option
def note_run(run_id: str, text: str, as_json: bool) -> None:
    """Write a note on a run, in place of the one that is there; an empty one takes it away."""
    _write_label(Run.open(run_id), as_json, note=text)


@runs.command("tag")
@click.argument("run_id")
@click.argument("tags", nargs=-1)
@click.option("--remove", multiple=True, metavar="TAG", help="Take this tag away. May be repeated.")
@json_option
def tag_run(run_id: str, tags: tuple[str, ...], remove: tuple[str, ...], as_json: bool) -> None:
    """Add tags to a run, or take some away."""
    found = Run.open(run_id)
    if not tags and not remove:
        raise click.UsageError("What to add or to remove must be said: TAG… or --remove TAG.")
    old = found.label.tags
    for gone in remove:
        if gone not in old:
            raise UnknownName.among(f"A tag of run {found.id}", gone, old)
    _write_label(found, as_json, tags=[*(t for t in old if t not in remove), *tags])


def _write_label(run: Run, as_json: bool, **given: Any) -> None:
    """Write a name, a note or tags on a run, and say what is on it now."""
    label = run.write_label(**given)
    out({"id": run.id, "name": label.name, "note": label.note, "tags": list(label.tags)}, as_json)
    if not as_json:
        words = " ".join(filter(None, [label.name, *(f"#{tag}" for tag in label.tags)]))
        click.echo(sanitise(f"run {run.id}{' · ' if words else ''}{words}", 1000))
        for line in label.note.splitlines():
            click.echo(sanitise(line, 2000))


@runs.command()
@click.argument("run_id")
@json_option
def stop(run_id: str, as_json: bool) -> None:
    """Ask a run to stop; it can be resumed."""
    found = Run.open(run_id)
    before = executor().state(found.id)
    executor().cancel(found.id)
    out({"id": found.id, "state": executor().state(found.id)}, as_json)
    if not as_json:
        done = f"is {before}; there is nothing to stop" if before not in ACTIVE else "was asked to stop"
        click.echo(f"Run {found.id} {done}.")


PLACES = {"sooner": -1, "later": 1, "first": -(10**9), "last": 10**9}


@runs.command()
@click.argument("run_id")
@click.argument("where", type=click.Choice(tuple(PLACES)))
@json_option
def move(run_id: str, where: str, as_json: bool) -> None:
    """Move a run that waits in the queue: one place sooner or later, to be the first or the last."""
    found = Run.open(run_id)
    moved = queue.move(found.id, PLACES[where])
    out({"id": found.id, "moved": moved, "ahead": executor().ahead(found.id)}, as_json)
    if not as_json:
        n = executor().ahead(found.id)
        told = f"has {n} job{'s' * (n != 1)} ahead of it" if queue.find(found.id) else "does not wait"
        click.echo(f"Run {found.id} {told}.")


@runs.command()
@click.argument("run_id")
@click.option("--detach", is_flag=True, help="Queue it and return at once.")
@json_option
def resume(run_id: str, detach: bool, as_json: bool) -> None:
    """Continue a run from its last checkpoint."""
    found = executor().resume(Run.open(run_id))
    if not detach:
        follow(found)
    report(found, as_json)
    end(found, detach)


@runs.command()
@click.argument("run_id")
@json_option
def log(run_id: str, as_json: bool) -> None:
    """What a run's process printed."""
    found = Run.open(run_id)
    text = executor().log(found.id)
    out({"id": found.id, "log": text}, as_json)
    if not as_json:
        click.echo(text or f"The process of run {found.id} printed nothing.\n", nl=False)


@runs.command()
@click.argument("run_id")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--weights", is_flag=True, help="Put the weights in, as timm loads them.")
@json_option
def export(run_id: str, file: Path, weights: bool, as_json: bool) -> None:
    """Write a run, and the runs it started, to a zip file: specs, rows, results and logs, and weights if asked."""
    found = Run.open(run_id)
    if weights and not any((one.path / store.FILE).is_file() for one in walk(found)):
        raise RunProblem(f"Run {found.id} must have weights to export them. It has none; it is {found.status.state}.")
    scratch = file.parent / f".{file.name}.tmp"
    try:
        with open(scratch, "wb") as target:
            held = write_zip(found, target, weights)
        scratch.replace(file)
    except OSError as fault:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise click.UsageError(f"FILE must be a place to write to. It is not: {fault}.") from None
    size = file.stat().st_size
    out({"id": found.id, "file": str(file), "bytes": size, "weights": held}, as_json)
    if not as_json:
        without = "without weights; --weights puts them in"
        n = sum(name.endswith(store.FILE) for name in held)
        click.echo(
            f"Wrote {file}, {size / 1e6:.1f} MB, "
            + (f"with the weights of {n} training{'s' * (n != 1)}, as timm loads them." if n else f"{without}.")
        )


@runs.command()
@click.argument("run_id")
@click.option("--for-good", is_flag=True, help="At once and for good, so that its room on the disk is free.")
@click.option("--yes", "is_sure", is_flag=True, help="Delete it without asking.")
@json_option
def delete(run_id: str, for_good: bool, is_sure: bool, as_json: bool) -> None:
    """Delete a run's folder, with all attempts; for a week `tltk runs restore` puts it back."""
    found = Run.open(run_id)  # before it is asked for: only what is there can be deleted
    if not is_sure:
        click.confirm("Delete this run?", abort=True)
    found.delete(for_good=for_good)
    out({"id": found.id, "deleted": True}, as_json)
    if not as_json and not for_good:
        click.echo(f"Run {found.id} is deleted. `tltk runs restore {found.id}` puts it back within {trash.DAYS} days.")


@runs.command()
@click.argument("run_id", required=False)
@json_option
def restore(run_id: str | None, as_json: bool) -> None:
    """Put a deleted run back; without one, list those that can be."""
    if run_id is None:
        known = trash.entries()
        out([{"id": one.id, "deleted_at": one.at} for one in known], as_json)
        if not as_json:
            for one in known:
                click.echo(f"{one.id}  deleted {time.strftime('%Y-%m-%d %H:%M', time.localtime(one.at))}")
            click.echo(f"They are kept for {trash.DAYS} days." if known else "No run has been deleted lately.")
        return
    found = Run(trash.put_back(run_id))
    out({"id": found.id, "restored": True}, as_json)
    if not as_json:
        click.echo(f"Run {found.id} is back.")


@main.command("export")
@click.argument("run_id", metavar="RUN")
@click.option("--to", required=True, type=click.Choice(FORMS), help=knobs(ExportSpec)["to"].help)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@json_option
def export_training(run_id: str, to: str, file: Path, as_json: bool) -> None:
    """Write a finished training for use elsewhere: to FILE, which is a new folder with --to script or folder.

    What is written is run and compared with the training's own network first.
    """
    print_answer(ExportSpec(run_id, to, str(file)), as_json, again=True)


@main.command("import")
@click.argument("file", metavar="ZIP", type=click.Path(path_type=Path))
@json_option
def import_run(file: Path, as_json: bool) -> None:
    """Take in a run that another machine wrote by `tltk export RUN --to zip`, checked; what is here stays as it is."""
    found = import_zip(file)
    out(msgspec.to_builtins(found), as_json)
    if as_json:
        return
    more = len(found.imported) - (found.id in found.imported)
    others = f", with {more} run{'s' * (more != 1)} that it started" if more else ""
    if found.id in found.imported:
        click.echo(f"Imported run {found.id}{others}. `tltk runs show {found.id}` shows it.")
    else:
        click.echo(f"Run {found.id} is here already and stays as it is{f'; {more} of its runs are new' * bool(more)}.")
    if found.id in found.weights:
        click.echo(f"Start from it with --weights run:{found.id}")


@main.command("report")
@click.argument("run_id")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def write_report(run_id: str, file: Path, as_json: bool) -> None:
    """Write what a training or a study found to FILE: .html with figures, offline; .csv or .json for programs."""
    make = format_of(file)
    found = Run.open(run_id)
    data = make(found)
    try:
        file.write_bytes(data)
    except OSError as fault:
        raise click.UsageError(f"FILE must be a place to write to. It is not: {fault}.") from None
    out({"id": found.id, "file": str(file), "bytes": len(data)}, as_json)
    if not as_json:
        click.echo(f"Wrote {file}, {f'{len(data) / 1e6:.1f} MB' if len(data) > 1e5 else f'{len(data):,} bytes'}.")


@main.command("ledger")
@click.argument("run_id")
@click.option(
    "--amortise",
    default=1,
    help="Over how many uses of the weights pre-training is shared; 1 = all of it counts here, 0 = none. Default 1.",
)
@click.option(
    "--grams-per-kwh",
    type=float,
    help="Grams of CO₂ per kWh; without it, and without TLTK_GRAMS_PER_KWH, none is told.",
)
@json_option
def show_ledger(run_id: str, amortise: int, grams_per_kwh: float | None, as_json: bool) -> None:
    """What a study or a training cost, arm by arm, and from how many uses on its pre-training pays off."""
    found = accounts.ledger(Run.open(run_id), amortise, grams_per_kwh)
    out(msgspec.to_builtins(found), as_json)
    if not as_json:
        head, *rows = accounts.table(found)
        for line in (f"{accounts.caption(found)}:", *columns(head, rows), "", *found.sentences, *found.flags):
            click.echo(escape_text(line))


@main.command()
@json_option
def domains(as_json: bool) -> None:
    """List the domains: names that --source and --target take."""
    from tltk.data import domains as known

    _table([{"name": name, "summary": known.summary(name)} for name in known], as_json)


def _listing(name: str, about: str) -> click.Command:
    """A verb that lists a registry of classes of knobs."""

    @json_option
    def entries(as_json: bool) -> None:
        known = getattr(importlib.import_module(f"tltk.{name}"), name)
        _table(
            [
                {
                    "name": entry,
                    "summary": known.summary(entry),
                    "knobs": {
                        knob: {**dataclasses.asdict(rule), "choices": list(rule.choices)}
                        for knob, rule in knobs(known[entry]).items()
                    },
                }
                for entry in known
            ],
            as_json,
        )

    return click.command(name, help=about)(entries)


for _name, _about in (
    ("strategies", "List the strategies: when each layer learns."),
    ("adapters", "List the adapters: what of a learning layer learns."),
    ("terms", "List the terms: what else is minimised."),
    ("learners", "List the learners: classifiers of frozen features."),
    ("alignments", "List the alignments: how features of two domains are moved before a learner."),
    ("reweightings", "List the reweightings: how pictures of a source are weighted for a target."),
):
    main.add_command(_listing(_name, _about))


def _table(entries: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        out(entries)
        return
    width = max((len(entry["name"]) for entry in entries), default=0)
    for entry in entries:
        click.echo(f"{entry['name']:{width}}  {entry['summary']}")


@main.command()
@click.argument("pattern", default="")
@click.option("--sort", type=click.Choice(catalogue.SORTS), default="name", help="What the list is sorted by.")
@click.option("--here", is_flag=True, help="Only those with weights on this machine.")
@json_option
def backbones(pattern: str, sort: str, here: bool, as_json: bool) -> None:
    """List timm's models by name, by a pattern such as 'resnet*', or by words such as 'vit laion'."""
    at_hand = catalogue.local_weights()
    exact = [catalogue.catalogue()[pattern]] if pattern in catalogue.catalogue() else None
    found = exact or catalogue.search(pattern, sort=sort)
    if not found:
        raise UnknownName.among("backbone", pattern, catalogue.catalogue())
    found = [b for b in found if b.name in at_hand or not here]
    if as_json:
        out([catalogue.as_dict(b, at_hand.get(b.name, ())) for b in found])
        return
    if not found:
        click.echo("None of them has weights here. `tltk weights list` lists what is.")
        return
    click.echo(f"{'backbone':44} {'million':>8} {'GFLOPs':>8} {'px':>4}  weights")
    for b in found:
        gflops = "" if b.flops is None else catalogue.format_count(b.flops / 1e9)
        weights = catalogue.describe_weights(b, at_hand.get(b.name, ()))
        click.echo(f"{b.name:44} {catalogue.format_count(b.parameters / 1e6):>8} {gflops:>8} {b.size:4}  {weights}")


@main.command()
@click.argument("backbone")
@click.option("--size", default=32, help=knobs(DataSpec)["size"].help)
@click.option("--width", default=0, help=knobs(DataSpec)["width"].help)
@click.option("--channels", default=3, help="Channels of the pictures.")
@click.option("--adapter", default=None, help="What of a layer learns, NAME or NAME:KNOB=VALUE,…; see `tltk adapters`.")
@json_option
def layers(backbone: str, size: int, width: int, channels: int, adapter: str | None, as_json: bool) -> None:
    """The layers of a network: where its freeze boundary can lie, and how many parameters learn in each."""
    given = {"backbone": backbone, "size": size, "width": width, "channels": channels, "adapter": adapter}
    print_answer(command.build_spec(DescribeSpec, given), as_json)


def _divided(verb: Callable[..., None]) -> Callable[..., None]:
    """Flags for how the pictures of a domain are divided into parts."""
    for name in reversed(DIVIDED):
        rule = knobs(DataSpec)[name]
        verb = click.option(f"--{name}", default=rule.default, help=rule.help)(verb)
    return verb


@main.command()
@click.argument("domain")
@click.option("--size", default=32, help=knobs(DataSpec)["size"].help)
@click.option("--width", default=0, help=knobs(DataSpec)["width"].help)
@click.option("--n", default=0, help="Number of pictures to draw or keep; 0 = all there are.")
@click.option("--fit", type=click.Choice(FITS), default="crop", help=knobs(DataSpec)["fit"].help)
@click.option("--group-by", default="", help=knobs(DataSpec)["group_by"].help)
@_divided
@json_option
def look(domain: str, as_json: bool, **given: Any) -> None:
    """What is in a domain: folders, parts, groups, classes, pictures, and what was left out."""
    print_answer(InspectSpec(DataSpec(domain, **given)), as_json)


@main.command("predict")
@click.argument("run_id", metavar="RUN")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@click.option("--part", type=click.Choice(knobs(PredictSpec)["part"].choices), help=knobs(PredictSpec)["part"].help)
@click.option("--embedding", is_flag=True, default=None, help=knobs(PredictSpec)["embedding"].help)
@click.option(
    "--batch", type=int, help=f"{knobs(PredictSpec)['batch'].help} Default {knobs(PredictSpec)['batch'].default}."
)
@click.option("--csv", type=click.Path(path_type=Path), help="Write all to this file, a line for each picture.")
@click.option("--jsonl", type=click.Path(path_type=Path), help="Write all to this file, an object on each line.")
@click.option("--parquet", type=click.Path(path_type=Path), help="Write all to this file (needs pyarrow).")
@click.option("--again", is_flag=True, help="Predict once more though nothing changed since.")
@json_option
def predict_verb(
    run_id: str,
    paths: tuple[str, ...],
    part: str | None,
    embedding: bool | None,
    batch: int | None,
    again: bool,
    as_json: bool,
    **files: Path | None,
) -> None:
    """Which class a finished training sees in pictures: files, folders, archives or domains."""
    wanted = {form: file for form, file in files.items() if file is not None}
    for form, file in wanted.items():
        if file.is_dir() or not file.absolute().parent.is_dir():
            raise click.UsageError(f"--{form} must be a file in a folder that exists. Got {str(file)!r}.")
        if form == "parquet" and importlib.util.find_spec("pyarrow") is None:
            raise BadSpec("--parquet needs the package pyarrow. It is not installed; install it, or take --csv FILE.")
    given = {"run": whole_id(run_id), "paths": paths, "part": part, "embedding": embedding, "batch": batch}
    spec = PredictSpec.from_dict({name: value for name, value in given.items() if value is not None})
    run = executor().submit(spec, again=again)
    follow(run)
    if executor().state(run.id) != "done" or (not wanted and not as_json):
        report(run, as_json)
        end(run, False)
        return
    found = Predictions.of(run)
    for form, file in wanted.items():
        try:
            file.write_bytes(WRITERS[form](found))
        except OSError as fault:
            raise click.UsageError(f"--{form} must be a place to write to. It is not: {fault}.") from None
    if as_json:
        out({**summary(run), "predictions": list(found.rows())})
        return
    report(run, False)
    for file in wanted.values():
        click.echo(f"Wrote {file}, {file.stat().st_size:,} bytes.")


@main.command("evaluate")
@click.argument("run_id", metavar="RUN")
@click.option(
    "--on", multiple=True, metavar="DOMAIN", help="A domain that tests it; may be repeated. Default: its own target."
)
@click.option("--part", type=click.Choice(PARTS), help=knobs(EvaluateSpec)["part"].help)
@click.option("--against", metavar="RUN", help=knobs(EvaluateSpec)["against"].help)
@click.option("--positive", metavar="CLASS", help=knobs(EvaluateSpec)["positive"].help)
@click.option("--bootstrap", type=int, help=f"{knobs(EvaluateSpec)['bootstrap'].help} Default 1000.")
@click.option("--batch", type=int, help=f"{knobs(EvaluateSpec)['batch'].help} Default 64.")
@click.option("--seed", type=int, help=f"{knobs(EvaluateSpec)['seed'].help} Default 0.")
@click.option("--again", is_flag=True, help="Evaluate once more though nothing changed since.")
@json_option
def evaluate_verb(run_id: str, again: bool, as_json: bool, **given: Any) -> None:
    """How good a finished training is on any domain that has its classes by name, and how far to trust it."""
    wanted = {name: value for name, value in given.items() if value is not None}
    if given["against"] is not None:
        wanted["against"] = whole_id(given["against"])
    run = executor().submit(EvaluateSpec.from_dict({"run": whole_id(run_id), **wanted}), again=again)
    follow(run)
    report(run, as_json)
    end(run, False)


@main.command("serve")
@click.argument("run_id", metavar="RUN")
@click.option("--port", type=click.IntRange(0, 65535), default=8600, help="Port; 0 = any that is free. Default 8600.")
@click.option("--address", default="127.0.0.1", help="Address to serve on; 0.0.0.0 lets other machines in.")
def serve_verb(run_id: str, port: int, address: str) -> None:
    """Answer over HTTP which class pictures, texts or rows are of: POST /predict; GET / explains it."""
    from tltk.serving.server import serve

    serve(whole_id(run_id), port, address, click.echo)


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8501, help="Port to serve on. Default 8501.")
@click.option(
    "--address",
    default="",
    help="Address to serve on. Default 127.0.0.1, which others cannot reach; 0.0.0.0 of a room.",
)
@click.option(
    "--root",
    "roots",
    multiple=True,
    metavar="PATH",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    help="A folder that its pages may read, with all below; may be repeated. Default: TLTK_ROOTS, else your home and "
    "the folder where you stand.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="A name that browsers may use for this server, such as lab.example; may be repeated.",
)
@click.option("--room", "is_room", is_flag=True, help="Let others in: each with the code and a name, runs by turns.")
@click.option("--code", default="", help="Code of the room; 6 characters or more. Default: one is made.")
@click.option(
    "--quota", type=click.IntRange(1, 1000), default=None, help="Questions of a person that may wait. Default 20."
)
@click.option(
    "--minutes",
    type=click.FloatRange(0),
    default=None,
    help="Stop a training of a room after these; 0 = never. Default 30.",
)
def app(
    port: int,
    address: str,
    roots: tuple[Path, ...],
    hosts: tuple[str, ...],
    is_room: bool,
    code: str,
    quota: int | None,
    minutes: float | None,
) -> None:
    """Start the dashboard, for this machine alone or, with --room, for others too."""
    from tltk.dashboard.room import Settings, check_code, new_code
    from tltk.dashboard.serve import serve

    home.check_writable()  # else each page would say so, and the server not start
    own = [
        name for name, value in (("code", code or None), ("quota", quota), ("minutes", minutes)) if value is not None
    ]
    if own and not is_room:
        raise BadSpec(f"--{own[0]} must come with --room, which lets others in. Add it, or leave --{own[0]} out.")
    room = None
    if is_room:
        usual = (20 if quota is None else quota, 30.0 if minutes is None else minutes)
        room = Settings(check_code(code) if code else new_code(2), new_code(3), *usual)
    sys.exit(serve(port, address, roots, hosts, room))


@main.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check this machine: what is installed, what is missing, and what to do about it."""
    from tltk.cli.doctor import examine

    start = time.monotonic()
    found = examine()
    if as_json:
        out([dataclasses.asdict(check) for check in found])
    else:
        for check in found:
            click.echo(f"{'ok  ' if check.ok else 'FAIL'} {check.name:22} {check.text}")
        click.echo(f"checked in {time.monotonic() - start:.1f} s")
    if not all(check.ok for check in found):
        sys.exit(1)
