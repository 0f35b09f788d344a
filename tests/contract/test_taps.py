"""Taps over many timm families: a finite row of every layer that hangs on its own picture alone, or a sentence."""

from __future__ import annotations

import warnings

import pytest
import torch

from tests.support.backbones import LARGER
from tltk.errors import CannotSplit
from tltk.nn.net import make_backbone, make_net
from tltk.nn.taps import Taps
from tltk.specs.parts import NetSpec

# The quick ones to build of as many kinds: plain, grouped and mixed filters, tokens, windows, both, hierarchies.
FAMILIES = [
    "cait_xxs24_224",
    "coat_lite_tiny",
    "convmixer_768_32",
    "deit_tiny_distilled_patch16_224",
    "densenet121",
    "edgenext_xx_small",
    "efficientvit_b0",
    "focalnet_tiny_srf",
    "gmlp_ti16_224",
    "hrnet_w18_small",
    "inception_next_atto",
    "levit_128s",
    "mambaout_femto",
    "mvitv2_tiny",
    "pit_ti_224",
    "poolformer_s12",
    "pvt_v2_b0",
    "regnetx_002",
    "swin_tiny_patch4_window7_224",
    "test_byobnet",
    "test_efficientnet",
    "test_nfnet",
    "tnt_s_legacy_patch16_224",
    "visformer_tiny",
    "xcit_nano_12_p16_224",
]

seen: dict[str, bool] = {}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_layer_gives_a_row(name: str) -> None:
    size = LARGER.get(name, 32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm's own, such as a renamed model
        net = make_net(make_backbone(name, size, 3), size, 3, 5, NetSpec(backbone=name), 0).eval()
    x = torch.randn(5, 3, size, size, generator=torch.Generator().manual_seed(1))
    try:
        taps = Taps(net)
    except CannotSplit as reason:
        assert "A layer must give a row per picture" in str(reason)
        seen[name] = False
        return
    rows, few = taps.prefix(x), taps.prefix(x[1:3])
    assert len(rows) == len(taps.names) == net.depth + 1
    assert sum(t.shape[1] for t in rows) == taps.numbers
    with torch.no_grad():
        features = net(x)[0]
    torch.testing.assert_close(rows[-1], features)
    for layer, all_of_them, some in zip(taps.names, rows, few, strict=True):
        assert all_of_them.ndim == 2 and len(all_of_them) == 5, layer
        assert bool(all_of_them.isfinite().all()), layer
        assert float(all_of_them.std(0).max()) > 0, f"{layer} says the same of every picture"
        bound = 1e-4 * max(1.0, float(all_of_them.abs().max()))
        assert float((some - all_of_them[1:3]).abs().max()) <= bound, f"{layer} hangs on its neighbours"
    seen[name] = True


@pytest.mark.slow
def test_coverage(capsys: pytest.CaptureFixture[str]) -> None:
    if len(seen) < len(FAMILIES):
        pytest.skip("only with the whole battery before it")
    with capsys.disabled():
        print(f"\ntaps at every layer of {sum(seen.values())} of {len(seen)} families")
    assert sum(seen.values()) / len(seen) >= 0.9
