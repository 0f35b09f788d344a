"""What a run says of how its weights were fitted, held against the numbers: channels, positions, classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from scipy.signal import correlate2d

from tltk.errors import WeightsMissing
from tltk.nn.net import Net
from tltk.results.training import Fitting
from tltk.specs.parts import NetSpec
from tltk.specs.size import Size, height_and_width
from tltk.weights.fitting import given_by_hub
from tltk.weights.load import build_net, save


def made_for(path: Path, name: str, channels: int, **options: Any) -> dict[str, torch.Tensor]:
    """A file as timm writes it."""
    torch.manual_seed(3)
    tensors = timm.create_model(name, in_chans=channels, **options).state_dict()
    save_file({n: t.contiguous() for n, t in tensors.items()}, path)
    return dict(tensors)


def read(path: Path, name: str, size: Size, channels: int, classes: int = 5) -> tuple[Net, Fitting]:
    net = build_net(NetSpec(name, f"file:{path}"), classes, size, channels, 0).double().eval()
    assert net.fitting is not None
    return net, net.fitting


def test_summed_weights_give_a_grey_picture_what_its_colour_copy_gave(tmp_path: Path) -> None:
    made_for(tmp_path / "w.safetensors", "test_resnet", 3)
    grey, told = read(tmp_path / "w.safetensors", "test_resnet", 32, 1)
    colour, as_it_came = read(tmp_path / "w.safetensors", "test_resnet", 32, 3)
    x = torch.rand(2, 1, 32, 32, dtype=torch.float64)
    one, other = (net.backbone(net.normalise(p)) for net, p in ((grey, x), (colour, x.expand(-1, 3, -1, -1))))
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)  # summed once, in float32
    assert (told.channel_rule, told.channels_made_for, told.channels, told.channel_factor) == ("summed", 3, 1, 1.0)
    assert "(conv1.0) were summed over the channels, so a grey picture gives what its copy in 3" in told.sentence
    assert "Normalisation" not in told.sentence
    assert as_it_came.channel_rule == "kept" and "is as it came" in as_it_came.sentence


def test_where_each_channel_has_its_own_normalisation_the_sentence_says_so(tmp_path: Path) -> None:
    made_for(tmp_path / "w.safetensors", "resnet10t", 3)
    grey, told = read(tmp_path / "w.safetensors", "resnet10t", 32, 1)
    colour, _ = read(tmp_path / "w.safetensors", "resnet10t", 32, 3)
    x = torch.rand(2, 1, 32, 32, dtype=torch.float64)
    one, other = (net.backbone(p) for net, p in ((grey, x), (colour, x.expand(-1, 3, -1, -1))))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)  # what is normalised alike
    with pytest.raises(AssertionError):
        torch.testing.assert_close(
            grey.backbone(grey.normalise(x)),
            colour.backbone(colour.normalise(x.expand(-1, 3, -1, -1))),
            rtol=1e-4,
            atol=1e-6,
        )
    means, deviations = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
    assert told.mean == [pytest.approx(sum(means) / 3, abs=1e-6)]
    assert told.std == [pytest.approx(sum(deviations) / 3, abs=1e-6)]
    assert (
        "Normalisation is not the one that they learned with: it is by mean 0.449 and deviation 0.226" in told.sentence
    )


@pytest.mark.parametrize(("before", "now"), [(1, 3), (1, 2), (3, 6), (3, 4), (5, 3), (2, 3)])
def test_repeated_weights_are_those_of_the_sentence(before: int, now: int, tmp_path: Path) -> None:
    tensors = made_for(tmp_path / "w.safetensors", "test_convnext", before)
    net, told = read(tmp_path / "w.safetensors", "test_convnext", 32, now)
    assert (told.channel_rule, told.first_layer) == ("repeated", "stem.0")
    assert told.channel_factor == pytest.approx(before / now) and f"{before}/{now}" in told.sentence
    x = np.random.default_rng(0).normal(size=(now, 8, 8))
    weight, bias = (tensors[f"stem.0.{what}"].double().numpy() for what in ("weight", "bias"))
    side, step = weight.shape[-1], 4
    expected = [
        bias[k] + before / now * sum(correlate2d(x[i], weight[k, i % before], "valid") for i in range(now))
        for k in range(len(weight))
    ]
    first = net.backbone.get_submodule("stem.0")
    assert (side, first.stride) == (4, (step, step))
    found = first(torch.from_numpy(x)[None])[0].detach().numpy()
    np.testing.assert_allclose(found, np.array(expected)[:, ::step, ::step], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("before", "now"), [(1, 3), (3, 6), (2, 4)])
def test_a_whole_number_of_turns_gives_equal_channels_what_they_gave(before: int, now: int, tmp_path: Path) -> None:
    made_for(tmp_path / "w.safetensors", "test_resnet", before)
    net, told = read(tmp_path / "w.safetensors", "test_resnet", 32, now)
    first, _ = read(tmp_path / "w.safetensors", "test_resnet", 32, before)
    x = torch.rand(2, 1, 32, 32, dtype=torch.float64)
    wide, narrow = (n.backbone(x.expand(-1, c, -1, -1)) for n, c in ((net, now), (first, before)))
    torch.testing.assert_close(wide, narrow, rtol=1e-5, atol=1e-7)
    assert "a picture of equal channels gives what it gave" in told.sentence


def test_positions_are_resampled_as_pictures_are_made_smaller(tmp_path: Path) -> None:
    table = made_for(tmp_path / "w.safetensors", "test_vit", 3, img_size=160)["pos_embed"][0]
    net, told = read(tmp_path / "w.safetensors", "test_vit", 64, 3)
    side = told.grid_made_for[0]
    assert told.grid_made_for == [10, 10] and told.grid == [4, 4]
    assert "resampled, bicubic, from 10 × 10 to 4 × 4 places" in told.sentence
    extra = len(table) - side * side
    places = table[extra:].reshape(side, side, -1).numpy()
    smaller = [
        np.asarray(Image.fromarray(places[..., d], "F").resize((4, 4), Image.Resampling.BICUBIC))
        for d in range(places.shape[-1])
    ]
    found = net.state_dict()["backbone.pos_embed"][0]
    torch.testing.assert_close(found[:extra], table[:extra].double())
    np.testing.assert_allclose(found[extra:].numpy(), np.stack(smaller, -1).reshape(16, -1), rtol=1e-4, atol=1e-5)


def test_positions_of_as_many_places_in_other_rows_are_resampled_too(tmp_path: Path) -> None:
    """From 4 × 4 patches to 2 × 8: as many, so by its shape alone the table would seem to fit."""
    torch.manual_seed(3)
    table = made_for(tmp_path / "w.safetensors", "test_vit", 3, img_size=64)["pos_embed"][0]
    net, told = read(tmp_path / "w.safetensors", "test_vit", (32, 128), 3)
    found = net.state_dict()["backbone.pos_embed"][0]
    extra = len(table) - 16
    assert (told.grid_made_for, told.grid) == ([4, 4], [2, 8])
    places = table[extra:].reshape(4, 4, -1).numpy()
    wanted = [
        np.asarray(Image.fromarray(places[..., d], "F").resize((8, 2), Image.Resampling.BICUBIC))
        for d in range(places.shape[-1])
    ]
    np.testing.assert_allclose(found[extra:].numpy(), np.stack(wanted, -1).reshape(16, -1), rtol=1e-4, atol=1e-5)

    spec = NetSpec("test_vit", f"file:{tmp_path / 'w2.safetensors'}")  # and what is told to be rectangles, as it is
    save(net.float(), spec, tmp_path / "w2.safetensors", size="32", width="128")
    again = build_net(spec, 5, (32, 128), 3, 0)
    torch.testing.assert_close(again.state_dict()["backbone.pos_embed"], net.state_dict()["backbone.pos_embed"])
    turned = build_net(spec, 5, (128, 32), 3, 0)
    assert turned.fitting is not None and turned.fitting.grid_made_for == [2, 8] and turned.fitting.grid == [8, 2]
    assert "from pictures of 128 × 32 px; these have 32 × 128 px" in turned.fitting.sentence


def test_positions_of_patches_of_a_map_are_those_of_its_rows_and_columns(tmp_path: Path) -> None:
    """A convolution of step 32 before patches of 1 px: 64 × 96 px are 2 × 3 places."""
    name, path = "vit_small_r26_s32_224", tmp_path / "w.safetensors"
    made = build_net(NetSpec(name, "scratch"), 5, (64, 96), 3, 0)
    save(made, NetSpec(name, "scratch"), path, size="64", width="96")
    spec = NetSpec(name, f"file:{path}")
    again = build_net(spec, 5, (64, 96), 3, 1)
    torch.testing.assert_close(again.state_dict()["backbone.pos_embed"], made.state_dict()["backbone.pos_embed"])
    assert again.fitting is not None and not again.fitting.grid_made_for
    turned = build_net(spec, 5, (96, 64), 3, 1)
    assert turned.fitting is not None and (turned.fitting.grid_made_for, turned.fitting.grid) == ([2, 3], [3, 2])
    assert not given_by_hub(made.backbone).grid  # timm tells the pictures' size, not the map's


def test_positions_of_which_nothing_tells_rows_and_columns_serve_as_many_alone(tmp_path: Path) -> None:
    table = made_for(tmp_path / "w.safetensors", "test_vit", 3, img_size=(48, 64))["pos_embed"]
    net, told = read(tmp_path / "w.safetensors", "test_vit", (48, 64), 3)
    torch.testing.assert_close(net.state_dict()["backbone.pos_embed"], table.double())
    assert not told.grid_made_for and "resampled" not in told.sentence
    with pytest.raises(WeightsMissing, match=r"pos_embed: \(1, 13, \d+\) in the file, \(1, 17, \d+\)"):
        read(tmp_path / "w.safetensors", "test_vit", 64, 3)


def test_the_classifier_is_new_and_what_came_is_counted(tmp_path: Path) -> None:
    made_for(tmp_path / "w.safetensors", "test_resnet", 3, num_classes=7)
    net, told = read(tmp_path / "w.safetensors", "test_resnet", 32, 3, classes=5)
    drawn = build_net(NetSpec("test_resnet"), 5, 32, 3, 0).double()
    assert all(torch.equal(t, net.head.state_dict()[n]) for n, t in drawn.head.state_dict().items())
    assert (told.classes_made_for, told.classes) == (7, 5)
    assert "own classifier of 7 classes is not the head: a classifier of 5 classes is new" in told.sentence
    assert drawn.fitting is not None and drawn.fitting.channel_rule == "drawn"
    assert drawn.fitting.sentence.startswith("All weights are drawn for pictures of 3 channels.")


@pytest.mark.parametrize(
    ("name", "size"), [("mixer_s32_224", 64), ("swin_tiny_patch4_window7_224", (48, 64)), ("levit_128s", (48, 64))]
)
def test_weights_whose_shapes_follow_the_pictures_are_read_again(name: str, size: Size, tmp_path: Path) -> None:
    """Each has tensors as large as its pictures, so at the size of the architecture they would not fit."""
    path, (height, width) = tmp_path / "w.safetensors", height_and_width(size)
    made = build_net(NetSpec(name, "scratch"), 5, size, 3, 0).eval()
    save(made, NetSpec(name, "scratch"), path, size=str(height), width=str(width))
    again = build_net(NetSpec(name, f"file:{path}"), 5, size, 3, 1).eval()
    x = torch.rand(2, 3, height, width)
    torch.testing.assert_close(again.backbone(x), made.backbone(x), rtol=0, atol=0)
    with pytest.raises(WeightsMissing, match=f"must fit {name} tensor by tensor"):
        build_net(NetSpec(name, f"file:{path}"), 5, 224, 3, 0)
