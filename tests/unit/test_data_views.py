"""Augmentation: exact where it can be exact, within its stated bounds elsewhere."""

from __future__ import annotations

import pytest
import torch

from tltk.data.augment import normalise, views
from tltk.specs.parts import ViewSpec

BATCH = torch.randint(0, 256, (64, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def seen(spec: ViewSpec, seed: int = 0, images: torch.Tensor = BATCH) -> torch.Tensor:
    return views(images, spec, torch.Generator().manual_seed(seed))


def test_no_knob_is_the_picture_itself_and_draws_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert torch.equal(views(BATCH, ViewSpec(copies=3), generator), BATCH / 255)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("spec", [ViewSpec(flip=0.5), ViewSpec(crop=0.4), ViewSpec(rotation=20), ViewSpec(colour=0.5)])
def test_the_generator_alone_decides(spec: ViewSpec) -> None:
    first = seen(spec)
    assert torch.equal(first, seen(spec)) and not torch.equal(first, seen(spec, seed=1))
    assert first.dtype == torch.float32 and first.shape == BATCH.shape and not first.isnan().any()
    assert first.min() >= 0 and first.max() <= 1 and not torch.equal(first, BATCH / 255)
    torch.manual_seed(9)
    assert torch.equal(first, seen(spec))  # the global generator is not touched


def test_flip_is_exact() -> None:
    assert torch.equal(seen(ViewSpec(flip=1.0)), BATCH.flip(3) / 255)
    half = seen(ViewSpec(flip=0.5))
    turned = (half == BATCH.flip(3) / 255).flatten(1).all(1)
    kept = (half == BATCH / 255).flatten(1).all(1)
    assert (turned | kept).all() and 15 < turned.sum() < 49


def test_flip_within_the_affine_equals_flip_by_index() -> None:
    """A rotation of 1e-6 degrees is none: the batch goes through grid_sample and comes out flipped."""
    got = seen(ViewSpec(flip=0.5, rotation=1e-6))
    assert torch.allclose(got, seen(ViewSpec(flip=0.5)), atol=1e-4)


def test_one_knob_does_not_disturb_another() -> None:
    flips = seen(ViewSpec(flip=0.5))
    both = seen(ViewSpec(flip=0.5, colour=1e-6))
    assert torch.allclose(flips, both, atol=1e-4)


def test_crops_show_the_stated_share_of_the_picture() -> None:
    """On a ramp 0 … 1 the range that is seen is the width of the crop."""
    ramp = (torch.arange(64) * 4).to(torch.uint8).expand(400, 1, 64, 64).contiguous()
    across = seen(ViewSpec(crop=0.5), images=ramp)
    upright = seen(ViewSpec(crop=0.5), images=ramp.transpose(2, 3).contiguous())
    unit = 63 * 4 / 255
    width = (across[:, 0, 32, -1] - across[:, 0, 32, 0]) / unit
    height = (upright[:, 0, -1, 32] - upright[:, 0, 0, 32]) / unit
    area = width * height
    assert 0.45 < area.min() < 0.56 and 0.9 < area.max() <= 1.001
    assert (width / height).max() < 4 / 3 + 0.05 and (width / height).std() > 0.05
    left = across[:, 0, 32, 0] / unit  # where the crop begins: anywhere, never outside
    assert left.min() >= 0 and (left + width).max() <= 1.001 and left.std() > 0.03


def test_rotation_turns_about_the_middle_by_at_most_the_angle() -> None:
    rows, columns = torch.meshgrid(torch.arange(33), torch.arange(65), indexing="ij")
    blob = torch.exp(-((rows - 16) ** 2 + (columns - 32) ** 2) / 30)
    images = (255 * blob).to(torch.uint8).expand(50, 1, 33, 65).contiguous()
    turned = seen(ViewSpec(rotation=180), images=images)
    # A round blob in the middle of an oblong picture stays what it is: no stretch, no shift.
    middle = slice(18, 47)  # beside it the mirror images begin
    assert (turned - images / 255)[..., middle].abs().max() < 0.03
    bar = torch.zeros(200, 1, 65, 65, dtype=torch.uint8)
    bar[:, :, 32, 32:] = 255
    tip = seen(ViewSpec(rotation=30), images=bar)[:, 0, :, 56].argmax(1) - 32
    limit = 24 * torch.tan(torch.tensor(torch.pi / 6))
    assert tip.abs().max() <= limit + 1 and tip.min() < -8 and tip.max() > 8


def test_colour_factors_and_grey_pictures() -> None:
    flat = torch.full((300, 3, 4, 4), 100, dtype=torch.uint8)
    bright = seen(ViewSpec(colour=0.5), images=flat)
    assert torch.allclose(bright, bright[:, :1, :1, :1].expand_as(bright), atol=1e-6)  # grey stays grey
    factor = bright[:, 0, 0, 0] * 255 / 100
    assert factor.min() < 0.65 and factor.max() > 1.35 and ((factor - 1).abs() <= 0.4 + 1e-5).all()
    for channels in (1, 2, 5):
        got = seen(ViewSpec(colour=1.0, crop=0.2, flip=0.5), images=BATCH[:, :1].expand(-1, channels, -1, -1))
        assert got.shape == (64, channels, 16, 16)
        assert torch.equal(got, got[:, :1].expand_as(got))


def test_saturation_keeps_the_luma() -> None:
    red = torch.tensor([120, 40, 40], dtype=torch.uint8).reshape(1, 3, 1, 1).expand(200, 3, 4, 4).contiguous()
    got = seen(ViewSpec(colour=0.3), images=red)
    luma = 0.299 * got[:, 0] + 0.587 * got[:, 1] + 0.114 * got[:, 2]
    spread = (got[:, 0] - got[:, 1]) / luma
    assert spread.std() > 0.05 and (got[:, 0] > got[:, 1]).all()


def test_normalise() -> None:
    x = torch.rand(2, 3, 4, 4)
    mean, std = (0.1, 0.2, 0.3), (0.5, 1.0, 2.0)
    got = normalise(x, mean, std)
    assert torch.allclose(got[:, 2], (x[:, 2] - 0.3) / 2) and torch.allclose(got[:, 0], (x[:, 0] - 0.1) / 0.5)
    assert torch.equal(got, normalise(x, torch.tensor(mean), torch.tensor(std)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_agrees_with_the_cpu() -> None:
    spec = ViewSpec(crop=0.4, flip=0.5, colour=0.5, rotation=20)
    got = views(BATCH.cuda(), spec, torch.Generator().manual_seed(0)).cpu()
    assert torch.allclose(got, seen(spec), atol=1e-4)
