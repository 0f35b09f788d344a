"""The middle pane: the network as layers with its boundary, what each layer measures and sees, and the technique."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import streamlit as st

from tltk.adapters import adapters
from tltk.analyses.describe.result import DescribeResult
from tltk.analyses.feature_maps.result import FeatureMap, FeatureMapsResult, MappedLayer
from tltk.analyses.inspect.spec import InspectSpec
from tltk.analyses.profile.spec import ProfileSpec
from tltk.dashboard import chrome, depth, plan, workbench_data, workbench_kept
from tltk.dashboard.freeze_handle import MapPicture, Maps, Overlay, freeze_handle
from tltk.dashboard.network import cost_of, in_a_link, known_domain, wait
from tltk.dashboard.plot import as_dict, plot
from tltk.dashboard.training_view import read_result
from tltk.dashboard.words import noun_of_domain, plain, told_of
from tltk.dashboard.workbench_layout import ghost, head, note
from tltk.errors import TltkError
from tltk.jobs import executor
from tltk.plots.phases import plan as phase_map
from tltk.runs.run import ACTIVE, Run
from tltk.specs.parts import AdapterSpec, NetSpec, StrategySpec, TermSpec
from tltk.specs.reading import with_absolute_paths
from tltk.strategies import make, strategies
from tltk.terms import terms

LANES = ("probe_target", "mmd", "cka_after")  # of a profile; the weights' change is that of the run
CHANGE, RATES = 4, 5  # their colours, after those of the profile's lanes
ANSWERS = 3  # classes of the head that are named
WHOLE = {"all": "all weights"}  # where a name alone says too little


def show(run: Run | None) -> None:
    """The network, or what the page is about where its layers are not known.

    Args:
        run: The comparison that is shown; None = none.
    """
    found = _network()
    if found is None:
        return
    layers = len(found.layers)
    boundary = min(int(plan.read(("net", "boundary"))), layers)
    moved = freeze_handle(
        found.layers,
        boundary,
        key="workbench:handle",
        cost=cost_of(found, seen) if (seen := known_domain(plan.read(("target",)))) is not None else None,
        overlays=_lanes(run, boundary, layers),
        maps=_maps(found),
        dense=True,
    )
    if moved is not None:
        plan.change(("net", "boundary"), moved)
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        ask_for_lanes(run)
        if maps_of(found) is None:
            ask_for_maps()
    _technique(found, boundary)


def _network() -> DescribeResult | None:
    """The planned network's layers under the pane's heading."""
    left, right = st.columns(2, vertical_alignment="center")
    with left:
        head("The network, layer by layer")
    try:
        look = workbench_kept.look_spec(("target",))
        spec = workbench_kept.network_spec(workbench_kept.answer(look) if look else None)
        found: DescribeResult | None = workbench_kept.show(
            spec,
            f"Building {plain(spec.backbone)} and measuring its layers; this takes seconds, once.",
            "workbench:net",
        )
    except TltkError as fault:
        st.error(plain(fault))
        return None
    with right.container(horizontal_alignment="right"):
        if found is not None:
            _choose_weights()
    if found is None:
        _introduce()
    return found


def _introduce() -> None:
    """What the page is about, and the button that fills it."""
    wanted = workbench_kept.missing()
    with st.container(key="wb-intro"):
        st.markdown(
            "**The question.** A network first learns from the *source*, of which there are many "
            f"{noun_of_domain(plan.read(('target',)))}. Does that help it with the *target*, of which only a few are "
            "labelled?\n\n"
            "1. **Look.** See both domains and the network's layers.\n"
            "2. **Choose.** Drag the boundary between frozen and trained layers; say how the rest learns.\n"
            "3. **Compare.** One network is trained from scratch, one begins with the source's weights, at the same "
            "budget. Then a sentence says whether transfer helped, or that the runs cannot tell."
        )
        for spec in wanted:
            if isinstance(spec, InspectSpec) and plan.is_linked(spec.data.name):
                st.warning(f"{in_a_link(spec)[0]} Continue only if you trust where the link came from.")
        if wanted and st.button(
            told_of(plan.read(("target",)), "Show the pictures and the layers"),
            icon=":material/visibility:",
            key="workbench:look",
        ):
            plan.flag(workbench_kept.WANTED, True)
            workbench_kept.ask(*wanted)
            st.rerun()
        if wanted:
            st.caption("Nothing is read or computed before you ask. It takes some seconds, once.")
    ghost("bars")


def _choose_weights() -> None:
    """Whose maps are shown under the layers, where there is a choice."""
    found = [one.title for one in workbench_kept.all_weights(workbench_kept.shown_run())]
    if len(found) < 2:
        return
    held = workbench_kept.shown_weights().title
    picked = st.segmented_control(
        "Maps of",
        found,
        default=held,
        label_visibility="collapsed",
        key=f"workbench:weights:{len(found)}",
        help="The weights whose feature maps stand under the layers.",
    )
    if picked is not None and picked != held:
        plan.flag(workbench_kept.LOOKED_AT, picked)
        workbench_data.choose(workbench_data.chosen())


# -- lanes over the layers --------------------------------------------------------------------------------------------


def _lanes(run: Run | None, boundary: int, layers: int) -> list[Overlay]:
    """What is known by layer: of a kept profile, of the comparison's training, and the planned rates."""
    after = trained_weights(run)
    profiles = list(depth.known_profiles())
    found: list[Overlay] = []
    if profiles:
        spec, profile = next((pair for pair in profiles if pair[0].after == after), profiles[0])
        names = LANES if spec.after == after else LANES[:2]  # what changed is of one training alone
        for column in profile.columns:
            for lane in depth.overlays([column], names):
                lane.pop("predicts", None)  # the lane says it at the boundary
                found.append({**lane, "series": LANES.index(column.name) + 1})
    if after:
        found += _change(workbench_kept.arm(run, "transfer"), layers)
    return [*found, rates(boundary, layers)]


def trained_weights(run: Run | None) -> str:
    """The weights of the comparison's transfer, where it is one of the planned network; empty = there are none.

    Args:
        run: The comparison.
    """
    one = workbench_kept.arm(run, "transfer") if workbench_kept.is_of_plan(run) else None
    return "" if one is None else f"run:{one.id}"


def _change(one: Run | None, layers: int) -> list[Overlay]:
    """How far each layer's weights moved in a training, and that its frozen ones did not."""
    result = read_result(one) if one is not None else None
    if one is None or result is None or result.depth != layers:
        return []
    moves = {row.layer: row.value for row in one.rows()[0] if row.name == "change" and row.layer is not None}
    if not moves:
        return []
    moved = f"audit: {result.frozen_moved} of {result.frozen_tensors} frozen tensors moved"
    audit = moved if result.frozen_tensors else "nothing was frozen"
    values = [moves.get(i) for i in range(layers + 1)]
    return [{"name": f"Weight change ‖Δw‖, {audit}", "values": values, "series": CHANGE}]


def rates(boundary: int, layers: int) -> Overlay:
    """The rate of each layer when training begins; a gap where it is frozen.

    Args:
        boundary: Of the plan.
        layers: Of the network, without its head.
    """
    now = plan.plan()
    first = make(now.strategy).phases(layers, boundary, now.optim.epochs)[0]
    values = [now.optim.lr * scale if scale else None for scale in first.lr_scale]
    return {"name": "Rate per layer, at the start", "values": values, "series": RATES}


def ask_for_lanes(run: Run | None) -> None:
    """A button that measures every layer, where the weights are there and nobody has measured them.

    Args:
        run: The comparison that is shown.
    """
    after, before, now = trained_weights(run), workbench_kept.first_weights(), plan.plan()
    if any(spec.after == after for spec, _ in depth.known_profiles()):
        return
    if before.name == "scratch" and now.source is not None:
        note("Once the source network is trained: what each layer knows, where the domains part, what has changed.")
        return
    spec = with_absolute_paths(
        ProfileSpec(
            target=workbench_data.without_shots(now.target),
            source=now.source,
            net=NetSpec(now.net.backbone, before.name),
            pictures=500,
            after=after,
        )
    )
    asked = Run.at(spec.run_id)
    state = executor().state(asked.id) if asked.path.exists() else ""
    if state in ACTIVE:
        wait(asked.id, "Examining the layers.")
        return
    if state == "failed":
        st.error(plain(asked.status.message))
    if st.button("Measure every layer", icon=":material/stacked_line_chart:", key="workbench:profile", help=PROMISE):
        workbench_kept.ask(spec, again=state == "failed")
        st.rerun()


PROMISE = (
    "Three lines over the layers: the accuracy of a linear probe on each layer's features, with what chance gives; how "
    "far source and target are apart (MMD), with what chance gives; how alike features are before and after (CKA)."
)


# -- maps under the layers ---------------------------------------------------------------------------------------------


def maps_of(found: DescribeResult) -> FeatureMapsResult | None:
    """What the layers make of the chosen picture, where that is kept.

    Args:
        found: The planned network.
    """
    picture = workbench_data.chosen()
    with suppress(TltkError):
        spec = workbench_data.maps_spec(picture, workbench_kept.shown_weights().name)
        kept: FeatureMapsResult | None = workbench_kept.answer(spec) if spec is not None else None
        if kept is not None and len(kept.layers) == len(found.layers):
            return kept
    return None


def _maps(found: DescribeResult) -> Maps | None:
    """The same as the handle draws it."""
    kept = maps_of(found)
    if kept is None:
        return None
    layers = [[_map(layer, one) for one in layer.maps] for layer in kept.layers]
    return {"layers": layers, "head": [(one.name, one.probability) for one in kept.head[:ANSWERS]]}


def _map(layer: MappedLayer, one: FeatureMap) -> MapPicture:
    """One of the maps, and what is to be known of it."""
    text = (
        f"channel {one.channel} of {layer.channels}, {layer.rows} × {layer.columns} places, mean absolute activation "
        f"{one.strength:.3g}, black {one.lo:.3g}, white {one.hi:.3g}"
    )
    return {"src": f"data:image/png;base64,{one.png}", "text": text}


def ask_for_maps() -> None:
    """Under the layers: that the maps are on their way, or how to see some."""
    with suppress(TltkError):
        spec = workbench_data.maps_spec(workbench_data.chosen(), workbench_kept.shown_weights().name)
        if spec is None:
            return
        run = Run.at(with_absolute_paths(spec).run_id)
        if not run.path.exists() and plan.flag(workbench_kept.WANTED):
            workbench_kept.ask(spec)
        if not run.path.exists():
            note(told_of(plan.read(("target",)), "Click a picture to see what each layer makes of it."))
        elif executor().state(run.id) in ACTIVE:
            wait(run.id, told_of(plan.read(("target",)), "Looking at the picture in every layer."))
        elif run.status.state == "failed":
            st.error(plain(run.status.message))


# -- technique --------------------------------------------------------------------------------------------------------


def in_words(name: str) -> str:
    """A technique's name as it is said."""
    return WHOLE.get(name, name.replace("_", " "))


def _technique(found: DescribeResult, boundary: int) -> None:
    """Strategy × adapter × terms, and the plan that they make."""
    left, right = st.columns([7, 2], vertical_alignment="center")
    with left:
        when, what, plus = st.columns(3)
        when.selectbox(
            "When a layer learns",
            strategies.names(),
            format_func=lambda name: f"when: {in_words(name)}",
            label_visibility="collapsed",
            **plan.bind(("strategy",), lambda s: s.name, lambda n: StrategySpec(n)),
        )
        what.selectbox(
            "What of it learns",
            adapters.names(),
            format_func=lambda name: f"what: {in_words(name)}",
            label_visibility="collapsed",
            **plan.bind(("adapter",), lambda a: a.name, lambda n: AdapterSpec(n)),
        )
        plus.multiselect(
            "What else is minimised",
            terms.names(),
            format_func=in_words,
            placeholder="plus: nothing",
            label_visibility="collapsed",
            **plan.bind(("terms",), lambda held: [term.name for term in held], _as_terms),
        )
        chrome.go("design", "Design: knobs, rates, epochs, regularisation")
    with right:
        now = plan.plan()
        names = (*(layer.name for layer in found.layers), "head")
        with suppress(TltkError):
            plot(
                _map_of_phases(now.strategy.to_json(), names, boundary, now.optim.epochs, now.optim.lr),
                key="workbench:phases",
                height=72,
                alt="The plan: which layer, input at the bottom, learns in which epoch, and at which rate.",
            )


@lru_cache(maxsize=64)
def _map_of_phases(strategy: str, names: tuple[str, ...], boundary: int, epochs: int, lr: float) -> dict[str, Any]:
    """Layers × epochs, drawn once.

    Args:
        strategy: Of the plan, as JSON.
        names: Of the layers and the head.
        boundary: Layers below it are frozen.
        epochs: Of the training.
        lr: Its learning rate.
    """
    phases = make(StrategySpec.from_json(strategy)).phases(len(names) - 1, boundary, epochs)
    figure = phase_map(phases, names, lr)
    figure.update_traces(showscale=False, selector={"type": "heatmap"})
    figure.update_layout(margin={"l": 4, "r": 4, "t": 2, "b": 16}, font={"size": 10})
    title = {"text": f"{epochs} epochs" if epochs > 1 else "1 epoch", "font": {"size": 10}, "standoff": 2}
    figure.update_xaxes(title=title, showticklabels=False, ticks="")
    figure.update_yaxes(showticklabels=False, ticks="")
    return as_dict(figure)


def _as_terms(names: Sequence[str]) -> tuple[TermSpec, ...]:
    held = {term.name: term for term in plan.read(("terms",))}
    return tuple(held.get(name, TermSpec(name)) for name in names)
