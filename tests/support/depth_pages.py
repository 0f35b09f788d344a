"""Pages about layers, with their answers known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PIL import Image

from tests.support.pages import _no_workers as _no_workers
from tests.support.pages import answered, network_known, pictures_known
from tests.support.results import embedded
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.profile.result import ProfileResult
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.rank.spec import RankSpec
from tltk.dashboard.plan import FIRST
from tltk.results.layers import Column
from tltk.runs.run import Run
from tltk.specs.parts import NetSpec

LAYERS = ["stem", "layer1.0", "layer2.0", "layer3.0", "layer4.0", "features"]


SHARED: dict[str, Any] = {
    "target": replace(FIRST.target, shots=0),
    "source": FIRST.source,
    "net": NetSpec("test_resnet"),
}


CANDIDATES = ("test_resnet@scratch", "resnet10t@scratch", "mobilenetv2_035@scratch")


RANK = RankSpec(target=FIRST.target, candidates=CANDIDATES, pictures=500)


def column(name: str, title: str, unit: str = "", **more: Any) -> Column:
    return Column(name, title, unit, [0.1 * (i + 1) for i in range(6)], **more)


def profile_known(measures: tuple[str, ...] = ("mmd",), weights: str = "scratch") -> None:
    bands: dict[str, Any] = {"null_lo": [0.0] * 6, "null_hi": [0.05] * 6}
    columns = [
        column("probe_target", "Probe accuracy, target", "%", lo=[0.05] * 6, hi=[0.7] * 6, **bands),
        column("knn_target", "kNN accuracy, target", "%", lo=[0.05] * 6, hi=[0.7] * 6, **bands),
        *(
            column(
                m,
                m.upper(),
                p=[0.01] * 5 + [0.4],
                p_holm=[0.12] * 5 + [1.0],
                p_bh=[0.024] * 5 + [0.4],
                effect=[3.0] * 6,
                **bands,
            )
            for m in measures
        ),
    ]
    answered(
        ProfileSpec(**{**SHARED, "net": NetSpec("test_resnet", weights)}, pictures=500, measures=measures),
        ProfileResult(
            names=LAYERS,
            depth=5,
            columns=columns,
            cka=[[1.0] * 6] * 6,
            cka_after=None,
            tests=12,
            correction="Over all 12 tests.",
            within={},
            n={"target": 100, "source": 500},
            chance={"target": 0.1, "source": 0.1},
            seconds={"all": 1.0},
        ),
    )


def embedding_known(method: str) -> None:
    spec = EmbedSpec(**SHARED, pictures=500, method=method)
    answered(spec, embedded(method))
    Image.new("RGB", (32 * 40, 40)).save(Run.create(spec).path / "pictures.png")


def press(app: Any, label: str) -> Any:
    return next(b for b in app.button if b.label == label).click().run()


def known() -> None:
    network_known()
    pictures_known(FIRST.target)
    assert FIRST.source is not None
    pictures_known(FIRST.source)
