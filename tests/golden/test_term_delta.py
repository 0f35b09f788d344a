"""DELTA against Li et al. (2019): the penalty in NumPy, the attention with scikit-learn's classifier."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from tests.support.engine import domain
from tests.support.toy import Toy, draw, step
from tltk import terms
from tltk.nn.cut import evaluation_mode
from tltk.nn.net import Net
from tltk.nn.taps import LayerOutputs, layer_ends
from tltk.specs.parts import NetSpec, TermSpec
from tltk.terms.term import Side, Start
from tltk.weights.load import build_net

N = 24


def side(layers: dict[int, Tensor]) -> Side:
    x = draw(3, 4, seed=1)
    return Side(x, x, None, None, layers)


def test_the_penalty_is_the_weighted_sum_of_squares_of_a_picture() -> None:
    """Maps with channels first, tokens with channels last, and features alone; of one layer no weights are given."""
    now = {0: draw(3, 4, 5, 5, seed=2), 1: draw(3, 7, 4, seed=3), 2: draw(3, 6, seed=4)}
    then = {0: draw(3, 4, 5, 5, seed=5), 1: draw(3, 7, 4, seed=6), 2: draw(3, 6, seed=7)}
    net, held = Toy(), {"0": draw(4, seed=8).softmax(0), "1": draw(4, seed=9).softmax(0)}
    expected = 0.0
    for channel in range(4):
        gap = (now[0] - then[0]).numpy()[:, channel]
        expected += 0.3 * float(held["0"][channel]) * (gap**2).sum() / 3
        gap = (now[1] - then[1]).numpy()[:, :, channel]
        expected += 0.3 * float(held["1"][channel]) * (gap**2).sum() / 3
    expected += 0.3 * ((now[2] - then[2]).numpy() ** 2).sum(0).mean() / 3
    expected += 0.2 * sum((p.detach().numpy() ** 2).sum() for p in net.head.parameters())
    term = terms.make(TermSpec("delta", {"weight": 0.3, "head": 0.2}))
    found = term(step(net, side(now), teacher=side(then), prepared=held))
    assert float(found.detach()) == pytest.approx(expected, rel=1e-5)
    same = terms.make(TermSpec("delta", {"head": 0.0}))(step(net, side(now), teacher=side(now)))
    assert float(same.detach()) == 0


# -- attention -------------------------------------------------------------------------------------------


def start(net: Net) -> tuple[Start, Tensor, np.ndarray]:
    d = domain(N)
    x = net.normalise(torch.from_numpy(d.images).double() / 255)
    outputs = LayerOutputs(net)

    def batches(_domain: str, size: int, /, most: int = 0) -> Iterator[Side]:
        for positions in torch.split(torch.arange(N)[: most or None], size):
            with evaluation_mode(net), outputs.collect(net, 2, len(positions)) as found:
                features, logits = net(x[positions])
            yield Side(features, logits, torch.from_numpy(d.labels)[positions], positions, found)

    return Start(net, 3, N, 0, None, batches), x, d.labels


@pytest.fixture(scope="module")
def net() -> Net:
    return build_net(NetSpec("test_resnet"), 3, 32, 3, 0).double().eval()


def fitted(features: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Features → log-probabilities of the linear classifier of least cross-entropy + 10⁻³ ‖W‖², standardised."""
    mean, std = features.mean(0), np.maximum(features.std(0), 1e-6)
    model = LogisticRegression(C=1 / (2e-3 * len(labels)), tol=1e-8, max_iter=10_000).fit(
        (features - mean) / std, labels
    )
    return lambda f: np.asarray(log_softmax((f - mean) / std @ model.coef_.T + model.intercept_, axis=1))


def faded(net: Net, x: Tensor, layer: int, channel: int, factor: float) -> np.ndarray:
    """Features where a channel of a layer's maps is multiplied by a factor."""

    def fade(_module: torch.nn.Module, _inputs: object, output: Tensor) -> Tensor:
        scale = torch.ones(output.shape[1], dtype=output.dtype)
        scale[channel] = factor
        return output * scale[:, None, None]

    handle = net.backbone.get_submodule(layer_ends(net, net.sample(2))[layer]).register_forward_hook(fade)
    with torch.no_grad():
        found = net(x)[0].numpy()
    handle.remove()
    return np.asarray(found)


@pytest.mark.parametrize("attention", ["ablation", "gradient"])
def test_attention_is_the_softmax_of_the_rise_of_the_loss(net: Net, attention: str) -> None:
    """Without a channel; or, to first order, by the slope of the loss as the channel fades."""
    began, x, labels = start(net)
    found = terms.make(TermSpec("delta", {"attention": attention})).prepare(began)
    assert set(found) == {"2", "3", "4"}, "each layer that learns"
    with torch.no_grad():
        features = net(x)[0].numpy()
    says = fitted(features, labels)

    def loss(layer: int, channel: int, factor: float) -> float:
        return float(-says(faded(net, x, layer, channel, factor))[np.arange(N), labels].mean())

    for layer in (2, 4):
        channels = range(len(found[str(layer)]))
        if attention == "ablation":
            rises = [loss(layer, c, 0.0) - loss(layer, c, 1.0) for c in channels]
        else:
            rises = [(loss(layer, c, 1 - 1e-5) - loss(layer, c, 1 + 1e-5)) / 2e-5 for c in channels]
        assert np.ptp(rises) > 1e-3, "some matter more than others"
        assert found[str(layer)].numpy() == pytest.approx(softmax(rises), rel=2e-3, abs=1e-5)


def test_without_attention_all_channels_are_alike(net: Net) -> None:
    began, _, _ = start(net)
    assert terms.make(TermSpec("delta", {"attention": "uniform"})).prepare(began) == {}
