"""`tltk …`: everything that a page can launch, from the shell. `--json` has a documented shape.

Exit codes: 0 done, 1 failed, 2 bad input. Torch is imported by workers, not here.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tltk import __version__, command
from tltk.errors import RunProblem, TltkError, UnknownName
from tltk.jobs import Local, wait
from tltk.runs import Run, all_runs
from tltk.spec import AnySpec, CompareSpec, DataSpec, DescribeSpec, LookSpec, TransferSpec, read_spec


class Verb(click.Group):
    """Click with our way of failing: a sentence on stderr, 1 for a failed run, 2 for bad input."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; a `TltkError` is its sentence, nothing more."""
        try:
            return super().invoke(ctx)
        except TltkError as fault:
            click.echo(str(fault), err=True)
            ctx.exit(1 if isinstance(fault, RunProblem) else 2)


@click.group(cls=Verb, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tltk")
def main() -> None:
    """See what transfers and what does not."""


def _as_json(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")(function)


def _out(body: Any, wanted: bool = True) -> None:
    if wanted:
        click.echo(json.dumps(body, indent=1, default=str))


def _spec_options(kind: type[TransferSpec] | type[CompareSpec]) -> Callable[..., Any]:
    """A click option for every knob of the spec."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(command.options(kind)):
            rule = option.knob
            span = f" [{rule.lo:g} … {rule.hi:g}]" if rule.lo is not None and rule.hi is not None else ""
            names = f" One of {', '.join(rule.choices)}." if rule.choices else ""
            function = click.option(
                f"--{option.flag}", option.key, type=type(rule.default), default=None,
                help=f"{rule.help}{names}{span} Default {rule.default}.",
            )(function)  # fmt: skip
        function = click.option("--knob", multiple=True, help="A knob of the strategy, NAME=VALUE.")(function)
        function = click.option("--strategy", help="How the weights are used; see `tltk strategies`.")(function)
        function = click.option("--spec", "file", type=click.Path(path_type=Path), help="A JSON file.")(function)
        function = click.option("--again", is_flag=True, help="Forget an earlier run of the same spec.")(function)
        function = click.option("--detach", is_flag=True, help="Queue it and return at once.")(function)
        function = click.option("--timeout", default=0.0, help="Stop it after so many seconds; 0 = never.")(function)
        return _as_json(function)

    return decorate


def _launch(kind: type[TransferSpec] | type[CompareSpec], given: dict[str, Any]) -> None:
    """Queue what was asked for, follow it, and print how it ended."""
    file, as_json = given.pop("file"), given.pop("as_json")
    spec: AnySpec
    if file is None:
        spec = command.build(kind, given)
    else:
        try:
            spec = read_spec(file.read_bytes())
        except OSError as fault:
            raise click.UsageError(f"--spec must name a JSON file. It cannot be read: {fault}.") from None
        if not isinstance(spec, kind):
            raise click.UsageError(f"{file} must hold a spec of kind {kind.kind!r}. It holds {spec.kind!r}.")
    command.validate(spec)
    run = Local().submit(spec, again=given["again"], timeout=given["timeout"])
    if not given["detach"]:
        _follow(run)
    _report(run, as_json)
    _end(run, given["detach"])


def _end(run: Run, detached: bool) -> None:
    """A run that was followed and stopped before its end is not done: exit code 1."""
    if not detached and Local().state(run.id) != "done":
        sys.exit(1)


def _follow(run: Run) -> None:
    """Wait for the end, with a progress bar where there is a terminal; Ctrl-C asks the run to stop."""
    from tqdm import tqdm

    bar = tqdm(total=1, disable=not sys.stderr.isatty(), unit="epoch", leave=False)

    def watch(run: Run) -> None:
        status = run.status
        bar.total = status.epochs or 1
        bar.n = status.epoch
        bar.set_description(status.message or f"{run.id} {status.state}")

    try:
        wait(run, watch)
    except KeyboardInterrupt:
        Local().cancel(run.id)
        click.echo(f"Asked run {run.id} to stop; `tltk runs resume {run.id}` goes on with it.", err=True)
        raise
    finally:
        bar.close()


def summary(run: Run) -> dict[str, Any]:
    """A run as JSON: id, kind, state, message, progress, spec and result."""
    status, spec = run.status, run.spec
    return {
        "id": run.id,
        "kind": spec.kind,
        "state": Local().state(run.id),
        "message": status.message,
        "epoch": status.epoch,
        "epochs": status.epochs,
        "seconds": status.seconds,
        "device": status.device,
        "path": str(run.path),
        "spec": json.loads(spec.to_json()),
        "result": run.result(),
        "children": [c.id for c in run.children()],
    }


def _report(run: Run, as_json: bool) -> None:
    if as_json:
        _out(summary(run))
        return
    result, state = run.result(), Local().state(run.id)
    click.echo(f"run {run.id} · {state} · {run.path}")
    if result and "verdict" in result:
        click.echo(result["verdict"]["sentence"])
    elif result and "accuracy" in result:
        click.echo(
            f"test accuracy {result['accuracy']:.3f}, macro-F1 {result['macro_f1']:.3f} after "
            f"{result['steps']:,} steps in {result['seconds']:.1f} s on {result['device']}; "
            f"{result['frozen_tensors']} frozen tensors, {result['frozen_moved']} moved."
        )
    elif run.status.message:
        click.echo(run.status.message)


@main.command()
@_spec_options(TransferSpec)
def run(**given: Any) -> None:
    """Train one network on one domain with one strategy."""
    _launch(TransferSpec, given)


@main.command()
@_spec_options(CompareSpec)
@click.option("--lrs", help="Learning rates that both arms are searched over, with commas.")
def compare(**given: Any) -> None:
    """Scratch against transfer at a matched budget, with a verdict."""
    _launch(CompareSpec, given)


@main.group(invoke_without_command=True)
@click.pass_context
@_as_json
def runs(ctx: click.Context, as_json: bool) -> None:
    """List runs; show, stop, resume, export or delete one."""
    if ctx.invoked_subcommand:
        return
    found = []
    for one in all_runs():
        try:
            found.append(summary(one))
        except TltkError as fault:  # a folder of another version
            click.echo(f"{one.id} cannot be read: {fault}", err=True)
    if as_json:
        _out([{k: v for k, v in r.items() if k not in ("result", "children")} for r in found])
        return
    for r in found:
        shown = r["result"] or {}
        figure = shown.get("verdict", {}).get("label") or (f"{shown['accuracy']:.3f}" if "accuracy" in shown else "")
        target = r["spec"].get("target", {}).get("name", r["spec"].get("backbone", ""))
        click.echo(f"{r['id']}  {r['kind']:9} {r['state']:8} {figure:12} {target}")
    if not found:
        click.echo("No runs yet. `tltk compare --source rendered_digits --target blended_digits --shots 5` makes some.")


@runs.command()
@click.argument("run_id")
@_as_json
def show(run_id: str, as_json: bool) -> None:
    """How a run stands and what it found."""
    _report(Run.open(run_id), as_json)


@runs.command()
@click.argument("run_id")
@_as_json
def stop(run_id: str, as_json: bool) -> None:
    """Ask a run to stop; it can be resumed."""
    found = Run.open(run_id)
    Local().cancel(found.id)
    _out({"id": found.id, "state": Local().state(found.id)}, as_json)


@runs.command()
@click.argument("run_id")
@click.option("--detach", is_flag=True, help="Queue it and return at once.")
@_as_json
def resume(run_id: str, detach: bool, as_json: bool) -> None:
    """Go on with a run from its last checkpoint."""
    found = Local().resume(Run.open(run_id))
    if not detach:
        _follow(found)
    _report(found, as_json)
    _end(found, detach)


@runs.command()
@click.argument("run_id")
@_as_json
def log(run_id: str, as_json: bool) -> None:
    """What a run's process printed."""
    found = Run.open(run_id)
    text = Local().log(found.id)
    _out({"id": found.id, "log": text}, as_json)
    if not as_json:
        click.echo(text, nl=False)


@runs.command()
@click.argument("run_id")
@click.argument("file", type=click.Path(path_type=Path))
@_as_json
def export(run_id: str, file: Path, as_json: bool) -> None:
    """Write a run, and the runs it started, to a zip file."""
    found = Run.open(run_id)
    data = found.export()
    try:
        file.write_bytes(data)
    except OSError as fault:
        raise click.UsageError(f"FILE must be a place to write to. It is not: {fault}.") from None
    _out({"id": found.id, "file": str(file), "bytes": len(data)}, as_json)


@runs.command()
@click.argument("run_id")
@click.confirmation_option(prompt="Delete this run for good?")
@_as_json
def delete(run_id: str, as_json: bool) -> None:
    """Delete a run's folder."""
    found = Run.open(run_id)
    found.delete()
    _out({"id": found.id, "deleted": True}, as_json)


@main.command()
@_as_json
def domains(as_json: bool) -> None:
    """List the domains: names that --source and --target take."""
    from tltk.data import domains as known

    _table([{"name": name, "summary": known.summary(name)} for name in known], as_json)


@main.command()
@_as_json
def strategies(as_json: bool) -> None:
    """List the strategies with their knobs."""
    from tltk.spec import knobs
    from tltk.strategies import strategies as known

    found = [
        {
            "name": name,
            "summary": known.summary(name),
            "knobs": {k: dataclasses.asdict(rule) for k, rule in knobs(known[name]).items()},
        }
        for name in known
    ]
    _table(found, as_json)


def _table(entries: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        _out(entries)
        return
    for entry in entries:
        click.echo(f"{entry['name']:22} {entry['summary']}")


@main.command()
@click.argument("pattern", default="*")
@_as_json
def backbones(pattern: str, as_json: bool) -> None:
    """List timm's models whose names match a pattern such as 'resnet*'."""
    import timm

    names = timm.list_models(pattern)
    if not names:
        raise UnknownName.among("backbone", pattern, timm.list_models())
    if as_json:
        _out([{"name": name, "hub_tags": [t.partition(".")[2] for t in timm.list_pretrained(name)]} for name in names])
        return
    click.echo("\n".join(names))


def _ask(question: AnySpec) -> dict[str, Any]:
    """What a worker answers to a question of seconds."""
    found = Local().submit(question)
    _follow(found)
    result = found.result()
    if result is None:
        raise RunProblem(f"Run {found.id} must have an answer. It is {found.status.state}; ask again.")
    return result


@main.command()
@click.argument("backbone")
@click.option("--size", default=32, help="Side of the square picture, in pixels.")
@click.option("--channels", default=3, help="Channels of the pictures.")
@_as_json
def layers(backbone: str, size: int, channels: int, as_json: bool) -> None:
    """The layers of a network: where its freeze boundary can lie."""
    result = _ask(DescribeSpec(backbone=backbone, size=size, channels=channels))
    if as_json:
        _out(result)
        return
    click.echo("boundary  layer                          parameters       MFLOPs  output")
    for layer in result["layers"]:
        shape = " × ".join(str(s) for s in layer["shape"])
        click.echo(
            f"{layer['index']:8}  {layer['name']:28} {layer['parameters']:12,} {layer['flops'] / 1e6:12.2f}  {shape}"
        )


@main.command()
@click.argument("domain")
@click.option("--size", default=32, help="Side of the square picture, in pixels.")
@click.option("--n", default=0, help="Pictures to draw or keep; 0 = as many as there are.")
@_as_json
def look(domain: str, size: int, n: int, as_json: bool) -> None:
    """What is in a domain: classes, pictures, what was left out."""
    from tltk import data

    data.parse(domain)
    result = _ask(LookSpec(DataSpec(domain, size=size, n=n)))
    if as_json:
        _out(result)
        return
    click.echo(f"{result['n']:,} pictures, {len(result['classes'])} classes; {result['licence']}")
    for name, count in zip(result["classes"], result["counts"], strict=True):
        click.echo(f"{count:8,}  {name}")
    for name, reason in result["skipped"]:
        click.echo(f"left out  {name}: {reason}")


@main.command()
@click.option("--port", default=8501, help="Port to serve on.")
@click.option("--address", default="127.0.0.1", help="Address to serve on; 0.0.0.0 lets the room in.")
def app(port: int, address: str) -> None:
    """Start the dashboard."""
    from tltk.dashboard.serve import serve

    sys.exit(serve(port, address))


@main.command()
@_as_json
def doctor(as_json: bool) -> None:
    """Check this machine: what is there, what is missing, what to do about it."""
    from tltk.doctor import examine

    start = time.monotonic()
    found = examine()
    if as_json:
        _out([dataclasses.asdict(check) for check in found])
    else:
        for check in found:
            click.echo(f"{'ok  ' if check.ok else 'FAIL'} {check.name:22} {check.text}")
        click.echo(f"checked in {time.monotonic() - start:.1f} s")
    if not all(check.ok for check in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
