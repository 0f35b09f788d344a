"""How a training without labels is judged: by its terms' own losses, and by what labels tell of its features.

Labels measure here, and decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import torch
from torch import Tensor, nn

from tltk.errors import BadSpec
from tltk.nn.net import Net
from tltk.probes.linear import probe, wilson
from tltk.reduce.knn_accuracy import knn_accuracy
from tltk.terms.term import Step, Term
from tltk.training.bank import derive_seed
from tltk.training.batches import BatchSource

PRETEXT, LOOK = 9, 10  # names of the random streams of terms that alter pictures: while they teach, and when judged

Share = tuple[float, float, float]  # 0 … 1, and its 95% interval


def draws(*parts: int) -> torch.Generator:
    """The random numbers of a term, on the CPU, as a function of these parts."""
    return torch.Generator().manual_seed(derive_seed(*parts))


@contextmanager
def _judged(net: Net, modules: nn.ModuleDict) -> Iterator[None]:
    """Network and modules in evaluation mode; the modules learn on afterwards, the network as the loop says."""
    net.eval()
    modules.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        modules.train()


def losses(
    terms: Mapping[str, Term],
    modules: nn.ModuleDict,
    net: Net,
    first: Mapping[str, Tensor],
    feed: BatchSource,
    n: int,
    size: int,
    seed: int,
    check: Callable[[], None],
) -> dict[str, float]:
    """The mean over a part of what each term that teaches minimises, and of what it reports, in evaluation mode.

    The altered pictures are the same each time, so that epochs can be compared.

    Args:
        terms: All that are on, by name.
        modules: What they learn themselves, by the term's place among them.
        net: As it is now.
        first: The first values of all its tensors, by name.
        feed: Gives the part's pictures.
        n: Pictures of the part.
        size: Pictures in a batch, as in training, since some terms compare them with each other.
        seed: Of the altered pictures.
        check: Called before each batch; raises where the training must stop.

    Returns:
        `term.NAME` and `term.NAME.WHAT` → value.

    Raises:
        BadSpec: The part holds fewer pictures than a term needs.
    """
    sums: dict[str, Tensor] = {}
    seen: dict[str, int] = {}
    with _judged(net, modules):
        for b, positions in enumerate(torch.split(torch.arange(n), size)):
            check()
            pictures = feed.rows(positions, torch.Generator())[0]
            for i, (name, term) in enumerate(terms.items()):
                if not term.teaches or len(positions) < term.least:
                    continue

                def note(what: str, value: Tensor, weight: int = len(positions)) -> None:
                    sums[what] = sums.get(what, torch.zeros(())) + value.detach().float().cpu() * weight
                    seen[what] = seen.get(what, 0) + weight

                def report(what: str, value: Tensor, name: str = name, note: Callable[..., None] = note) -> None:
                    note(f"term.{name}.{what}", value)

                module = modules[str(i)] if str(i) in modules else None  # noqa: SIM401  (it has no `get`)
                draw = draws(seed, LOOK, i, b)
                step = Step(None, None, net, first, 1.0, module, report=report, pictures=pictures, draw=draw)
                note(f"term.{name}", term(step))
    for name, term in terms.items():
        if term.teaches and f"term.{name}" not in seen:
            raise BadSpec(
                f"The validation and test pictures must suffice for the term {name}, which compares {term.least} or "
                f"more of a batch. There are {n}; raise target.val or target.test."
            )
    return {what: float(value) / seen[what] for what, value in sums.items()}


def feature_probes(
    features: Tensor, labels: Tensor, test_features: Tensor, test_labels: Tensor, seed: int
) -> dict[str, Share]:
    """What labels tell of features that were learned without them; what cannot be fitted is left out.

    knn: the test pictures named by the 20 nearest training pictures. ridge: a linear classifier, cross-validated over
    the test pictures.

    Args:
        features: Of the training pictures, (n, d).
        labels: Their class numbers, (n,).
        test_features: Of the test pictures, (m, d).
        test_labels: Their class numbers, (m,).
        seed: Of the folds.
    """
    found: dict[str, Share] = {}
    if bool((labels != labels[0]).any()):
        with suppress(BadSpec):
            share = knn_accuracy(features, labels, test_features, test_labels)
            found["knn"] = (share, *wilson(round(share * len(test_labels)), len(test_labels)))
        with suppress(BadSpec):
            linear = probe("ridge", test_features, test_labels, seed=seed)
            found["ridge"] = (linear.accuracy, linear.lo, linear.hi)
    return found
