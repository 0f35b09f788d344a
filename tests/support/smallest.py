"""The smallest real run of every kind that a worker knows."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import msgspec
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.support import clip, pooled
from tltk import home
from tltk.analyses.advise.spec import AdviseSpec
from tltk.analyses.classify.spec import ClassifySpec
from tltk.analyses.confusion.spec import ConfusionSpec
from tltk.analyses.continue_vectors.spec import ContinueVectorsSpec
from tltk.analyses.describe.spec import DescribeSpec
from tltk.analyses.dial_response.spec import DialResponseSpec
from tltk.analyses.duplicates.spec import DuplicatesSpec
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.ensemble.spec import EnsembleSpec
from tltk.analyses.episodes.spec import EpisodesSpec
from tltk.analyses.errors.spec import ErrorsSpec
from tltk.analyses.evaluate.spec import EvaluateSpec
from tltk.analyses.explain.spec import ExplainSpec
from tltk.analyses.export.spec import ExportSpec
from tltk.analyses.feature_maps.spec import FeatureMapsSpec
from tltk.analyses.find_rate.spec import FindRateSpec
from tltk.analyses.import_weights.spec import ImportWeightsSpec
from tltk.analyses.inspect.spec import InspectSpec
from tltk.analyses.label_noise.spec import LabelNoiseSpec
from tltk.analyses.nearest.spec import NearestSpec
from tltk.analyses.neighbours.spec import NeighboursSpec
from tltk.analyses.pictures.spec import PicturesSpec
from tltk.analyses.pool.spec import PoolSpec
from tltk.analyses.predict.spec import PredictSpec
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.propose.spec import ProposeSpec
from tltk.analyses.rank.spec import RankSpec
from tltk.analyses.saliency.spec import SaliencySpec
from tltk.analyses.soup.spec import SoupSpec
from tltk.analyses.source_check.spec import SourceCheckSpec
from tltk.analyses.two_sample.spec import TwoSampleSpec
from tltk.analyses.unknown_words.spec import UnknownWordsSpec
from tltk.analyses.zero_shot.spec import ZeroShotSpec
from tltk.analyses.zero_shot_text.spec import ZeroShotTextSpec
from tltk.runs.run import Run
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.training import TransferSpec
from tltk.studies.atlas.spec import AtlasSpec
from tltk.studies.causes.spec import CausesSpec
from tltk.studies.compare.spec import CompareSpec
from tltk.studies.cross_validate.spec import CrossValidateSpec
from tltk.studies.labels.spec import LabelsSpec
from tltk.studies.plane.spec import PlaneSpec
from tltk.studies.race.spec import RaceSpec
from tltk.studies.sweep.spec import SweepSpec
from tltk.studies.tune.spec import TuneSpec
from tltk.training.compose import train
from tltk.weights.load import save

NAME = "test_resnet"
DIGITS = DataSpec("digits", size=16, n=120)
SOURCE = DataSpec("rendered_digits", size=16, n=120)
OPTIM = OptimSpec(epochs=1, batch_size=16, device="cpu")


def _finished(seed: int, domain: DataSpec = DIGITS) -> str:
    """The id of a training that has ended, its weights and its result in its folder."""
    spec = TransferSpec(domain, NetSpec(NAME), optim=OPTIM, seed=seed)
    run = Run.create(spec)
    if run.status.state != "done":
        trained = train(spec)
        save(trained.net, spec.net, run.path / "model.safetensors")
        home.write_atomic(run.path / "result.json", msgspec.json.encode(trained.result))
        run.write_status(state="done")
    return run.id


def _vectors(path: Path) -> Path:
    """A file of word vectors."""
    path.write_text("the 0.5 1\ngood 1 0\n")
    return path


def smallest(folder: Path) -> dict[str, Spec]:
    """Kind → a spec of it that takes a few seconds at most.

    Args:
        folder: An empty one, where files that a spec names are put.
    """
    torch.manual_seed(0)
    weights = {n: t.contiguous() for n, t in timm.create_model(NAME, num_classes=3).state_dict().items()}
    save_file(weights, folder / "net.safetensors")
    Image.new("RGB", (20, 20), "red").save(folder / "one.png")
    of_layers: dict[str, Any] = {"target": DIGITS, "source": SOURCE, "net": NetSpec(NAME), "pictures": 40}
    specs = (
        TransferSpec(DIGITS, NetSpec(NAME, boundary=1), optim=OPTIM),
        CompareSpec(
            target=DIGITS, source=SOURCE, source_optim=OPTIM, net=NetSpec(NAME), optim=OPTIM, lrs=(1e-3, 1e-2), seeds=2
        ),
        RaceSpec(
            target=DIGITS, net=NetSpec(NAME), optim=OPTIM, arms=("fine_tune", "bias"), lrs=(1e-3,), widen=0, seeds=2
        ),
        CrossValidateSpec(
            target=DIGITS, net=NetSpec(NAME), optim=OPTIM, arms=("fine_tune", "bias"), lrs=(1e-3,), folds=2
        ),
        TuneSpec(
            target=DIGITS,
            net=NetSpec(NAME),
            optim=OPTIM,
            arms=("fine_tune",),
            augment=("none",),
            trials=3,
            seeds=2,
        ),
        LabelsSpec(
            target=DIGITS,
            source=SOURCE,
            source_optim=OPTIM,
            net=NetSpec(NAME),
            optim=OPTIM,
            arms=("scratch", "fine_tune"),
            shots=(2, 4),
            lrs=(1e-3,),
            seeds=2,
        ),
        SweepSpec(
            target=DIGITS,
            source=SOURCE,
            source_optim=OPTIM,
            net=NetSpec(NAME),
            optim=OPTIM,
            arms=("AnB", "random"),
            layers=(1, 4),
            seeds=2,
        ),
        PlaneSpec(
            target=DIGITS,
            source=SOURCE,
            source_optim=OPTIM,
            net=NetSpec(NAME),
            optim=OPTIM,
            arms=("fine_tune", "l2_sp:weight=0.1|1"),
            lrs=(1e-3,),
            widen=0,
            seeds=2,
        ),
        AtlasSpec(
            domains=("digits", "rendered_digits", "blended_digits"),
            data=DataSpec(shots=3, n=120, size=16),
            source_optim=OPTIM,
            net=NetSpec(NAME),
            optim=OPTIM,
            lrs=(1e-3,),
            seeds=2,
            pictures=40,
        ),
        CausesSpec(
            target=DIGITS,
            source=SOURCE,
            source_optim=OPTIM,
            net=NetSpec(NAME),
            optim=OPTIM,
            lrs=(1e-3,),
            seeds=2,
            pictures=40,
            counter=("covariate_shift",),
        ),
        SourceCheckSpec(DIGITS, NetSpec(NAME, weights=f"run:{_finished(2, SOURCE)}"), pictures=40, permutations=19),
        AdviseSpec(
            DIGITS,
            SOURCE,
            NetSpec("test_efficientnet", weights="store:test_efficientnet_formulas"),
            pictures=40,
        ),
        ProposeSpec(DIGITS, ("test_efficientnet@store:test_efficientnet_formulas",), pictures=40),
        SoupSpec((_finished(0), _finished(1))),
        PoolSpec(tuple(pooled.comparison(seed, pooled.drawn(seed, 0.2)).id for seed in (0, 10))),
        EnsembleSpec(DIGITS, (_finished(0), _finished(1))),
        ExportSpec(_finished(0), "script", str(folder / "exported")),
        InspectSpec(DIGITS),
        ErrorsSpec(_finished(0), most=4),
        ExplainSpec(_finished(0), str(folder / "one.png"), k=2),
        ConfusionSpec(_finished(0), against=_finished(1), each=2),
        NeighboursSpec(_finished(0), index=3, k=2, pictures=20),
        SaliencySpec(_finished(0), pictures=3, draws=1, layer="0"),
        NearestSpec(_finished(0), ("digits",), k=2, part="test"),
        LabelNoiseSpec(DIGITS, NetSpec(NAME), folds=2),
        DuplicatesSpec(DIGITS, SOURCE),
        UnknownWordsSpec(DataSpec("sentences", n=40, size=16), str(_vectors(folder / "vectors.txt"))),
        PicturesSpec(DIGITS, (0, 7)),
        FeatureMapsSpec(DIGITS, NetSpec(NAME, weights=f"run:{_finished(0)}"), picture=3),
        EvaluateSpec(_finished(0), ("rendered_digits",), against=_finished(1), bootstrap=20),
        PredictSpec(_finished(0), ("digits",), "test"),
        DescribeSpec(NAME, 16, 3),
        ImportWeightsSpec(f"file:{folder / 'net.safetensors'}"),
        ProfileSpec(**of_layers, measures=("mmd",), permutations=19),
        TwoSampleSpec(**of_layers, measures=("mmd",), permutations=19),
        FindRateSpec(DIGITS, NetSpec(NAME, boundary=3), OPTIM, steps=30, groups=1),
        EmbedSpec(**of_layers, method="pca"),
        ClassifySpec(
            **{**of_layers, "pictures": 60},
            labels="source",
            learners=("ridge", "knn"),
            alignments=("coral",),
            reweightings=("domain_classifier",),
            folds=2,
            seeds=2,
        ),
        EpisodesSpec(DIGITS, NetSpec(NAME), ways=3, queries=2, episodes=5),
        ZeroShotSpec(
            DataSpec("shapes", n=400, size=16), NetSpec(NAME), ("class", "texture"), folds=2, seeds=2, pictures=200
        ),
        RankSpec(target=DIGITS, pictures=40, candidates=(f"{NAME}@scratch",), scores=("knn",)),
        DialResponseSpec(
            DataSpec("shapes", size=16), NetSpec(NAME), measures=("mmd",), dials=("hue",), pictures=100, permutations=19
        ),
    )
    more: list[Spec] = []
    if importlib.util.find_spec("gensim") is not None:  # else there is no such run
        vectors = str(_vectors(folder / "vectors.txt"))
        more.append(ContinueVectorsSpec(DataSpec("sentences", n=40, size=16), vectors, epochs=1, seeds=2))
    if clip.IS_INSTALLED:  # else there is no such run
        more.append(ZeroShotTextSpec(DIGITS, str(clip.write_checkpoint(folder / "clip")), pictures=20))
    return {spec.kind: spec for spec in (*specs, *more)}
