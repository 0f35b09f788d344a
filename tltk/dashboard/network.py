"""What the pages know of the plan's network and pictures: answers of a worker, asked once and kept."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from tltk import data
from tltk.analyses.describe.result import DescribeResult
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.inspect.result import InspectResult
from tltk.analyses.inspect.spec import InspectSpec
from tltk.dashboard import permitted, plan
from tltk.dashboard.freeze_handle import Cost
from tltk.dashboard.words import noun_of_domain, plain, told_of
from tltk.data.account import describe_parts
from tltk.errors import RunProblem, TltkError
from tltk.jobs import executor
from tltk.runs.run import ACTIVE, Run
from tltk.specs import nouns
from tltk.specs.knobs import Spec
from tltk.specs.nouns import PICTURES, ROWS, SOUNDS, TEXTS
from tltk.specs.parts import DataSpec
from tltk.specs.reading import PATHS, result_class, with_absolute_paths
from tltk.specs.size import in_pixels
from tltk.training.cost import Sizes, estimate_costs

NAMED = 5  # classes, or folders, that a line names


def answer(spec: InspectSpec | DescribeSpec, waiting: str) -> Any:
    """The answer to a question of seconds, which a page asks by itself.

    Args:
        spec: The question.
        waiting: Shown while a worker looks for the answer and says nothing itself.

    Returns:
        The result, of the class that `result_of` names; None while a worker looks for it, when it cannot, and until
        the user agrees to ask.
    """
    permitted.check(spec)
    run = Run.at(with_absolute_paths(spec).run_id)
    try:
        found = run.read(result_class(type(spec)))
    except RunProblem as fault:
        of_another_version(spec, fault, f"again:{run.id}")
        return None
    if found is not None:
        return found
    if _came_by_link(spec):
        return None
    if run.status.state == "failed":
        st.error(plain(run.status.message))
        if st.button("Ask again", key=f"again:{run.id}"):
            permitted.submit(spec, again=True)
            st.rerun()
        return None
    try:
        wait(permitted.submit(spec).id, waiting)
    except TltkError as fault:  # told where it was asked; the rest of the page stands
        st.error(plain(fault))
    return None


def _came_by_link(spec: InspectSpec | DescribeSpec) -> bool:
    """Whether a link alone asks for this. It is then named with a button, and nothing is done before the click.

    A page of another site can open any link in the user's browser, so a visit is no consent to read a
    folder or to compute.
    """
    name = spec.data.name if isinstance(spec, InspectSpec) else spec.backbone
    if not plan.is_linked(name):
        return False
    text, does = in_a_link(spec)
    st.warning(f"{text} Continue only if you trust where the link came from.", icon=":material/link:")
    st.button(does, key=f"linked:{with_absolute_paths(spec).run_id}", on_click=plan.accept, args=(name,))
    return True


def in_a_link(spec: InspectSpec | DescribeSpec) -> tuple[str, str]:
    """What the link asks for, in a sentence, and the label of the button."""
    if isinstance(spec, DescribeSpec):
        unit = {TEXTS: "tokens", ROWS: "columns"}.get(nouns.noun_of(spec.backbone))
        size = f"at {in_pixels(spec.picture_size)}" if unit is None else f"of {spec.size} {unit}"
        network = f"{plain(spec.backbone)} {size}"
        return f"This link names the network {network}, which has not been measured here yet.", "Measure it"
    kind, colon, path = spec.data.name.partition(":")
    if colon and kind in PATHS:
        what = {"folder": "a folder", "archive": "an archive"}.get(kind, "a file")
        return f"This link names {what} on this machine: {plain(path)}. Nothing of it has been read.", "Read it"
    noun = noun_of_domain(spec.data)
    number = f"{spec.data.n:,} {noun}" if spec.data.n else f"the {noun}"
    at = f" at {in_pixels(spec.data.picture_size)}" if noun in (PICTURES, SOUNDS) else ""
    what = f"{number} of {plain(spec.data.name)}{at}"
    return f"This link asks for {what}, which have not been made here yet.", "Make them"


def of_another_version(spec: Spec, fault: RunProblem, key: str) -> None:
    """The sentence on a result that this version cannot read, and a button that has it made once more.

    Args:
        spec: The question that the result answers.
        fault: Why it cannot be read.
        key: Of the widget.
    """
    st.warning(plain(fault), icon=":material/history:")
    if st.button("Ask again", key=f"{key}:version", icon=":material/refresh:"):
        permitted.submit(spec, again=True)
        st.rerun()


@st.fragment(run_every=0.5)
def wait(run_id: str, text: str) -> None:
    """A quiet line until the worker has answered; then the page runs again."""
    if executor().state(run_id) in ACTIVE:
        st.info(plain(Run.at(run_id).status.message) or text)
    else:
        st.rerun()


def network_summary() -> DescribeResult | None:
    """The planned network's layers, and what of them learns; None while a worker reads them."""
    now = plan.plan()
    seen = known_domain(now.target)
    spec = DescribeSpec(now.net.backbone, now.target.size, seen.channels if seen else 3, now.adapter, now.target.width)
    found: DescribeResult | None = answer(
        spec, f"Building {plain(spec.backbone)} and measuring its layers; this takes a few seconds, once."
    )
    return found


def domain_summary(spec: DataSpec) -> InspectResult | None:
    """What is in a domain; None while a worker reads the pictures, or while the name is not whole yet."""
    try:
        _check_domain(spec)
    except TltkError as fault:
        st.warning(plain(fault))
        return None
    found: InspectResult | None = answer(
        InspectSpec(spec), told_of(spec, "Reading the pictures; this is needed only once.")
    )
    return found


def known_domain(spec: DataSpec) -> InspectResult | None:
    """What is in a domain, where that is known already; nothing is asked and nothing said."""
    try:
        _check_domain(spec)
        return Run.at(with_absolute_paths(InspectSpec(spec)).run_id).read(InspectResult)
    except TltkError:
        return None


def _check_domain(spec: DataSpec) -> None:
    data.parse(spec.name)
    permitted.check(spec)


def in_words(found: InspectResult) -> str:
    """A domain in a few lines: how many of what, divided how, by which folders, and what was left out."""
    names = ", ".join(plain(name) for name in found.classes[:NAMED])
    more = ", …" if len(found.classes) > NAMED else ""
    texts = [f"{found.n:,} {found.noun} of {len(found.classes):,} classes ({names}{more})."]
    if found.parts:
        texts.append(plain(describe_parts(found.parts)))
    else:  # of an earlier version
        texts.append(f"Train {found.train:,}, validation {found.val:,}, test {found.test:,}.")
    out = [branch.folder for branch in found.tree if branch.role == "left out"]
    if out:
        texts.append(f"Folders left out: {', '.join(map(plain, out[:NAMED]))}{', …' if len(out) > NAMED else ''}.")
    files = [pair for pair in found.skipped if pair[0] not in out]
    if files:
        name, reason = files[0]
        what = "file was" if len(files) == 1 else "files were"
        such = "" if len(files) == 1 else "such as "
        texts.append(f"{len(files):,} {what} left out, {such}{plain(name)}: {plain(reason)}.")
    return " ".join([*texts, f"Licence: {plain(found.licence)}."])


def to_mind(found: InspectResult, title: str = "") -> list[str]:
    """What must be known of a domain before its figures are believed: doubts about its folders, then its pictures.

    Args:
        found: What a worker saw in it.
        title: Source or Target, to begin the sentences that do not name the domain; "" = it is clear.
    """
    notes = [f"{title}: {note}" if title else note for note in found.notes]
    return [plain(sentence) for sentence in (*notes, *found.cautions)]


def cost_of(found: DescribeResult, seen: InspectResult) -> Cost:
    """What the plan as it stands would cost at each boundary."""
    now = plan.plan()
    classes, pixels = len(seen.classes), seen.channels * math.prod(now.target.shape)
    sizes = Sizes(seen.train, seen.val, seen.test, classes, pixels)
    images = max(now.optim.epoch_images, sizes.train)
    return {
        "epochs": now.optim.epochs,
        "steps": now.optim.epochs * -(-images // now.optim.batch_size),
        "head_parameters": (found.width + 1) * classes,
        "estimates": estimate_costs(found.layers, found.width, now, sizes, found.seconds_per_gflop),
    }
