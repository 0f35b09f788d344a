"""What the workbench knows of the plan without asking anything: kept answers, and what is on its way.

A visit computes nothing. What the plan needs as the session opens it is asked for by a button; what the user changes it
to afterwards is asked for at once, since that is a wish.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import streamlit as st

from tltk import data
from tltk.analyses.describe.result import DescribeResult
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.inspect.result import InspectResult
from tltk.analyses.inspect.spec import InspectSpec
from tltk.dashboard import chrome, permitted, plan
from tltk.dashboard.network import of_another_version, wait
from tltk.dashboard.words import plain
from tltk.errors import RunProblem, TltkError
from tltk.jobs import executor
from tltk.runs.run import ACTIVE, Run
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec
from tltk.specs.reading import result_class, with_absolute_paths
from tltk.specs.training import TransferSpec
from tltk.studies.compare.result import CompareResult
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.compare.study import measuring_runs, source_spec

OPENED = "workbench:opened"  # the questions of the plan as the session opened it
SOURCE = "workbench:source"  # a plan, and the id of the training of its source network
WANTED = "workbench:wanted"  # whether the user has asked to see pictures
LOOKED_AT = "workbench:weights"  # title of the weights that the user looks at


@dataclass(frozen=True)
class Weights:
    """Weights of the planned network that can be looked at.

    Attributes:
        name: As a spec names them.
        title: As the page does.
    """

    name: str
    title: str


def look_spec(path: plan.PATH) -> InspectSpec | None:
    """The question what is in the domain at this place of the plan; None where there is none.

    Raises:
        UnknownName, BadSpec: Its name cannot be meant, or lies outside the permitted folders.
    """
    spec: DataSpec | None = plan.read(path)
    if spec is None:
        return None
    data.parse(spec.name)
    permitted.check(spec)
    return InspectSpec(spec)


def seen_look(path: plan.PATH) -> tuple[InspectSpec, InspectResult] | None:
    """A look whose pictures are those of this place: the plan's, or one before other labels per class were wanted.

    Raises:
        UnknownName, BadSpec: As for `look_spec`.
    """
    look, memory = look_spec(path), f"workbench:look:{path[0]}"
    if look is None:
        return None
    found = answer(look)
    if found is not None:
        plan.flag(memory, look)
        return look, found
    before: InspectSpec | None = plan.flag(memory)
    if before is None or dataclasses.replace(before.data, shots=look.data.shots) != look.data:
        return None
    found = answer(before)
    return None if found is None else (before, found)


def network_spec(seen: InspectResult | None) -> DescribeSpec:
    """The question which layers the planned network has.

    Args:
        seen: What is known of the target.
    """
    now = plan.plan()
    return DescribeSpec(now.net.backbone, now.target.size, seen.channels if seen else 3, now.adapter, now.target.width)


def answer(spec: Spec) -> Any:
    """The kept answer; None where there is none that this version can read."""
    with suppress(RunProblem):
        return Run.at(with_absolute_paths(spec).run_id).read(result_class(type(spec)))
    return None


def needed() -> list[Spec]:
    """What must be asked to see the plan's pictures and layers."""
    found: list[Spec] = []
    seen: InspectResult | None = None
    for path in (("source",), ("target",)):
        with suppress(TltkError):  # told where the domain is shown
            look = look_spec(path)
            if look is not None:
                found.append(look)
                seen = answer(look) if path == ("target",) else seen
    return [*found, network_spec(seen)]


def missing() -> list[Spec]:
    """Those of `needed` that nobody has asked yet."""
    return [spec for spec in needed() if not Run.at(with_absolute_paths(spec).run_id).path.exists()]


def ask(*specs: Spec, again: bool = False) -> None:
    """Ask them; what a link names is wanted from now on, and what cannot be asked is told once.

    Args:
        *specs: The questions.
        again: Ask once more what failed.
    """
    for spec in specs:
        for name in _names(spec):
            plan.accept(name)
        try:
            permitted.submit(spec, again=again or Run.at(with_absolute_paths(spec).run_id).status.state == "failed")
        except TltkError as fault:
            plan.flag("plan_fault", str(fault))


def open_session() -> None:
    """Remember what the plan needs as it is opened; what is needed later, the user wants."""
    ids = [with_absolute_paths(spec).run_id for spec in needed()]
    if plan.flag(OPENED) is None:
        plan.flag(OPENED, set(ids))


def show(spec: Spec, waiting: str, key: str) -> Any:
    """The kept answer to a question; what there is to say where there is none.

    Args:
        spec: The question.
        waiting: What is said while a worker looks for the answer.
        key: Of the widgets.
    """
    run = Run.at(with_absolute_paths(spec).run_id)
    try:
        found = run.read(result_class(type(spec)))
    except RunProblem as fault:
        of_another_version(spec, fault, key)
        return None
    if found is not None:
        return found
    if not run.path.exists():
        if run.id in (plan.flag(OPENED) or ()) or any(map(plan.is_linked, _names(spec))):
            return None
        ask(spec)
    state = executor().state(run.id) if run.path.exists() else ""
    if state in ACTIVE:
        wait(run.id, waiting)
    elif state:
        st.error(plain(run.status.message or "A worker could not answer this."))
        if st.button("Ask again", key=f"{key}:again", icon=":material/refresh:"):
            ask(spec, again=True)
            st.rerun()
    return None


def _names(spec: Spec) -> list[str]:
    """What a link may have named of it."""
    if isinstance(spec, InspectSpec):
        return [spec.data.name]
    return [spec.backbone] if isinstance(spec, DescribeSpec) else []


def known_network() -> DescribeResult | None:
    """The planned network's layers, where they are known."""
    with suppress(TltkError):
        look = look_spec(("target",))
        found: DescribeResult | None = answer(network_spec(answer(look) if look else None))
        return found
    return None


# -- the comparison that is shown, and the weights that it leaves ---------------------------------------------------


def verdict_of(run: Run | None) -> CompareResult | None:
    """What the comparison found; None while it runs."""
    if run is None:
        return None
    with suppress(RunProblem):
        return run.read(CompareResult)
    return None


def arm(run: Run | None, name: str) -> Run | None:
    """The first training that measures an arm of the comparison, once it is done."""
    if run is None:
        return None
    found = measuring_runs(run).get(name) or []
    return found[0] if found and found[0].status.state == "done" else None


def is_of_plan(run: Run | None) -> bool:
    """Whether the comparison was made with the planned network and pictures, so that it can be laid over them."""
    if run is None or not isinstance(run.spec, CompareSpec):
        return False
    spec, now = run.spec, plan.plan()
    same = [(one.net.backbone, one.target.name, one.target.picture_size) for one in (spec, now)]
    return same[0] == same[1]


def _source_run() -> Run | None:
    """The training of the plan's source network, begun or not; None where the weights come from elsewhere."""
    now, held = plan.plan(), plan.flag(SOURCE)
    if held is None or held[0] is not now:  # a plan that is changed is another object; its hash takes milliseconds
        source: TransferSpec | None = None
        with suppress(TltkError):
            source = source_spec(now)
        held = plan.flag(SOURCE, (now, "" if source is None else source.run_id))
    return Run.at(held[1]) if held[1] else None


def first_weights() -> Weights:
    """What the transfer begins with: those of the source network once it is trained, else those of the plan."""
    now = plan.plan()
    source = _source_run()
    if source is not None:
        if source.path.exists() and source.status.state == "done":
            return Weights(f"run:{source.id}", "source network")
        return Weights("scratch", "random weights")
    if now.net.weights == "scratch":
        return Weights("scratch", "random weights")
    return Weights(now.net.weights, "before")


def all_weights(run: Run | None) -> list[Weights]:
    """The weights of the planned network, from what the transfer begins with to what both arms end with."""
    found = [first_weights()]
    if is_of_plan(run):
        titles = {"transfer": "transfer", "scratch": "scratch"}
        for name, title in titles.items():
            done = arm(run, name)
            if done is not None:
                found.append(Weights(f"run:{done.id}", title))
    return found


def shown_run() -> Run | None:
    """The comparison that the page shows: that of the link or of this session."""
    run_id = plan.chosen_run()
    return chrome.find_run(CompareSpec, run_id) if run_id else None


def shown_weights() -> Weights:
    """Those of the network's weights that the user looks at: after transfer once there are some."""
    found = all_weights(shown_run())
    held = plan.flag(LOOKED_AT) or "transfer"
    return next((one for one in found if one.title == held), found[0])
