"""What the pages about layers share: the question and its answer, the handle with its overlays, the pictures."""

from __future__ import annotations

import dataclasses
import io
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st
from PIL import Image

from tltk.analyses.describe.result import DescribeResult
from tltk.analyses.profile.result import ProfileResult
from tltk.analyses.profile.spec import ProfileSpec
from tltk.dashboard import chrome, permitted, plan
from tltk.dashboard.freeze_handle import Overlay, freeze_handle
from tltk.dashboard.network import cost_of, known_domain, of_another_version, wait
from tltk.dashboard.words import plain
from tltk.errors import RunProblem
from tltk.jobs import executor, provenance
from tltk.results.layers import Column
from tltk.results.rows import ACROSS
from tltk.runs import index
from tltk.runs.run import ACTIVE, Run
from tltk.specs.encoders import STORED
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.reading import result_class, with_absolute_paths
from tltk.studies.compare.study import source_spec
from tltk.weights import store

SHOWN = ("probe_target", "mmd", "cka_after", "change")  # overlays that are on from the start


def ask_with_button(spec: Spec, button: str, waiting: str, key: str, promise: str = "") -> tuple[Run, Any] | None:
    """The answer to a question that takes a while: kept, or asked for with a button, or on its way.

    Args:
        spec: The question.
        button: Label of the button that asks it.
        waiting: Shown while a worker looks for the answer and says nothing itself.
        key: Of the widgets.
        promise: What to expect, above the button.

    Returns:
        The run and its result, of the class that `result_of` names; None while there is none.
    """
    local = executor()
    run = Run.at(with_absolute_paths(spec).run_id)
    try:
        found = run.read(result_class(type(spec)))
    except RunProblem as fault:
        of_another_version(spec, fault, key)
        return None
    if found is not None:
        if names := _changed_sources(run.id, run.status.updated):
            where = ", ".join(map(plain, names))
            st.warning(f"What is in {where} has changed since this was computed.", icon=":material/history:")
            if st.button("Ask again", key=f"{key}:anew", icon=":material/refresh:"):
                permitted.submit(spec)
                st.rerun()
        return run, found
    if run.path.exists() and local.state(run.id) in ACTIVE:
        wait(run.id, waiting)
        if st.button("Stop", key=f"{key}:stop", icon=":material/stop:"):
            permitted.cancel(run.id)
        return None
    if run.status.state == "failed" and run.path.exists():
        st.error(plain(run.status.message))
        button = "Ask again"
    elif promise:
        st.caption(promise)
    if st.button(button, key=f"{key}:ask", type="primary", icon=":material/troubleshoot:"):
        permitted.submit(spec, again=run.status.state == "failed")
        st.rerun()
    return None


@st.cache_data(ttl=10, show_spinner=False)
def _changed_sources(run_id: str, answered: float) -> list[str]:
    """`provenance.changed_sources`, which walks through folders, at most every ten seconds for an answer."""
    return provenance.changed_sources(Run.at(run_id))


def weights_choice(key: str, compare: bool = True) -> tuple[str, str]:
    """The weights to look at, and those to compare them with ("" = none): scratch, the plan's, runs', the store's."""
    now = plan.plan()
    names = {"scratch": "scratch: random weights"}
    if now.net.weights != "scratch":
        names[now.net.weights] = f"the plan's: {chrome.short(now.net.weights)}"
    if now.net.backbone.partition(":")[0] in STORED:
        names.setdefault(now.net.backbone, f"its own: {chrome.short(now.net.backbone)}")
    for run in chrome.list_trainings(now.net.backbone):
        names[f"run:{run.id}"] = chrome.title_of(run)
        for epoch in run.run.snapshots():
            names[f"run:{run.id}@{epoch}"] = f"{run.id[:6]} " + (f"after epoch {epoch}" if epoch else "before training")
    start = list(names)[1] if len(names) > 1 else "scratch"  # the user's own, if there are any
    for entry in store.entries():
        if entry.card.backbone == now.net.backbone:
            names.setdefault(f"store:{entry.card.name}", f"the store's: {entry.card.name}")
    left, right = st.columns(2)
    held = plan.flag(f"{key}:weights")
    chosen: str = left.selectbox(
        "Weights to examine",
        tuple(names),
        list(names).index(held if held in names else start),
        format_func=lambda n: names[n],
        key=f"{key}:weights:{now.net.backbone}:{len(names)}",
    )
    plan.flag(f"{key}:weights", chosen)
    if not compare:
        return chosen, ""
    others = ["", *(n for n in names if n != chosen)]
    after = right.selectbox(
        "Compare with",
        others,
        format_func=lambda n: names[n] if n else "nothing",
        key=f"{key}:after:{chosen}",
        help="The same backbone with other weights, such as after fine-tuning: similarity (CKA), change, both probes.",
    )
    return chosen, after


def target_of(key: str) -> DataSpec:
    """The plan's target: with all its training labels, or only with as many as the plan learns from."""
    target = plan.plan().target
    few = f"Use only the plan's {target.shots} labels per class"
    if not target.shots or st.toggle(few, key=f"{key}:few", help="As few as the plan trains on; wider intervals."):
        return target
    return dataclasses.replace(target, shots=0)


def has_snapshots(weights: str) -> bool:
    """Whether these are a run's that kept its weights on the way."""
    kind, _, run_id = weights.partition(":")
    return kind == "run" and bool(Run.at(run_id.partition("@")[0]).snapshots())


def net_of(weights: str) -> NetSpec:
    """The plan's backbone with these weights."""
    return NetSpec(backbone=plan.plan().net.backbone, weights=weights)


def show_basis(found: ProfileResult) -> None:
    """Under a profile: how its p-values are corrected, which pictures it drew, and what could not be computed."""
    if found.tests:
        st.caption(plain(f"Filled marks: p ≤ .05 after Benjamini and Hochberg's correction. {found.correction}"))
    if found.drawn:
        st.caption(plain(found.drawn))
    for name, why in found.why.items():
        st.caption(plain(f"{name.replace('_', ' ')}: {why}"))


def overlays(columns: Sequence[Column], names: Sequence[str]) -> list[Overlay]:
    """Those columns that the user wants under the handle."""
    return [_overlay(c) for c in columns if c.name in names]


def _overlay(column: Column) -> Overlay:
    lane: Overlay = {"name": column.title, "values": list(column.values), "unit": column.unit}
    for name in ("lo", "hi", "null_lo", "null_hi"):
        if getattr(column, name):
            lane[name] = list(getattr(column, name))
    if column.name == "probe_target":
        lane["predicts"] = True
    return lane


def known_profiles() -> Iterator[tuple[ProfileSpec, ProfileResult]]:
    """Kept profiles of the plan's very weights on its target, the newest first; nothing is computed for it."""
    now = plan.plan()
    source = source_spec(now) if now.source is not None else None
    net = NetSpec(now.net.backbone, now.net.weights if source is None else f"run:{source.run_id}")
    known = index.find(kinds=[ProfileSpec.kind], backbone=net.backbone, target=now.target.name, specs=True)
    for entry in known:
        spec = entry.spec
        if not isinstance(spec, ProfileSpec) or spec.net != net or spec.target.shape != now.target.shape:
            continue
        with suppress(RunProblem):  # of another version
            if (found := entry.run.read(ProfileResult)) is not None:
                yield spec, found


def known_lanes(names: Sequence[str] = SHOWN) -> list[Overlay]:
    """What the newest profile of the plan's very weights on its target has to show."""
    return next((overlays(found.columns, names) for _, found in known_profiles()), [])


def choose_columns(columns: Sequence[Column], key: str, usual: Sequence[str] = SHOWN) -> list[str]:
    """Which columns to draw, chosen by the user.

    Args:
        columns: All that can be drawn.
        key: Of the widget.
        usual: Names that are chosen from the start.

    Returns:
        The names that are chosen now.
    """
    titles = {c.name: c.title for c in columns}
    held = plan.flag(f"{key}:columns")
    default = [n for n in (held if held is not None else usual) if n in titles]
    names: list[str] = st.multiselect(
        "Shown under the handle",
        list(titles),
        default or list(titles)[:1],
        format_func=lambda n: titles[n],
        key=f"{key}:columns:{len(titles)}",
        help="A probe is a simple classifier that is trained on the features of one layer: how much they tell of the "
        "classes; kNN asks the nearest pictures instead. MMD is how far two domains lie apart in them. CKA is how "
        "alike two sets of features are: 1 = the same but for rotation and scale. Grey bands: what chance alone gives.",
    )
    plan.flag(f"{key}:columns", names)
    return names


def handle(found: DescribeResult, lanes: Sequence[Overlay], key: str) -> None:
    """The freeze handle as the depth axis; where it is let go, the plan's boundary is.

    Args:
        found: The layers of the planned network.
        lanes: Lines drawn over the layers.
        key: Of the widget.
    """
    depth = len(found.layers)
    boundary = min(plan.read(("net", "boundary")), depth)
    seen = known_domain(plan.read(("target",)))
    cost = cost_of(found, seen) if seen is not None else None
    moved = freeze_handle(found.layers, boundary, key=key, cost=cost, overlays=lanes)
    if moved is not None:
        plan.change(("net", "boundary"), moved)
        st.rerun()


def selected_layer(depth: int) -> int:
    """The layer that the handle stands behind; `depth` = what enters the head, where all is frozen."""
    boundary = int(min(plan.read(("net", "boundary")), depth))
    return depth if boundary == depth else max(boundary - 1, 0)


def tile(sheet: Image.Image, number: int) -> Image.Image:
    """One picture of a contact sheet, large enough to be seen."""
    side = sheet.width // ACROSS
    column, row = number % ACROSS, number // ACROSS
    found = sheet.crop((column * side, row * side, (column + 1) * side, (row + 1) * side))
    return found.resize((96, 96), Image.Resampling.NEAREST if side < 48 else Image.Resampling.BICUBIC)


def sheet_of(run: Run) -> Image.Image | None:
    """The pictures that a question was about, decoded once for all who look; None where they are gone."""
    path = run.path / "pictures.png"
    try:
        stamp = path.stat().st_mtime_ns
        with _lock_of(path):  # who asks while another decodes has it when that is done
            return _decoded(path, stamp)
    except OSError:
        return None


def read_ahead(run: Run) -> None:
    """Decode the pictures of a question while its user looks at the chart: the first choice need not wait for it.

    Args:
        run: Of the question.
    """
    if plan.flag("depth:ahead") != run.id:
        plan.flag("depth:ahead", run.id)
        threading.Thread(target=sheet_of, args=(run,), daemon=True).start()


def sentences(texts: Sequence[str], captions: Sequence[str]) -> None:
    """Texts below each other, each with what is said of it.

    Args:
        texts: What they say.
        captions: Of each, such as its class; none = no captions.
    """
    marks = [f"**{plain(caption)}** · " for caption in captions] or [""] * len(texts)
    st.markdown("\n".join(f"- {mark}{plain(text)}" for mark, text in zip(marks, texts, strict=True)))


@lru_cache(maxsize=256)
def _lock_of(path: Path) -> threading.Lock:
    """One for each sheet: nobody waits for another one."""
    return threading.Lock()


@lru_cache(maxsize=4)
def _decoded(path: Path, stamp: int) -> Image.Image:
    """A sheet; `stamp` has it decoded anew once it has changed."""
    with Image.open(path) as image:
        return image.convert("RGB")


def strip_url(sheet: Image.Image, numbers: Sequence[int]) -> str:
    """Pictures of a sheet side by side, as an address that a browser shows.

    Args:
        sheet: Contact sheet that holds them, `ACROSS` in a row.
        numbers: Their places on it, from 0; one at least.
    """
    tiles = [tile(sheet, n).resize((48, 48)) for n in numbers]
    row = Image.new("RGB", (52 * len(tiles) - 4, 48), "white")
    for i, one in enumerate(tiles):
        row.paste(one, (52 * i, 0))
    buffer = io.BytesIO()
    row.save(buffer, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"


def pictures(sheet: Image.Image, numbers: Sequence[int], captions: Sequence[str]) -> None:
    """Pictures side by side with a line below each, which is also what is read out of them.

    Args:
        sheet: Contact sheet that holds them, `ACROSS` in a row.
        numbers: Their places on the sheet, from 0.
        captions: The line below each, as many as numbers.
    """
    alt = [f"Picture of {caption}" for caption in captions]
    st.image([tile(sheet, n) for n in numbers], [plain(caption) for caption in captions], width=96, alt=alt)
