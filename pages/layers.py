"""Layers: what each layer knows, on the depth axis of the freeze handle, and where its pictures lie."""

from typing import Any

import streamlit as st

from tltk.analyses.describe.result import DescribeResult
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.profile.spec import ProfileSpec
from tltk.dashboard import chrome, depth, domain_view, plan
from tltk.dashboard.asked import show_asked, show_formulas
from tltk.dashboard.network import domain_summary, network_summary
from tltk.dashboard.plot import plot
from tltk.dashboard.points import brought, points
from tltk.dashboard.words import plain
from tltk.plots.layers import cka_heatmap, profile
from tltk.shift import measures

MORE = "More of them: narrower intervals, and it takes longer."
POOLING = (
    "A layer gives a map of features for each picture or text. Pooling makes one row of numbers of it: avg their mean "
    "over the map, max their largest value, project a random projection that keeps where they are."
)
EMBEDDING = (
    "Draws examples with similar features close together. PCA keeps the directions in which they differ most; t-SNE "
    "and UMAP keep who is whose neighbour, and distances between groups mean little."
)
METHODS = {"pca": "PCA", "umap": "UMAP", "tsne": "t-SNE"}


def questions() -> tuple[ProfileSpec, EmbedSpec]:
    """The profile and the embedding that the page shows."""
    now = plan.plan()
    with st.container(border=True):
        weights, after = depth.weights_choice("layers")
        one, two, three = st.columns(3)
        count = one.select_slider(
            f"{domain_view.noun().capitalize()} per domain",
            [100, 200, 500, 1000, 2000],
            500,
            key="layers:pictures",
            help=MORE,
        )
        pooling = two.selectbox("Pooling", ("avg", "max", "project"), key="layers:pooling", help=POOLING)
        method = three.selectbox(
            "Embedding", list(METHODS), format_func=METHODS.__getitem__, key="layers:method", help=EMBEDDING
        )
        target = depth.target_of("layers")
        picture = "" if domain_view.noun() != "pictures" else brought("layers")
        st.caption(
            f"{plain(now.net.backbone)} on {plain(chrome.short(now.target.name))}"
            + (f", source {plain(chrome.short(now.source.name))}" if now.source else "")
            + f". {domain_view.noun().capitalize()} and network are set on the Design page."
        )
    shared: dict[str, Any] = {
        "target": target,
        "source": now.source,
        "net": depth.net_of(weights),
        "pooling": pooling,
    }
    over = "epochs" if depth.has_snapshots(weights) and three.toggle("Animate over the epochs") else "layers"
    beside = after if over == "layers" else ""
    return (
        ProfileSpec(**shared, pictures=count, after=after),
        EmbedSpec(**shared, pictures=min(count, 500), method=method, over=over, after=beside, picture=picture),
    )


def over_depth(network: DescribeResult, spec: ProfileSpec) -> None:
    """The handle with its overlays, and the same as a chart."""
    answer = depth.ask_with_button(
        spec,
        "Examine all layers",
        "Examining the layers.",
        "layers:profile",
        "One pass through the network extracts the features of every layer; probes and shift follow. Results are kept.",
    )
    if answer is None:
        depth.handle(network, [], "layers:handle")
        return
    _, found = answer
    columns = found.columns
    names = depth.choose_columns(columns, "layers")
    shown = [c for c in columns if c.name in names]
    depth.handle(network, depth.overlays(columns, names), "layers:handle")
    depth.show_basis(found)
    left, right = st.columns([3, 2])
    with left:
        for unit, title in (("%", "Share"), ("", "Value")):
            some = [c for c in shown if c.unit == unit]
            if some:
                plot(
                    profile(some, found.names, title, [shown.index(c) for c in some]),
                    key=f"layers:profile:{unit}",
                    height=360,
                    alt="; ".join(f"{c.title} by layer" for c in some),
                )
    with right:
        matrix = found.cka_after or found.cka
        if matrix:
            what = "centred kernel alignment, CKA" + (", before and after" if found.cka_after else "")
            st.markdown(f"**Which layers are alike** ({what})")
            across = "after" if found.cka_after else ""
            plot(
                cka_heatmap(matrix, found.names, found.names, across),
                key="layers:cka",
                height=400,
                alt="Similarity of each layer's features with each other's, from 0 to 1.",
            )


def in_two_dimensions(network: DescribeResult, spec: EmbedSpec) -> None:
    """The embedding of the layer that the handle selects; before and after side by side."""
    st.subheader(f"{domain_view.noun().capitalize()} in two dimensions", anchor=False)
    answer = depth.ask_with_button(
        spec,
        f"Embed every {'epoch' if spec.over == 'epochs' else 'layer'} with {METHODS[spec.method]}",
        "Computing the plot, layer by layer.",
        "layers:embed",
        "Each layer's plot starts from the one before it, so points move only where features do.",
    )
    if answer is not None:
        points(*answer, depth.selected_layer(len(network.layers)), "layers:points")


LEAD = "What each layer knows, where two domains diverge, and what fine-tuning changed, all on one axis."

with chrome.page("Layers", LEAD):
    plan.chosen_run()
    profile_spec, embed_spec = questions()
    network = network_summary()
    domain_summary(plan.plan().target)  # for the estimates under the handle
    if network is not None:
        with st.container(border=True):
            over_depth(network, profile_spec)
        in_two_dimensions(network, embed_spec)
        show_formulas("The measures and their formulas", (measures, profile_spec.measures))
        show_asked(profile_spec, embed_spec)
