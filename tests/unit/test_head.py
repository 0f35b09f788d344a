from __future__ import annotations

import pytest
import torch

from tltk.errors import UnknownName
from tltk.nn.head import Cosine, make_head


def test_cosine_by_hand() -> None:
    made = Cosine(5, 3)
    f, w = torch.randn(4, 5), made.prototypes.detach()
    by_hand = 10 * (f @ w.T) / (f.norm(dim=1, keepdim=True) * w.norm(dim=1))
    assert torch.allclose(made(f), by_hand, atol=1e-5)


@pytest.mark.parametrize("kind", ["linear", "norm_linear", "cosine"])
def test_shapes_and_dropout(kind: str) -> None:
    made = make_head(kind, 6, 4, dropout=0.5)
    assert made(torch.randn(3, 6)).shape == (3, 4)
    x = torch.randn(64, 6)
    assert torch.equal(made.eval()(x), made(x)) and not torch.equal(made.train()(x), made(x))


def test_an_unknown_head() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'cosine'"):
        make_head("cosin", 6, 4)
