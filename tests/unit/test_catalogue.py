"""The catalogue: searched and sorted without timm, and what of it is on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest

from tests.support.pages import open_page
from tltk import home
from tltk.cli.main import main
from tltk.dashboard.words import plain
from tltk.specs.knobs import knobs
from tltk.specs.parts import DataSpec
from tltk.weights import catalogue, store
from tltk.weights.catalogue import Backbone, Pretrained, Sizes, fingerprint, guess_backbones, search
from tltk.weights.store import Card

ROOT = Path(__file__).parents[2]
RESNET = {"conv1.weight": (64, 3, 7, 7), "layer1.0.conv2.weight": (64, 64, 3, 3), "layer1.0.bn1.weight": (64,)}


@pytest.fixture
def weights_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry in the store and two models in the hub's cache, one of them with nothing in it."""
    monkeypatch.setattr(store, "shipped_shelf", lambda: tmp_path / "shipped")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("timm--resnet18.a1_in1k", "someone--other"):
        (tmp_path / "hub" / f"models--{name}" / "snapshots" / "x").mkdir(parents=True)
        (tmp_path / "hub" / f"models--{name}" / "snapshots" / "x" / "model.safetensors").write_bytes(b"x")
    (tmp_path / "hub" / "models--timm--resnet50.a1_in1k").mkdir()
    store.put(home.folder("weights"), b"x", Card("mine", "resnet18", "", 0, 0))


def test_the_table_is_whole_and_in_order() -> None:
    known = catalogue.catalogue()
    assert catalogue.timm_version().count(".") == 2
    assert len(known) > 1000 and list(known) == [b.name for b in known.values()]
    assert catalogue.TABLE.stat().st_size < 500_000
    for one in known.values():
        assert one.parameters > 0 and one.size > 0 and one.features > 0 and len(one.keys) == 12
        assert one.flops is None or one.flops > 0
        assert len({w.tag for w in one.weights}) == len(one.weights)
    assert catalogue.table_text(catalogue.timm_version(), list(known.values())) == catalogue.TABLE.read_bytes()


def test_known_figures() -> None:
    """resnet18: 11,689,512 parameters less the 513,000 of its classifier (He et al. 2016), 1.8 billion multiply-adds."""
    one = catalogue.catalogue()["resnet18"]
    assert (one.parameters, one.size, one.features, one.fixed) == (11_176_512, 224, 512, False)
    assert one.flops == pytest.approx(2 * 1.814e9, rel=0.005)
    first = one.weights[0]
    assert (first.tag, first.hub_id, first.data) == ("a1_in1k", "timm/resnet18.a1_in1k", "ImageNet-1k")
    assert first.classes == 1000
    assert catalogue.catalogue()["vit_base_patch16_224"].fixed


@pytest.mark.parametrize(
    ("text", "among", "beside"),
    [
        ("resnet1*", "resnet18", "resnet50"),
        ("*NET18", "resnet18", "resnet18d"),
        ("ResNet18", "resnet18d", "resnet50"),
        ("vit laion-2b", "vit_base_patch32_clip_224", "vit_tiny_patch16_224"),
        ("mobilenet apache", "mobilenetv3_small_050", "mobilenetv5_base"),
        ("  ", "resnet50", "nonsense"),
    ],
)
def test_search(text: str, among: str, beside: str) -> None:
    names = [b.name for b in search(text)]
    assert among in names and beside not in names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("sizes", "taken", "refused"),
    [
        (None, (8, 33, 1024), ()),
        (Sizes(32), (32, 33, 1000), (8, 31)),
        (Sizes(16, 16), (16, 32, 240), (8, 24, 225)),
        (Sizes(29, 32, below=3), (29, 30, 32, 61, 64, 253), (28, 33, 60, 65)),
        (Sizes(32, 32, above=7), (32, 39, 64, 71), (31, 40, 63, 72)),
        (Sizes(193, 0, below=31), (193, 200, 224), (32, 192, 225, 256)),
    ],
)
def test_the_sizes_that_a_backbone_takes(sizes: Sizes | None, taken: tuple[int, ...], refused: tuple[int, ...]) -> None:
    one = Backbone("a", "f", 1, 224, 512, "0" * 12, sizes=sizes)
    assert all(one.takes(size) for size in taken) and not any(one.takes(size) for size in refused)
    for size in refused:
        below, above = [s for s in range(8, size) if one.takes(s)], [s for s in range(size, 1025) if one.takes(s)]
        assert one.near(size) == below[-1:] + above[:1]


def test_its_bounds_are_those_of_pictures() -> None:
    assert (knobs(DataSpec)["size"].lo, knobs(DataSpec)["size"].hi) == catalogue.SIZE_RANGE_PX


def test_every_backbone_takes_its_own_size() -> None:
    assert all(one.takes(one.size) for one in catalogue.catalogue().values())
    assert sum(one.sizes is not None for one in catalogue.catalogue().values()) > 1100


def test_filters_and_sorts() -> None:
    small = search(most_parameters=1e6, sort="parameters")
    assert small and max(b.parameters for b in small) <= 1e6
    assert [b.parameters for b in small] == sorted(b.parameters for b in small)
    flops = [b.flops for b in search(sort="flops")]
    known = [f for f in flops if f is not None]
    assert flops == sorted(known) + [None] * (len(flops) - len(known))
    assert [b.size for b in search(sort="size")] == sorted(b.size for b in search())
    assert [b.name for b in search(among=["resnet50", "resnet18"])] == ["resnet18", "resnet50"]
    assert search("no_such_backbone") == []


@pytest.mark.usefixtures("weights_here")
def test_what_is_here() -> None:
    found = catalogue.local_weights()
    assert found["resnet18"] == ("store:mine", "hub:a1_in1k") and "resnet50" not in found
    assert catalogue.local_weights_of(catalogue.catalogue()["resnet18"]) == found["resnet18"]
    assert catalogue.local_weights_of(catalogue.catalogue()["resnet50"]) == ()


@pytest.mark.usefixtures("weights_here")
def test_the_shell() -> None:
    def said(*words: str) -> str:
        done = CliRunner().invoke(main, ["backbones", *words])
        assert done.exit_code == 0, done.output
        return done.stdout

    head, *lines = said("resnet18*", "--sort", "parameters").splitlines()
    assert head.split()[0] == "backbone" and len(lines) == len(search("resnet18*"))
    assert any("here: store:mine, hub:a1_in1k" in line and " 11.2 " in line for line in lines)
    assert {e["name"] for e in msgspec.json.decode(said("--here", "--json"))} == set(catalogue.local_weights())
    assert "None of them has weights here" in said("resnet50", "--here")
    assert msgspec.json.decode(said("resnet50", "--here", "--json")) == []
    assert len(msgspec.json.decode(said("resnet18", "--json"))) == 1  # its own name, not all that hold it
    refused = CliRunner().invoke(main, ["backbones", "resnet-18"])
    assert refused.exit_code == 2 and "Did you mean 'resnet18'?" in refused.stderr


def test_in_words() -> None:
    one = Backbone("a", "f", 11_200_000, 224, 512, "0" * 12)
    assert (
        catalogue.describe_backbone(one, ())
        == "11.2 million parameters · 512 features · no weights here, none on the hub"
    )
    hub = Pretrained("x_in1k", "timm/a.x_in1k", "ImageNet-1k", "", 1000)
    one = msgspec.structs.replace(one, flops=3_600_000_000, weights=(hub, hub))
    assert catalogue.describe_backbone(one, ()).endswith(
        "3.6 GFLOPs at 224 px · 512 features · no weights here; on the hub x_in1k (ImageNet-1k, licence not stated), and 1 more"
    )
    assert catalogue.describe_backbone(one, ("store:b",)).endswith("weights here: store:b")
    assert [catalogue.format_count(v) for v in (0.0123, 3.62, 41.23, 1203.0)] == ["0.012", "3.6", "41.2", "1,203"]


def test_a_tensor_may_have_any_name() -> None:
    assert fingerprint({**RESNET, "\ud800": (1,)}) != fingerprint({**RESNET, "\udfff": (1,)})


def test_a_fingerprint_hangs_on_the_body_alone() -> None:
    plain = fingerprint(RESNET)
    extra = {"fc.weight": (10, 512), "layer1.0.bn1.num_batches_tracked": (), "a.relative_position_index": (49,)}
    grey = {**RESNET, "conv1.weight": (64, 1, 7, 7)}
    backwards = dict(reversed(RESNET.items()))
    assert plain == fingerprint(RESNET | extra) == fingerprint(grey) == fingerprint(backwards)
    assert plain != fingerprint({**RESNET, "conv1.weight": (32, 3, 7, 7)})
    assert plain != fingerprint({**RESNET, "layer1.0.conv2.weight": (64, 32, 3, 3)})
    assert plain != fingerprint({n: s for n, s in RESNET.items() if "conv2" not in n})
    assert guess_backbones(RESNET) == [] == guess_backbones({})


def test_the_plainest_name_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = fingerprint(RESNET)
    names = ("tf_a", "a_long", "legacy_a", "a_b", "other")
    made = {n: Backbone(n, "f", 1, 32, 1, "" if n == "other" else keys) for n in names}
    monkeypatch.setattr(catalogue, "catalogue", lambda: made)
    catalogue._by_keys.cache_clear()
    assert guess_backbones(RESNET) == ["a_b", "a_long", "tf_a", "legacy_a"]
    catalogue._by_keys.cache_clear()


def design(**query: str) -> AppTest:
    return open_page("design", **query)


@pytest.mark.usefixtures("weights_here")
def test_the_picker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Idle")
    app = design()
    menu = next(s for s in app.selectbox if s.label == "Backbone")
    assert menu.options[0] == "resnet18 · weights here" and "resnet50" in menu.options
    assert any(plain("0.37 million parameters") in c.value for c in app.caption)
    next(b for b in app.button if b.label == "All backbones").click().run()
    assert len(app.dataframe[0].value) == len(catalogue.catalogue())
    app.text_input(key="picker:text").set_value("ResNet18*").run()
    assert set(app.dataframe[0].value["backbone"]) == {b.name for b in search("resnet18*")}
    app.selectbox(key="picker:largest").set_value("5 million").run()
    assert "No backbone matches" in "".join(m.value for m in app.markdown)
    app.selectbox(key="picker:largest").set_value("any").run()
    app.toggle(key="picker:here").set_value(True).run()
    assert list(app.dataframe[0].value["here"]) == ["store:mine, hub:a1_in1k"]
    app.session_state["picker:table"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    app.run()
    assert not app.exception
    assert app.session_state["plan"].net.backbone == "resnet18" and not app.dataframe
    assert any(plain("weights here: store:mine, hub:a1_in1k") in c.value for c in app.caption)


@pytest.mark.usefixtures("weights_here")
def test_a_name_that_timm_has_not_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLTK_EXECUTOR", "tests.support.executors:Idle")
    app = design(backbone="resnet-18")
    assert any("Did you mean 'resnet18'?" in c.value for c in app.caption)


def test_it_takes_neither_torch_nor_timm() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom tltk.cli.main import main\n"
        "done = CliRunner().invoke(main, ['backbones', 'resnet1*', '--sort', 'flops'])\n"
        "assert done.exit_code == 0, done.output\nfrom tltk.weights import catalogue\ncatalogue.guess_backbones({'a': (1,)})\n"
        "assert not {'torch', 'timm'} & set(sys.modules)"
    )
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
