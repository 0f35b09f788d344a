from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.engine import domain
from tltk.nn.cut import Cut
from tltk.specs.parts import NetSpec, ViewSpec
from tltk.training.bank import FeatureBank
from tltk.training.batches import CachedBatches, LiveBatches, epoch_batches
from tltk.weights.load import build_net

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("n", "wanted", "size", "sizes"),
    [
        (10, 0, 4, [4, 4, 2]),
        (9, 0, 4, [4, 4]),
        (9, 4, 4, [4, 4]),
        (4, 10, 4, [4, 4, 2]),
        (3, 0, 1, [1, 1, 1]),
        (3, 0, 8, [3]),
        (2, 5, 2, [2, 2]),
        (8, 0, 8, [8]),
    ],
)
def test_sizes_of_batches(n: int, wanted: int, size: int, sizes: list[int]) -> None:
    found = epoch_batches(n, wanted, size, torch.Generator().manual_seed(0))
    assert [len(b) for b in found] == sizes
    seen = torch.cat(found)
    assert int(seen.min()) >= 0 and int(seen.max()) < n
    if wanted <= n:
        assert len(seen.unique()) == len(seen)


def test_live_and_kept_give_one_batch() -> None:
    d, net = domain(), build_net(NetSpec(backbone="test_resnet"), 3, 32, 3, 0).eval()
    index = np.array([9, 4, 30, 2])
    cut = Cut(net, 2)
    live = LiveBatches(net, d, index, ViewSpec(), CPU)
    kept = CachedBatches(cut, FeatureBank(disk=0).features(cut, d, index), CPU)
    at, generator = torch.tensor([2, 0]), torch.Generator()
    with torch.no_grad():
        a, b = (feed.forward(feed.rows(at, generator))[1] for feed in (live, kept))
    assert torch.allclose(a, b, atol=1e-6)
    x = live.rows(at, generator)[0]
    by_hand = (torch.from_numpy(d.images[[30, 9]]).float() / 255 - net.mean) / net.std
    assert torch.allclose(x, by_hand, atol=1e-6)


def test_of_several_copies_one_is_drawn() -> None:
    d, net = domain(), build_net(NetSpec(backbone="test_resnet"), 3, 32, 3, 0).eval()
    cut = Cut(net, 2)
    features = FeatureBank(disk=0).features(cut, d, np.arange(6), view=ViewSpec(flip=0.5, crop=0.3, copies=3))
    kept, at = CachedBatches(cut, features, CPU), torch.tensor([1, 4])
    drawn = {tuple(kept.rows(at, torch.Generator().manual_seed(s))[0].sum((1, 2, 3)).tolist()) for s in range(40)}
    assert len(drawn) == 9  # three copies of each of two pictures
    array = features.arrays[0]
    assert all(round(a, 3) in {round(float(array[1 + 6 * c].sum()), 3) for c in range(3)} for a, _ in drawn)
