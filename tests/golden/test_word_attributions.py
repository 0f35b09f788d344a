"""Integrated gradients and rollout over tokens against float64 recomputed apart from them; the completeness axiom."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor

from tests.support.texts import needs_transformers
from tltk.data import texts
from tltk.saliency.integrated_gradients import integrated_gradients
from tltk.saliency.token_rollout import token_rollout
from tltk.specs.parts import NetSpec
from tltk.weights.load import build_net


def smooth(x: Tensor) -> Tensor:
    """A score with products and curves, written out."""
    return x[:, 0] * x[:, 1] ** 2 + (x[:, 2] * 1.5).tanh() * x[:, 0]


def test_integrated_gradients_are_their_integral() -> None:
    """Each by quadrature of the derivative, which is written by hand."""
    x, base = np.array([0.7, -1.2, 0.4]), np.array([-0.3, 0.5, 0.1])

    def gradient(at: np.ndarray) -> np.ndarray:
        t = np.tanh(1.5 * at[2])
        return np.array([at[1] ** 2 + t, 2 * at[0] * at[1], 1.5 * (1 - t**2) * at[0]])

    wanted = [(x[i] - base[i]) * quad(lambda a, i=i: gradient(base + a * (x - base))[i], 0, 1)[0] for i in range(3)]
    found, gained = integrated_gradients(smooth, torch.tensor(x)[None], torch.tensor(base)[None], 2000)
    assert found[0].numpy() == pytest.approx(wanted, abs=1e-6)
    assert float(found.sum()) == pytest.approx(float(gained[0]), abs=1e-6)


def test_they_add_up_to_what_the_score_gains() -> None:
    """Completeness, in float64: exact of a linear score, and of rectified layers the nearer the more steps."""
    draw = torch.Generator().manual_seed(0)
    x, base = (torch.randn(6, 5, generator=draw, dtype=torch.float64) for _ in range(2))
    w = torch.randn(5, generator=draw, dtype=torch.float64)
    found, gained = integrated_gradients(lambda a: a @ w + 3, x, base, 1)
    torch.testing.assert_close(found, (x - base) * w, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.sum(1), gained, rtol=1e-12, atol=1e-12)
    layers = torch.nn.Sequential(torch.nn.Linear(5, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1)).double()
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw, dtype=torch.float64))
    apart = []
    for steps in (4, 64, 4096):
        found, gained = integrated_gradients(lambda a: layers(a)[:, 0], x, base, steps)
        apart.append(float((found.sum(1) - gained).abs().max()))
    assert apart[0] > apart[1] > apart[2] and apart[2] < 1e-3 * float(gained.abs().max())
    torch.testing.assert_close(gained, (layers(x) - layers(base))[:, 0])


def test_what_is_as_the_baseline_adds_nothing() -> None:
    x = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    found, _ = integrated_gradients(smooth, x, torch.tensor([[0.0, 2.0, 0.0]], dtype=torch.float64))
    assert found[0, 1] == 0 and found[0, 0] != 0


@needs_transformers
def test_token_rollout_is_attention_by_hand() -> None:
    """softmax(Q Kᵀ / √d) of each layer from its weights in numpy, mixed with the identity, multiplied, averaged."""
    net = build_net(NetSpec("encoder:bert?layers=2&width=16&heads=2&vocabulary=500"), 2, 16, 1, 0).eval()
    x = torch.from_numpy(texts.encode(["a fine film", "not a very good one, I think"], 16)).float()
    found = token_rollout(net, x, net.depth)
    assert net.tokens is not None
    encoder: Any = net.backbone.encoder
    ids, mask = net.tokens(x)
    with torch.no_grad():
        hidden = encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    for i, n in enumerate(mask.sum(1).tolist()):
        rolled = np.eye(n)
        for at, layer in enumerate(encoder.encoder.layer):
            h = hidden[at][i, :n].double().numpy()
            own = layer.attention.self
            q, k = (
                h @ m.weight.detach().double().numpy().T + m.bias.detach().double().numpy()
                for m in (own.query, own.key)
            )
            heads = []
            for part in range(2):
                score = q[:, 8 * part : 8 * part + 8] @ k[:, 8 * part : 8 * part + 8].T / np.sqrt(8)
                power = np.exp(score - score.max(1, keepdims=True))
                heads.append(power / power.sum(1, keepdims=True))
            rolled = (np.mean(heads, 0) + np.eye(n)) / 2 @ rolled
        assert found[i].double().numpy() == pytest.approx(rolled.mean(0), abs=1e-6)
        assert float(found[i].sum()) == pytest.approx(1, abs=1e-5)
    words = net.tokens.tokenizer.words_of("A fine film", 16)
    assert words == (["A", "fine", "film"], [-1, 0, 1, 2, -1])
