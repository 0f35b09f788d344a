"""A page with the freeze handle alone, to test it and to look at it: ?net=vit|long|small, ?off=1."""

import streamlit as st

from tltk.dashboard.freeze_handle import Cost, freeze_handle
from tltk.results.layers import Layer
from tltk.specs.parts import OptimSpec
from tltk.specs.training import TransferSpec
from tltk.training.cost import Sizes, estimate_costs


def network(name: str) -> list[Layer]:
    if name == "vit":
        names = ["patch_embed"] + [f"blocks.{i}" for i in range(12)]
        parameters = [590_000] + [7_087_872] * 12
    elif name == "long":
        blocks = [f"stages.{s}.blocks.{i}" for s, n in enumerate((6, 12, 48, 12)) for i in range(n)]
        names = ["stem", *blocks, "norm"]
        parameters = [4_700] + [80_000] * 6 + [310_000] * 12 + [1_200_000] * 48 + [4_800_000] * 12 + [1_536]
    else:
        names = ["stem", *(f"layer{s}.{i}" for s in range(1, 5) for i in range(2))]
        parameters = [9_536, 73_984, 73_984, 230_144, 295_424, 919_040, 1_180_672, 3_673_088, 4_720_640]
    flops = [8_000_000 + 2 * p for p in parameters]
    return [
        Layer(i, name, p, f, (64, 8, 8), max(512, 32_768 >> i // 2))
        for i, (name, p, f) in enumerate(zip(names, parameters, flops, strict=True))
    ]


st.set_page_config(layout="wide")
state = st.session_state
state.setdefault("boundary", 4)
state["runs"] = state.get("runs", 0) + 1
layers = network(st.query_params.get("net", "small"))
optim = OptimSpec(epochs=10, batch_size=32, cache="float32" if st.query_params.get("cached", "1") == "1" else "off")
cost: Cost = {
    "epochs": 10,
    "steps": 320,
    "head_parameters": 5130,
    "estimates": estimate_costs(layers, 512, TransferSpec(optim=optim), Sizes(1000, 150, 300, 10, 3072), 0.02),
}
moved = freeze_handle(layers, state["boundary"], key="handle", cost=cost, disabled="off" in st.query_params)
if moved is not None:
    state["boundary"] = moved
    state["moves"] = state.get("moves", 0) + 1
if st.button("Set to 2"):
    state["boundary"] = 2
    st.rerun()
st.text(f"boundary={state['boundary']} runs={state['runs']} moves={state.get('moves', 0)}")
