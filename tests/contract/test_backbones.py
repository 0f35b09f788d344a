"""The split battery: one small network from each of many timm families, cut at a quarter, a half, three quarters.

|suffix(prefix(x)) − model(x)| ≤ 1e-5 · max(1, |logits|) on a batch size that no probe had. What has no
cut falls back to the whole network, frozen and uncached, and trains all the same.
"""

from __future__ import annotations

import warnings

import pytest
import timm.models
import torch

from tests.support.backbones import LARGER
from tests.support.engine import domain, spec, split, train
from tltk.errors import CannotSplit
from tltk.nn.cut import Cut
from tltk.nn.net import Net, make_backbone, make_net
from tltk.specs.parts import NetSpec

# One of the smallest of each family (a file of timm.models), 32 px unless it needs more.
SMALL = [
    "cait_xxs24_224",
    "coat_lite_tiny",
    "coatnet_pico_rw_224",
    "convit_tiny",
    "convmixer_768_32",
    "cs3darknet_focus_s",
    "deit_tiny_distilled_patch16_224",
    "densenet121",
    "dla46x_c",
    "dpn48b",
    "edgenext_xx_small",
    "efficientformerv2_s0",
    "efficientvit_b0",
    "efficientvit_m0",
    "ese_vovnet19b_slim_dw",
    "eva02_tiny_patch14_224",
    "fasternet_t0",
    "fastvit_t8",
    "focalnet_tiny_srf",
    "gcvit_xxtiny",
    "ghostnet_050",
    "gmlp_ti16_224",
    "hgnetv2_b0",
    "hiera_tiny_224",
    "hrnet_w18_small",
    "inception_next_atto",
    "lcnet_050",
    "legacy_seresnet18",
    "levit_128s",
    "mambaout_femto",
    "mvitv2_tiny",
    "nest_tiny_jx",
    "nextvit_small",
    "pit_ti_224",
    "poolformer_s12",
    "pvt_v2_b0",
    "rdnet_tiny",
    "regnetx_002",
    "repghostnet_050",
    "repvit_m0_9",
    "resnetv2_18",
    "rexnet_100",
    "shvit_s1",
    "starnet_s050",
    "swiftformer_xs",
    "swin_tiny_patch4_window7_224",
    "test_byobnet",
    "test_convnext",
    "test_efficientnet",
    "test_nfnet",
    "test_resnet",
    "test_vit",
    "tiny_vit_5m_224",
    "tnt_s_legacy_patch16_224",
    "visformer_tiny",
    "vit_relpos_small_patch16_224",
    "volo_d1_224",
    "xception41",
    "xcit_nano_12_p16_224",
]
BACKBONES = [(name, LARGER.get(name, 32)) for name in (*SMALL, *LARGER)]
SHARES = (0.25, 0.5, 0.75)

found: dict[str, list[bool]] = {}  # family → which of its cuts are exact


def boundaries(net: Net) -> list[int]:
    return [min(max(round(share * net.depth), 1), net.depth - 1) for share in SHARES]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), BACKBONES)
def test_the_halves_are_the_whole(name: str, size: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm's own, such as a renamed model
        net = make_net(make_backbone(name, size, 3), size, 3, 5, NetSpec(backbone=name), 0).eval()
    x = torch.randn(5, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = net(x)[1]
    family = timm.models.model_entrypoint(name).__module__.rpartition(".")[2]
    exact = found.setdefault(family, [])
    for boundary in boundaries(net):
        try:
            cut = Cut(net, boundary)
        except CannotSplit as reason:
            assert str(boundary) in str(reason)
            exact.append(False)
            continue
        crossing = cut.prefix(x)
        assert sum(t[0].numel() for t in crossing) == cut.numbers
        with torch.no_grad():
            apart = (cut.suffix(crossing)[1] - whole).abs().max()
            # One picture's row must not hang on its neighbours: rows are kept and drawn apart.
            few = cut.suffix(tuple(t[1:3] for t in crossing))[1]
        bound = 1e-5 * max(1.0, float(whole.abs().max()))
        assert float(apart) <= bound
        assert float((few - whole[1:3]).abs().max()) <= 10 * bound  # other batch, other kernels
        exact.append(True)
    if not all(exact):
        falls_back(name, size, boundaries(net)[1])


def falls_back(name: str, size: int, boundary: int) -> None:
    """A network without a cut trains whole, frozen below the boundary, and says so."""
    d = domain(16, size, classes=2)
    run = train(spec(name, boundary=boundary, epochs=1), d, parts=split(d, 8))
    assert not run.result.cached and run.result.frozen_moved == 0 and run.result.steps == 1
    assert any("trains whole" in sentence for sentence in run.said)
    moved = [v for v, layer in ((r.value, r.layer) for r in run.rows if r.name == "change") if layer == boundary]
    assert moved[0] > 0


@pytest.mark.slow
def test_coverage(capsys: pytest.CaptureFixture[str]) -> None:
    if sum(len(cuts) for cuts in found.values()) < 3 * len(BACKBONES):
        pytest.skip("only with the whole battery before it")
    exact, of = sum(map(sum, found.values())), sum(map(len, found.values()))
    with capsys.disabled():
        print(f"\n{exact} of {of} cuts exact over {len(found)} families")
    assert len(found) >= 50
    assert exact / of >= 0.97


def test_a_network_without_a_cut_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Cut, probes: list[torch.Tensor]) -> None:
        raise CannotSplit("The network cut at boundary 2 cannot run its halves apart.")

    monkeypatch.setattr(Cut, "_verify", refuse)
    falls_back("test_resnet", 32, 2)
