"""`tltk submit --slurm VERB …`: the same verbs with the same flags, handed to a cluster instead of this machine."""

from __future__ import annotations

from typing import Any

import click

from tltk.cli.following import Verb, asked_for, json_option, out, report, spec_options
from tltk.errors import BadSpec
from tltk.jobs import executor
from tltk.jobs.handed import handed
from tltk.jobs.slurm import Resources, Slurm
from tltk.runs.run import ACTIVE, Run
from tltk.specs.knobs import Spec
from tltk.specs.reading import spec_kinds

USUAL = Resources()


@click.group("submit", cls=Verb)
@click.option("--slurm", "is_slurm", is_flag=True, help="To Slurm, by sbatch; needs tltk[slurm].")
@click.option("--partition", default=USUAL.partition, help="Partition of the jobs. Default: the site's own choice.")
@click.option("--account", default=USUAL.account, help="Account of the jobs. Default: the site's own choice.")
@click.option(
    "--minutes",
    type=click.IntRange(1, 525_600),
    default=USUAL.minutes,
    help="Time limit of each job; a training that meets it is queued again and goes on from its checkpoint. Default "
    f"{USUAL.minutes}.",
)
@click.option(
    "--memory-gb",
    type=click.FloatRange(0.1, 100_000),
    default=USUAL.memory_gb,
    help=f"Memory of each job in GB. Default {USUAL.memory_gb:g}.",
)
@click.option("--gpus", type=click.IntRange(0, 16), default=USUAL.gpus, help="GPUs of each training. Default 0.")
@click.option("--cpus", type=click.IntRange(1, 1024), default=USUAL.cpus, help="Cores of each job. Default 1.")
@click.option(
    "--at-once",
    type=click.IntRange(1, 100_000),
    default=USUAL.at_once,
    help=f"Most trainings of a study at the same time. Default {USUAL.at_once}.",
)
@click.option(
    "--study-partition",
    default=USUAL.study_partition,
    help="Partition of the study's own job, which asks for no GPU. Default: that of its trainings.",
)
@click.pass_context
def submitting(ctx: click.Context, /, is_slurm: bool, **resources: Any) -> None:
    """Hand a run to a cluster, a study as an array of jobs: `tltk submit --slurm --gpus 1 compare …`."""
    if not is_slurm:
        raise BadSpec(
            "tltk submit must be told where to: --slurm. Without a cluster, `tltk VERB …` runs it on this machine."
        )
    ctx.obj = Slurm(Resources(**resources))


def _told(run: Run, as_json: bool) -> None:
    """How it stands, and which jobs it has become."""
    found = handed(run) if executor().state(run.id) in ACTIVE else None
    jobs, runs = (found.jobs, found.runs) if found is not None else ([], [])
    out({"id": run.id, "state": executor().state(run.id), "jobs": jobs, "runs": runs}, as_json)
    if as_json:
        return
    report(run, False)
    if jobs:
        n = len(runs)
        last = f", {n} training{'s' * (n != 1)} first and the study after them" if n else ""
        click.echo(f"Submitted to Slurm as job {', '.join(jobs)}{last}. `tltk runs stop {run.id}` takes it out.")


def _verb(kind: type[Spec]) -> click.Command:
    """The verb of a kind, which returns as soon as Slurm has it."""

    @spec_options(kind)
    @click.pass_obj
    def hand_over(by: Slurm, /, **given: Any) -> None:
        as_json, again = given.pop("as_json"), given.pop("again")
        _told(by.submit(asked_for(kind, given), again=again), as_json)

    found = click.command(kind.verb, help=kind.about)(hand_over)
    left_out = {"detach", "timeout", *kind.files}  # it always returns at once; --minutes is the limit
    found.params = [one for one in found.params if one.name not in left_out]
    return found


for _kind in spec_kinds().values():
    if _kind.verb:
        submitting.add_command(_verb(_kind))


@submitting.command("resume")
@click.argument("run_id")
@json_option
@click.pass_obj
def resume(by: Slurm, run_id: str, as_json: bool) -> None:
    """Go on with a run that is here: what has ended of a study stays, the rest is submitted."""
    _told(by.resume(Run.open(run_id)), as_json)
