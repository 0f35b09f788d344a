from __future__ import annotations

import pickle
import time
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tests.support.engine import NETS
from tltk.errors import UnknownName, WeightsMissing
from tltk.runs.run import Run
from tltk.specs.parts import NetSpec
from tltk.specs.training import TransferSpec
from tltk.weights import weightfile
from tltk.weights.load import build_net, save


def state(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {n: t for n, t in net.state_dict().items() if n.startswith("backbone.")}


def timm_file(path: Path, name: str = "test_resnet", **options: int) -> dict[str, torch.Tensor]:
    """A file as timm writes it, classifier and all."""
    torch.manual_seed(5)
    tensors = timm.create_model(name, **options).state_dict()
    save_file({n: t.contiguous() for n, t in tensors.items()}, path)
    return dict(tensors)


@pytest.mark.parametrize("name", NETS)
def test_scratch_hangs_on_the_seed(name: str) -> None:
    a, b, c = (build_net(NetSpec(backbone=name), 3, 32, 3, seed) for seed in (1, 1, 2))
    assert all(torch.equal(t, b.state_dict()[n]) for n, t in a.state_dict().items())
    assert any(not torch.equal(t, c.state_dict()[n]) for n, t in a.state_dict().items())


@pytest.mark.parametrize("name", NETS)
def test_a_file_of_timm_without_its_classifier(name: str, tmp_path: Path) -> None:
    tensors = timm_file(
        tmp_path / "w.safetensors", name, num_classes=11, **({"img_size": 32} if name == "test_vit" else {})
    )
    net = build_net(NetSpec(backbone=name, weights=f"file:{tmp_path}/w.safetensors"), 3, 32, 3, 0)
    assert all(torch.equal(t, tensors[n.removeprefix("backbone.")]) for n, t in state(net).items())


def test_a_file_of_ours_makes_the_round(tmp_path: Path) -> None:
    spec = NetSpec(backbone="test_resnet")
    first = build_net(spec, 3, 32, 3, 4)
    save(first, spec, tmp_path / "w.safetensors", run="abc")
    again = build_net(NetSpec(backbone="test_resnet", weights=f"file:{tmp_path}/w.safetensors"), 5, 32, 3, 9)
    assert all(torch.equal(t, state(first)[n]) for n, t in state(again).items())
    assert weightfile.read_header(tmp_path / "w.safetensors")[1]["backbone"] == "test_resnet"


def test_what_does_not_fit_is_listed(tmp_path: Path) -> None:
    tensors = timm_file(tmp_path / "w.safetensors")
    del tensors["bn1.weight"]
    tensors["surplus.weight"] = torch.zeros(2)
    tensors["bn1.bias"] = torch.zeros(3)
    save_file({n: t.contiguous() for n, t in tensors.items()}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsMissing) as fault:
        build_net(NetSpec(backbone="test_resnet", weights=f"file:{tmp_path}/w.safetensors"), 3, 32, 3, 0)
    for part in (
        "1 missing (bn1.weight)",
        "1 unknown (surplus.weight)",
        "1 of another shape (bn1.bias: (3,)",
        "w.safetensors",
    ):
        assert part in str(fault.value)


def test_a_file_is_told_by_its_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(pickle.dumps({"weight": [1.0]}))
    with pytest.raises(WeightsMissing, match="must hold tensors and nothing that could run"):
        build_net(NetSpec(backbone="test_resnet", weights=f"file:{path}"), 3, 32, 3, 0)
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsMissing, match="must fit test_resnet tensor by tensor.*missing"):
        build_net(NetSpec(backbone="test_resnet", weights=f"file:{path}"), 3, 32, 3, 0)
    with pytest.raises(WeightsMissing, match="There is none at"):
        build_net(NetSpec(backbone="test_resnet", weights=f"file:{tmp_path}/none.safetensors"), 3, 32, 3, 0)


@pytest.mark.parametrize("wanted", ["file:", "run:", "file"])
def test_weights_without_a_name(wanted: str) -> None:
    with pytest.raises(WeightsMissing, match="must name what to load"):
        build_net(NetSpec(backbone="test_resnet", weights=wanted), 3, 32, 3, 0)
    with pytest.raises(UnknownName, match="scratch"):
        build_net(NetSpec(backbone="test_resnet", weights="scrach"), 3, 32, 3, 0)


@pytest.mark.parametrize(("kept", "read"), [(1, 3), (1, 2), (2, 1), (5, 3), (2, 3)])
def test_a_file_for_other_channels_serves_these(kept: int, read: int, tmp_path: Path) -> None:
    grey = build_net(NetSpec(backbone="test_resnet"), 3, 32, kept, 0).eval()
    save_file(
        {
            n.removeprefix("backbone."): t.contiguous()
            for n, t in grey.state_dict().items()
            if n.startswith("backbone.")
        },
        tmp_path / "w.safetensors",
    )
    net = build_net(NetSpec(backbone="test_resnet", weights=f"file:{tmp_path}/w.safetensors"), 3, 32, read, 0).eval()
    if kept == 1:  # a picture whose channels are alike gives what its grey copy gave
        x = torch.rand(2, 1, 32, 32)
        given = torch.as_tensor(grey.backbone(x))
        torch.testing.assert_close(net.backbone(x.expand(-1, read, -1, -1)), given, rtol=1e-4, atol=1e-5)
    assert torch.isfinite(net(torch.rand(2, read, 32, 32))[1]).all()


@pytest.mark.parametrize("channels", [1, 4])
def test_the_first_convolution_takes_other_channels(channels: int, tmp_path: Path) -> None:
    tensors = timm_file(tmp_path / "w.safetensors")
    net = build_net(NetSpec(backbone="test_resnet", weights=f"file:{tmp_path}/w.safetensors"), 3, 32, channels, 0)
    first = net.backbone.pretrained_cfg["first_conv"]  # type: ignore[index]
    ours, theirs = net.state_dict()[f"backbone.{first}.weight"], tensors[f"{first}.weight"]
    assert ours.shape[1] == channels
    grey = torch.ones(1, 1, 8, 8)
    one, other = (torch.conv2d(grey.expand(-1, w.shape[1], -1, -1), w) for w in (ours, theirs))
    if channels == 1:  # a grey picture gives what its colour copy gave
        assert torch.allclose(one, other, atol=1e-5)
    assert torch.isfinite(net(torch.rand(2, channels, 32, 32))[1]).all()


@pytest.mark.parametrize("name", ["test_vit", "test_vit3"])
def test_the_position_table_is_resampled(name: str, tmp_path: Path) -> None:
    tensors = timm_file(tmp_path / "w.safetensors", name, img_size=160)
    net = build_net(NetSpec(backbone=name, weights=f"file:{tmp_path}/w.safetensors"), 3, 64, 3, 0)
    ours = net.state_dict()["backbone.pos_embed"]
    assert ours.shape[1] < tensors["pos_embed"].shape[1] and torch.isfinite(ours).all() and float(ours.std()) > 0
    assert net(torch.rand(2, 3, 64, 64))[1].shape == (2, 3)


def test_the_weights_of_a_run() -> None:
    spec = TransferSpec(net=NetSpec(backbone="test_resnet"))
    run = Run.create(spec)
    with pytest.raises(WeightsMissing, match="must have finished"):
        build_net(NetSpec(backbone="test_resnet", weights=f"run:{run.id}"), 3, 32, 3, 0)
    first = build_net(spec.net, 4, 32, 3, 8)
    save(first, spec.net, run.path / "model.safetensors")
    again = build_net(NetSpec(backbone="test_resnet", weights=f"run:{run.id[:6]}"), 3, 32, 3, 0)
    assert all(torch.equal(t, state(first)[n]) for n, t in state(again).items())
    with pytest.raises(WeightsMissing, match="They are of test_resnet"):
        build_net(NetSpec(backbone="test_vit", weights=f"run:{run.id}"), 3, 32, 3, 0)
    with pytest.raises(UnknownName):
        build_net(NetSpec(backbone="test_resnet", weights="run:ffffffffffff"), 3, 32, 3, 0)


def test_offline_without_a_copy_is_said_at_once() -> None:
    start = time.perf_counter()
    with pytest.raises(WeightsMissing, match="not on this machine.*scratch"):
        build_net(NetSpec(backbone="mobilevit_xxs", weights="hub:cvnets_in1k"), 3, 64, 3, 0)
    assert time.perf_counter() - start < 3
    with pytest.raises(UnknownName, match="The hub tag of resnet18"):
        build_net(NetSpec(backbone="resnet18", weights="hub:a1_in1kk"), 3, 64, 3, 0)


@pytest.mark.shared
@pytest.mark.parametrize("width", ["100.tf2_in1k_q8_fp16", "035.keras_in1k_f32"])
@pytest.mark.parametrize("padding", ["plain", "same"])
def test_real_weights_load(shared: Path, width: str, padding: str) -> None:
    path = shared / "weights" / f"mobilenetv2_{width}.{padding}.safetensors"
    net = build_net(NetSpec(backbone=f"mobilenetv2_{width[:3]}", weights=f"file:{path}"), 2, 64, 3, 0)
    tensors = load_file(path)
    assert net.options == ({"pad_type": "same"} if padding == "same" else {})
    ours = state(net)
    assert (
        sum(
            torch.equal(ours[f"backbone.{n}"].float(), t.float()) for n, t in tensors.items() if f"backbone.{n}" in ours
        )
        > 250
    )
    assert type(net.backbone.conv_stem).__name__ == ("Conv2dSame" if padding == "same" else "Conv2d")
    assert torch.isfinite(net(torch.rand(2, 3, 64, 64))[1]).all()


@pytest.mark.shared
@pytest.mark.slow
def test_a_linear_probe_on_real_photos(shared: Path) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from tltk.data import load
    from tltk.nn.cut import Cut
    from tltk.nn.freeze import freeze
    from tltk.specs.parts import DataSpec
    from tltk.training.bank import FeatureBank

    data = load(DataSpec(f"archive:{shared}/folders/hymenoptera_256.tar", size=128))
    parts = data.split(DataSpec(data.name, size=128), 0)
    path = shared / "weights" / "mobilenetv2_035.keras_in1k_f32.same.safetensors"
    net = build_net(NetSpec(backbone="mobilenetv2_035", weights=f"file:{path}"), 2, 128, 3, 0)
    freeze(net, net.depth)
    bank, cut = FeatureBank(), Cut(net, net.depth)
    held_out = parts.test if len(parts.test) > len(parts.val) else parts.val
    x, y = (bank.features(cut, data, index).arrays[0] for index in (parts.train, held_out))
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    probe.fit(x, data.labels[parts.train])
    assert probe.score(y, data.labels[held_out]) > 0.80
