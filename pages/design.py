"""Design: the network as its layers, the freeze boundary, the strategy, what it will cost. Then launch."""

import dataclasses

import streamlit as st

from tltk.adapters import adapters
from tltk.analyses.describe.result import DescribeResult
from tltk.dashboard import chrome, controls, depth, domain_view, permitted, picker, plan, weights_choice
from tltk.dashboard.asked import show_asked, show_technique
from tltk.dashboard.freeze_handle import Overlay, freeze_handle
from tltk.dashboard.network import cost_of, domain_summary, known_domain, network_summary
from tltk.dashboard.plot import plot
from tltk.dashboard.words import plain
from tltk.errors import BadSpec, TltkError
from tltk.plots.phases import plan as phase_map
from tltk.specs.knobs import Spec
from tltk.specs.parts import AdapterSpec, StrategySpec, TermSpec
from tltk.strategies import make, strategies
from tltk.studies.compare.spec import CompareSpec
from tltk.terms import terms


def domain_controls() -> None:
    """Target and source, by name or by path, and what is in the target."""
    left, right = st.columns(2)
    with left:
        domain_view.choose("Target", ("target",))
        seen_as_pictures = domain_view.kind_of(("target",)) == "pictures"
        fields = ("shots", "size", "fit") if seen_as_pictures else ("shots", "size")
        for name, column in zip(fields, st.columns(3), strict=False):
            with column:
                title = domain_view.size_title(("target",)) if name == "size" and not seen_as_pictures else None
                controls.field("target", name, title=title)
        seen = domain_summary(plan.read(("target",)))
        if seen is not None:
            domain_view.in_short(seen)
    with right:
        weights_choice.choose()


def network_controls() -> DescribeResult | None:
    """Backbone, boundary and handle; the network as described, once it is."""
    picker.backbone()
    found, seen = network_summary(), known_domain(plan.read(("target",)))
    if found is None or seen is None:
        return found
    layers = len(found.layers)
    boundary = min(plan.read(("net", "boundary")), layers)
    if boundary != plan.read(("net", "boundary")):
        plan.change(("net", "boundary"), boundary)
    lanes = [*depth.known_lanes(), rates(boundary, layers)]
    moved = freeze_handle(found.layers, boundary, key="design:handle", cost=cost_of(found, seen), overlays=lanes)
    if moved is not None:
        plan.change(("net", "boundary"), moved)
        st.rerun()
    if any("source" in terms[term.name].needs for term in plan.plan().terms):
        st.caption("The room for kept features is the target's; those of the source are kept beside them.")
    labels = ["nothing frozen", *(f"frozen up to {layer.name}" for layer in found.layers)]
    st.selectbox(
        "Freeze boundary",
        range(layers + 1),
        format_func=lambda k: f"{k}: {labels[k]}",
        help="The same boundary as the handle above.",
        **plan.bind(("net", "boundary")),
    )
    return found


def rates(boundary: int, layers: int) -> Overlay:
    """The rate of each layer when training begins; a gap where it is frozen."""
    now = plan.plan()
    first = make(now.strategy).phases(layers, boundary, now.optim.epochs)[0]
    values = [now.optim.lr * scale if scale else None for scale in first.lr_scale]
    return {"name": "Rate per layer, at the start", "values": values}


def strategy_controls(found: DescribeResult | None) -> None:
    """Strategy with its knobs, and the plan that it makes."""
    names = strategies.names()
    st.selectbox(
        "Strategy",
        names,
        format_func=lambda n: n.replace("_", " "),
        **plan.bind(("strategy",), lambda s: s.name, lambda n: StrategySpec(n)),
    )
    now = plan.plan()
    st.caption(strategies.summary(now.strategy.name))
    controls.own_knobs(strategies[now.strategy.name], "strategy")
    adapter_and_terms()
    if found is None:
        st.caption("The plan by layer and epoch appears here once the layers are known.")
        return
    names = [*(layer.name for layer in found.layers), "head"]
    phases = make(now.strategy).phases(len(found.layers), now.net.boundary, now.optim.epochs)
    plot(
        phase_map(phases, names, now.optim.lr),
        key="design:phases",
        height=max(220, 20 * len(names) + 100),
        alt="The strategy's plan: which layer learns in which epoch, and at which rate. Grey layers are frozen.",
    )


def adapter_and_terms() -> None:
    """What of a learning layer learns, and what else is minimised."""
    st.selectbox(
        "What learns in an unfrozen layer",
        adapters.names(),
        format_func=lambda n: n.replace("_", " "),
        help="The head always learns whole. Everything else stays as it is, bit for bit, like a frozen layer.",
        **plan.bind(("adapter",), lambda a: a.name, lambda n: AdapterSpec(n)),
    )
    now = plan.plan()
    st.caption(adapters.summary(now.adapter.name))
    controls.own_knobs(adapters[now.adapter.name], "adapter")

    def as_terms(names: list[str]) -> tuple[TermSpec, ...]:
        held = {term.name: term for term in plan.read(("terms",))}
        return tuple(held.get(name, TermSpec(name)) for name in names)

    st.multiselect(
        "Additional loss terms",
        terms.names(),
        format_func=lambda n: n.replace("_", " "),
        placeholder="None",
        help="Minimised together with the task's loss, each times its weight. Some compare the target with the source.",
        **plan.bind(("terms",), lambda held: [term.name for term in held], as_terms),
    )
    for term in now.terms:
        st.caption(terms.summary(term.name))
        controls.term_knobs(term.name, terms[term.name])


LRS = "Both arms of a comparison search these rates on the validation examples. Separate them with commas."


def as_text(rates: tuple[float, ...]) -> str:
    """The rates as the user writes them."""
    return ", ".join(f"{rate:g}" for rate in rates)


def as_rates(text: str) -> tuple[float, ...]:
    """The rates that the user wrote.

    Raises:
        BadSpec: A part between commas is no number.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise BadSpec(f"The rates to search must be numbers separated by commas. Got {text!r}.") from None


def launch() -> None:
    """The two ways to run the plan, and the same as a command and in Python."""
    now = plan.plan()
    left, middle, right = st.columns([2, 2, 3], vertical_alignment="center")
    can_compare = now.source is not None or now.net.weights != "scratch"
    if left.button(
        "Compare with scratch",
        type="primary",
        icon=":material/balance:",
        width="stretch",
        disabled=not can_compare,
        help="Trains both arms: a search for each learning rate, several seeds, then a verdict.",
    ):
        start(plan.comparison())
    if middle.button(
        "Train once",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=now.source is not None,
        help="A single training of this network. To train a source first, use the comparison.",
    ):
        start(plan.training())
    if any(terms[term.name].teaches for term in now.terms) and right.button(
        "Teach without labels",
        icon=":material/visibility_off:",
        help="A single training by these terms on all training examples. The head is not trained; the weights of the "
        "run can be transferred afterwards.",
    ):
        one = plan.training()
        start(dataclasses.replace(one, target=dataclasses.replace(one.target, shots=0), labels="none"))
    if not can_compare:
        right.caption("A comparison needs weights to transfer; choose some above.")
    st.button(
        "Undo the last change of the plan", icon=":material/undo:", disabled=not plan.can_undo(), on_click=plan.undo
    )
    show_technique(now)
    show_asked(plan.comparison() if now.source is not None else plan.training())


def start(spec: Spec) -> None:
    """Queue the spec and go to where it can be watched; what cannot be meant is told and queues nothing."""
    try:
        run = permitted.submit(spec)
    except TltkError as fault:
        st.error(plain(fault))
        return
    plan.choose_run(run.id)
    chrome.open_page("curves" if isinstance(spec, CompareSpec) else "train")


LEAD = "Choose domains and a network, drag the boundary between frozen and trained layers, and launch."

with chrome.page("Design", LEAD):
    plan.chosen_run()
    with st.container(border=True):
        domain_controls()
    with st.container(border=True):
        network = network_controls()
    one, two = st.columns([3, 2])
    with one, st.container(border=True):
        strategy_controls(network)
    with two, st.container(border=True):
        st.markdown("**Training**")
        left, right = st.columns(2)
        with left:
            controls.field("optim", "lr", title="Learning rate (train once)")
            for name in ("epochs", "batch_size", "schedule"):
                controls.field("optim", name)
        with right:
            st.text_input("Rates to search (compare)", help=LRS, **plan.bind(("lrs",), as_text, as_rates))
            for name in ("epoch_images", "weight_decay", "optimizer"):
                controls.field("optim", name)
        with st.expander("More: regularisation, augmentation, device, seeds"):
            for name in (
                "patience",
                "warmup",
                "label_smoothing",
                "class_weights",
                "class_beta",
                "logit_adjustment",
                "focal",
                "sampling",
                "metric",
                "mixup",
                "clip",
                "momentum",
                "precision",
                "device",
                "cache",
                "snapshots",
                "first_size",
            ):
                controls.field("optim", name)
            for name in ("crop", "flip", "colour", "rotation", "copies"):
                controls.field("views", name)
            for name in ("norm", "head", "dropout", "drop_path"):
                controls.field("net", name)
            controls.field("seeds")
            controls.field("first_seed")
            controls.field("matched")
    launch()
