"""Shift: how far two domains are apart, layer by layer, against what chance gives, and which pictures say so."""

import dataclasses
from collections.abc import Callable
from typing import Any

import streamlit as st

from tltk.analyses.describe.result import DescribeResult
from tltk.analyses.dial_response.spec import DialResponseSpec
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.two_sample.result import ClassShare, ClassTest, MeasureTest, TwoSampleResult
from tltk.analyses.two_sample.spec import TwoSampleSpec
from tltk.dashboard import chrome, depth, dials, domain_view, plan, source_weights
from tltk.dashboard.asked import show_asked, show_formulas
from tltk.dashboard.network import network_summary
from tltk.dashboard.plot import plot
from tltk.dashboard.points import points
from tltk.dashboard.words import plain
from tltk.plots import response
from tltk.plots.layers import profile
from tltk.runs.run import Run
from tltk.shift import measures
from tltk.specs.parts import DataSpec

CHEAP = ("mmd", "coral", "frechet", "energy", "sliced_wasserstein", "symmetric_kl")
PROFILED = ("mmd", "coral")
Ask = Callable[[int], TwoSampleSpec]  # the question about a layer; -1 = the head's input


def two_domains() -> None:
    """Both sides, their pictures and, in the shift lab, their dials."""
    now = plan.plan()
    left, right = st.columns(2)
    with left:
        dials.side("Source", ("source",))
    with right:
        dials.side("Target", ("target",))
    drawn = now.source is not None and now.source.name.startswith("shapes") and now.target.name.startswith("shapes")
    if not drawn and st.button(
        "Open the shift lab", icon=":material/tune:", help="Drawn shapes, with dials that set the true shift."
    ):
        one = dataclasses.replace(now.target, name="shapes", n=2000, shots=0)
        plan.put(dataclasses.replace(now, source=one, target=dataclasses.replace(one, name="shapes:hue=0.5")))
        st.rerun()


def questions() -> tuple[ProfileSpec, Ask, EmbedSpec]:
    """The three questions of this page."""
    now = plan.plan()
    weights, _ = depth.weights_choice("shift", compare=False)
    one, two = st.columns([1, 2])
    count = one.select_slider(
        f"{domain_view.noun().capitalize()} per domain", [100, 200, 500, 1000, 2000], 500, key="shift:pictures"
    )
    names = [n for n in measures.names() if n in CHEAP]
    chosen = two.multiselect(
        "Measures",
        names,
        names[:5],
        format_func=lambda n: n.replace("_", " "),
        key="shift:names",
        help="A measure turns two sets of features into one number: 0 or chance where the domains are alike, larger "
        "the further they are apart. Their formulas stand below.",
    )
    shared: dict[str, Any] = {"target": depth.target_of("shift"), "source": now.source, "net": depth.net_of(weights)}
    return (
        ProfileSpec(**shared, pictures=count, measures=PROFILED),
        lambda layer: TwoSampleSpec(**shared, pictures=count, measures=tuple(chosen), layer=layer),
        EmbedSpec(**shared, pictures=min(count, 500), method="umap"),
    )


def over_depth(network: DescribeResult, spec: ProfileSpec) -> None:
    """Shift by layer with its null band, under the handle."""
    answer = depth.ask_with_button(
        spec,
        "Measure the shift at every layer",
        "Examining the layers on both domains.",
        "shift:profile",
        "Each measure is tested against permuted domains; the grey band shows what chance alone gives.",
    )
    if answer is None:
        depth.handle(network, [], "shift:handle")
        return
    _, found = answer
    columns = [c for c in found.columns if c.name in (*PROFILED, "probe_target")]
    depth.handle(network, depth.overlays(columns, [c.name for c in columns]), "shift:handle")
    depth.show_basis(found)
    for column, at in zip((c for c in columns if c.name in PROFILED), st.columns(len(PROFILED)), strict=True):
        with at:
            plot(
                profile([column], found.names, column.title, [columns.index(column)]),
                key=f"shift:profile:{column.name}",
                height=300,
                alt=f"{column.title} by layer, with the band that chance gives.",
            )


def at_one_layer(network: DescribeResult, ask: Ask) -> None:
    """The table of measures, the classes, and the pictures that tell the domains apart."""
    depth_now = len(network.layers)
    layer = depth.selected_layer(depth_now)
    name = "the head's input" if layer == depth_now else network.layers[layer].name
    st.subheader(f"At {plain(name)}", anchor=False)
    answer = depth.ask_with_button(
        ask(-1 if layer == depth_now else layer),
        f"Test the domains at {plain(name)}",
        "Testing the domains.",
        "shift:layer",
    )
    if answer is None:
        return
    run, found = answer
    left, right = st.columns([3, 2])
    with left:
        st.dataframe(
            [
                {"Measure": row.measure.replace("_", " ")} | test_cells(row) | halves_cells(row) | {"": conclusion(row)}
                for row in found.table
            ],
            hide_index=True,
            width="stretch",
        )
        for row in found.table:
            if row.why:
                st.caption(f"{row.measure.replace('_', ' ')}: {row.why}")
        st.caption(found.correction)
        st.caption(
            f"{found.n['source']} source and {found.n['target']} target {found.noun}. Effect: number of "
            f"standard deviations above chance. {found.mixed:.0%} of all neighbourhoods contain both domains. "
            + about_halves(found)
        )
        if found.drawn:
            st.caption(found.drawn)
    with right:
        classes(found)
    witnesses(run, found)


def test_cells(row: MeasureTest) -> dict[str, str]:
    """A value beside chance, with its p-values as they are and corrected; answers of before have the first alone."""
    if row.value is None:
        return {}
    cells = {
        "Value": f"{row.value:.4g}",
        "By chance (95%)": f"{row.null_lo:.3g} … {row.null_hi:.3g}",
        "p": f"{row.p:.3g}",
    }
    corrected = {"p (Holm)": row.p_holm, "p (Benjamini–Hochberg)": row.p_bh}
    cells |= {name: f"{p:.3g}" for name, p in corrected.items() if p is not None}
    return cells | {"Effect": f"{row.effect:.1f}"}


def halves_cells(row: MeasureTest) -> dict[str, str]:
    """The measure between halves, and the band in which it lies without shift."""
    if row.self_value is None:
        return {}
    band = f"{row.self_lo:.3g} … {row.self_hi:.3g}"
    return {"Value, halves": f"{row.self_value:.3g}", "Halves of the target (95%)": band}


def about_halves(found: TwoSampleResult) -> str:
    """How many pictures the halves have, and why the value above does not lie in their band."""
    size = next((row.self_n for row in found.table if row.self_n), None)
    if size is None:
        return ""
    return (
        f"Halves hold {size} examples of each domain. Many measures grow as that number shrinks, so their "
        "band is only for the value next to it."
    )


def conclusion(row: MeasureTest) -> str:
    """What the corrected test says."""
    p = row.p if row.p_holm is None else row.p_holm
    if p is None:
        return "not computed"
    return "shift" if p <= 0.05 else "no shift seen"


def class_cells(test: ClassTest | None, noun: str) -> dict[str, str]:
    """A class beside chance; none in answers of before."""
    if test is None:
        return {}
    return {
        "By chance (95%)": f"{test.null_lo:.3f} … {test.null_hi:.3f}",
        "p (Holm)": f"{test.p_holm:.3g}",
        noun.capitalize(): f"{test.source} and {test.target}",
    }


def share_cells(share: ClassShare | None) -> dict[str, str]:
    """The shares of a class, where they are estimated."""
    if share is None:
        return {}
    return {
        "Share, source": f"{share.source:.0%}",
        "estimated": f"{share.estimated:.0%}",
        "true": f"{share.true:.0%}",
    }


def classes(found: TwoSampleResult) -> None:
    """Which classes moved, and the target's class shares as guessed without its labels."""
    if not found.per_class:
        st.caption("No class has the same name in both domains, so classes cannot be compared.")
        return
    shift, tests = found.label_shift, {test.name: test for test in found.classes}
    shares = {} if isinstance(shift, str) else shift
    st.dataframe(
        [
            {"Class": name, "MMD²": f"{value:.4f}"}
            | class_cells(tests.get(name), found.noun)
            | share_cells(shares.get(name))
            for name, value in sorted(found.per_class.items(), key=lambda item: -item[1])
        ],
        hide_index=True,
        width="stretch",
    )
    if tests:
        st.caption(f"Classes: {found.class_correction}")
    st.caption(
        plain(shift)
        if isinstance(shift, str)
        else "Class shares of the target are estimated from predictions alone (black-box shift estimation, BBSE, "
        "Lipton et al. 2018). The estimate holds where a class looks alike in both domains; the larger its MMD² "
        "(maximum mean discrepancy), the less it does."
    )


def witnesses(run: Run, found: TwoSampleResult) -> None:
    """The pictures most typical of one side only, by the MMD's witness function, with their neighbours."""
    if found.columns:
        telling_columns(found)
        return
    if found.texts:
        telling(found)
        return
    sheet = depth.sheet_of(run)
    if sheet is None:
        return
    for side, other in (("source", "target"), ("target", "source")):
        shown = found.witness[side]
        if not shown:
            st.caption(f"Nothing is typical of the {side} alone: at this layer the domains cannot be told apart.")
            continue
        st.markdown(f"**Only in the {side}**, most typical first")
        depth.pictures(sheet, [w.at for w in shown], [found.labels[w.at] for w in shown])
        with st.expander(f"The first, with its nearest neighbours in the {other}"):
            numbers = [shown[0].at, *shown[0].near]
            depth.pictures(sheet, numbers, [found.labels[n] for n in numbers])


def telling_columns(found: TwoSampleResult) -> None:
    """The columns and the rows that tell two tables apart."""
    st.markdown("**Columns that both tables have**, those that differ most first")
    rows = [
        {"Column": c.name, "Mean, source": c.source, "Mean, target": c.target, "Difference in deviations": c.gap}
        for c in found.columns
    ]
    two = st.column_config.NumberColumn(format="%+.2f")
    st.dataframe(rows, hide_index=True, width="stretch", column_config={"Difference in deviations": two})
    st.caption(
        "The difference of the means over the root of the mean variance (standardized difference, Austin 2009). It "
        "sees one column at a time; what columns do together, the measures above see."
    )
    for side, column in zip(("source", "target"), st.columns(2), strict=True):
        shown = found.witness[side]
        with column:
            st.markdown(f"**Rows of the {side} alone**, most typical at this layer first")
            depth.sentences([found.texts[w.at] for w in shown], [found.labels[w.at] for w in shown])


def telling(found: TwoSampleResult) -> None:
    """The words and the sentences that tell two domains of texts apart."""
    for side, other, sign, column in zip(
        ("source", "target"), ("target", "source"), (1, -1), st.columns(2), strict=True
    ):
        own = [one for one in found.words if sign * one.z > 0]
        with column:
            st.markdown(f"**Words of the {side}**, surest first")
            if own:
                rows = [
                    {"Word": one.word, "In the source": f"{one.source:.1%}", "In the target": f"{one.target:.1%}"}
                    for one in own
                ]
                st.dataframe(rows, hide_index=True, width="stretch", height=220)
            else:
                st.caption(f"No word is surely used more often in the {side}.")
            shown = found.witness[side]
            st.markdown(f"**Sentences of the {side} alone**, most typical at this layer first")
            depth.sentences([found.texts[w.at] for w in shown], [found.labels[w.at] for w in shown])
            if shown:
                with st.expander(f"The first, with its nearest in the {other}"):
                    numbers = [shown[0].at, *shown[0].near]
                    depth.sentences([found.texts[n] for n in numbers], [found.labels[n] for n in numbers])
    st.caption(
        "Shares are of texts that hold the word. Words are in order of their log odds ratio over its standard error, "
        "with the words of both sides as a prior (Monroe et al. 2008)."
    )


def answers(network: DescribeResult, ask: Ask) -> None:
    """Which of the chosen measures sees which dial of the shift lab, and how each rises with it."""
    layer = depth.selected_layer(len(network.layers))
    here = ask(-1 if layer == len(network.layers) else layer)
    if not here.measures:
        st.caption("Choose a measure above.")
        return
    spec = DialResponseSpec(
        DataSpec("shapes", size=here.target.size), here.net, here.layer, here.measures, pictures=200, permutations=39
    )
    st.caption(
        "In the shift lab the true shift is known: shapes are drawn while one dial is turned further and further. "
        "A change that a measure misses there it will also miss here."
    )
    answer = depth.ask_with_button(
        spec,
        "Turn every dial",
        "Turning the dials.",
        "shift:response",
        f"{len(spec.dials)} dials, each in {spec.steps} settings, seen by the network and layer chosen above, "
        "tested with the measures chosen above. This takes minutes.",
    )
    if answer is None:
        return
    _, found = answer
    plot(
        response.detection(found),
        key="shift:response:seen",
        height=70 + 30 * len(found.dials),
        alt="Dials by measures: the setting of the dial from which on the measure tells the domains apart.",
    )
    st.caption(
        f"The setting from which a measure detects the change: p ≤ .05 there and at every later one, with {found.n} "
        f"examples of each domain at {plain(found.name)}. Dark blue: a small change is detected; grey: not even the "
        "largest is. False alarms when nothing is turned (5% are to be expected): "
        + ", ".join(f"{name.replace('_', ' ')} {share:.0%}" for name, share in found.alarms.items())
        + "."
    )
    measure = st.selectbox(
        "Measure", found.measures, format_func=lambda n: n.replace("_", " "), key="shift:response:measure"
    )
    plot(
        response.rise(found, measure),
        key=f"shift:response:{measure}",
        height=60 + 150 * -(-len(found.dials) // 5),
        alt=f"{measure} by the setting of each dial, with the band that chance gives.",
    )
    st.caption("From no change to the largest. Grey: what chance gives (95%); filled: p ≤ .05, each test on its own.")
    st.caption(found.correction)


LEAD = "How far apart source and target are: at which layers, for which classes, and which examples show it."

with chrome.page("Shift", LEAD):
    plan.chosen_run()
    with st.container(border=True):
        two_domains()
    if plan.plan().source is None:
        st.info("A shift needs two domains: choose a source above.")
    else:
        with st.container(border=True):
            profile_spec, ask, embed_spec = questions()
            network, weighted = network_summary(), None
            if network is not None:
                over_depth(network, profile_spec)
        if network is not None:
            at_one_layer(network, ask)
            st.subheader(f"Which {domain_view.noun()} of the source count for the target", anchor=False)
            layer = depth.selected_layer(len(network.layers))
            weighted = source_weights.choose(ask(-1), "" if layer == len(network.layers) else str(layer))
            if weighted is not None:
                source_weights.show(weighted)
            st.subheader("Both domains in two dimensions", anchor=False)
            embedded = depth.ask_with_button(
                embed_spec,
                "Plot both domains with UMAP",
                "Computing the plot.",
                "shift:embed",
                "The first plot takes longer: UMAP is compiled.",
            )
            if embedded is not None:
                points(*embedded, depth.selected_layer(len(network.layers)), "shift:points")
            with st.expander("How each measure responds to each dial"):
                answers(network, ask)
        show_formulas("The measures and their formulas", (measures, ask(-1).measures))
        show_asked(profile_spec, ask(-1), embed_spec, *([weighted] if weighted else []))
