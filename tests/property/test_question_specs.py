"""Any question about layers: to JSON and back, to a shell command and back, to Python and back; the same id."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.specs import (
    WORDS,
    parsed,
    specs,
    survives_json,
    survives_python,
    survives_the_shell,
)
from tltk.analyses.advise.spec import AdviseSpec
from tltk.analyses.classify.spec import ClassifySpec
from tltk.analyses.confusion.spec import ConfusionSpec
from tltk.analyses.depth import DepthSpec
from tltk.analyses.dial_response.spec import DialResponseSpec
from tltk.analyses.duplicates.spec import DuplicatesSpec
from tltk.analyses.embed.spec import EmbedSpec
from tltk.analyses.ensemble.spec import EnsembleSpec
from tltk.analyses.episodes.spec import EpisodesSpec
from tltk.analyses.errors.spec import ErrorsSpec
from tltk.analyses.explain.spec import ExplainSpec
from tltk.analyses.feature_maps.spec import FeatureMapsSpec
from tltk.analyses.label_noise.spec import LabelNoiseSpec
from tltk.analyses.nearest.spec import NearestSpec
from tltk.analyses.neighbours.spec import NeighboursSpec
from tltk.analyses.profile.spec import ProfileSpec
from tltk.analyses.propose.spec import ProposeSpec
from tltk.analyses.rank.spec import RankSpec
from tltk.analyses.saliency.spec import SaliencySpec
from tltk.analyses.two_sample.spec import TwoSampleSpec
from tltk.analyses.zero_shot.spec import ZeroShotSpec
from tltk.analyses.zero_shot_text.spec import ZeroShotTextSpec
from tltk.specs import command
from tltk.specs.knobs import Spec
from tltk.specs.parts import DataSpec, NetSpec
from tltk.specs.reading import with_absolute_paths
from tltk.specs.training import TransferSpec

NAMED = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00,"), min_size=1, max_size=12)
NAMES = st.lists(NAMED.map(str.strip).filter(bool), max_size=4).map(tuple)
RUNS = st.just("") | st.text("0123456789abcdef", min_size=12, max_size=12)
PATHS = st.lists(NAMED.filter(lambda text: text[0] != "-"), min_size=1, max_size=3).map(tuple)
DATA = specs(DataSpec)
SOURCE = DATA.filter(lambda d: bool(d.name.strip()))
NETS = specs(NetSpec)
PARTS: dict[type[Any], dict[str, Any]] = {
    ProfileSpec: {"target": DATA, "source": st.none() | SOURCE, "net": NETS, "measures": NAMES},
    TwoSampleSpec: {"target": DATA, "source": SOURCE, "net": NETS, "measures": NAMES},
    EmbedSpec: {"target": DATA, "source": st.none() | SOURCE, "net": NETS},
    RankSpec: {"target": DATA, "candidates": NAMES, "scores": NAMES},
    ClassifySpec: {
        "target": DATA,
        "source": st.none() | SOURCE,
        "net": NETS,
        "learners": NAMES,
        "alignments": NAMES,
        "reweightings": NAMES,
    },
    AdviseSpec: {"target": DATA, "source": st.none() | SOURCE, "net": NETS, "candidates": NAMES},
    ProposeSpec: {"target": DATA, "candidates": NAMES},
    EnsembleSpec: {"target": DATA, "runs": NAMES},
    EpisodesSpec: {"target": DATA, "net": NETS},
    ZeroShotSpec: {"target": DATA, "net": NETS, "attributes": NAMES},
    ZeroShotTextSpec: {"target": DATA},
    DialResponseSpec: {"target": DATA, "net": NETS, "measures": NAMES, "dials": NAMES},
    ErrorsSpec: {"run": RUNS},
    ExplainSpec: {"run": RUNS.filter(bool), "picture": st.sampled_from(["/a/b c.png", "-x.png", "~[0].png"])},
    ConfusionSpec: {"run": RUNS, "against": RUNS},
    NeighboursSpec: {"run": RUNS},
    SaliencySpec: {"run": RUNS},
    NearestSpec: {"run": RUNS.filter(bool), "paths": PATHS},
    LabelNoiseSpec: {"target": DATA, "net": NETS},
    FeatureMapsSpec: {"target": DATA, "net": NETS},
    DuplicatesSpec: {"target": DATA, "other": st.none() | SOURCE},
}
ANY = st.one_of(*(specs(kind, **parts) for kind, parts in PARTS.items()))
OF_LAYERS = st.one_of(*(specs(kind, **parts) for kind, parts in PARTS.items() if issubclass(kind, DepthSpec)))


@given(ANY)
def test_json(spec: Spec) -> None:
    survives_json(spec)


@settings(deadline=None)
@given(ANY)
def test_shell_command(spec: Spec) -> None:
    survives_the_shell(spec)


@pytest.mark.parametrize("kind", PARTS)
def test_nothing_given_is_the_default(kind: type[Any]) -> None:
    assert command.build_spec(kind, {}) == kind()
    assert parsed(f"tltk {kind.verb}") == kind()
    assert parsed(command.to_command(kind())) == kind()


@settings(deadline=None)
@given(ANY)
def test_python(spec: Spec) -> None:
    survives_python(spec)


@given(OF_LAYERS, NETS)
def test_of_the_network_backbone_and_weights_alone_matter(spec: Any, net: NetSpec) -> None:
    asked = dataclasses.replace(spec, net=net)
    assert asked.net == NetSpec(net.backbone, net.weights)
    bare = dataclasses.replace(spec, net=NetSpec(net.backbone, net.weights))
    assert asked == bare and asked.run_id == bare.run_id
    assert type(spec).from_dict({**spec_body(spec), "net": net_body(net)}) == asked


def spec_body(spec: Any) -> dict[str, Any]:
    import json

    body: dict[str, Any] = json.loads(spec.to_json())
    body.pop("kind")
    return body


def net_body(net: NetSpec) -> dict[str, Any]:
    return {f.name: getattr(net, f.name) for f in dataclasses.fields(net)}


@given(OF_LAYERS, st.integers(8, 1024))
def test_the_source_is_read_at_the_targets_size(spec: Any, size: int) -> None:
    asked = dataclasses.replace(spec, target=dataclasses.replace(spec.target, size=size))
    if spec.source is not None:
        assert spec.source.size == spec.target.size and asked.source.size == size
        assert asked == dataclasses.replace(asked, source=dataclasses.replace(asked.source, size=8))
        assert dataclasses.replace(asked.source, size=spec.source.size) == spec.source  # all else stays


@given(WORDS, WORDS)
def test_paths_are_made_absolute_in_every_place(name: str, path: str) -> None:
    path = "x" + path.strip()
    spec = ProfileSpec(DataSpec(f"folder:{path}"), net=NetSpec(weights=f"file:{path}"), after=f"file:{path}")
    full = with_absolute_paths(spec)
    for text in (full.target.name, full.net.weights, full.after):
        assert text.partition(":")[2].startswith("/")
    assert with_absolute_paths(full) == full
    asked = RankSpec(candidates=(f"a@file:{path}", "b@run:3f9ac1", "c"))
    ranked = with_absolute_paths(asked)
    assert ranked.candidates[1:] == asked.candidates[1:]
    assert ranked.candidates[0].startswith("a@file:/")


@pytest.mark.parametrize("kind", PARTS)
def test_no_two_flags_are_the_same(kind: type[Any]) -> None:
    found = command.options(kind)
    flags = [o.flag for o in found]
    assert len(flags) == len(set(flags)) and len({o.path for o in found}) == len(found)
    taken = {"spec", "again", "detach", "timeout", "json", "help", *command.list_options(kind)}
    assert not set(flags) & taken
    assert ("source" in flags) == ("source" in (f.name for f in dataclasses.fields(kind)))
    assert not {"boundary", "head", "dropout", "source-size"} & set(flags)


def test_one_question_has_one_id() -> None:
    plain = ProfileSpec(source=DataSpec("blended_digits"))
    assert plain.run_id == ProfileSpec(source=DataSpec("blended_digits", size=64)).run_id
    assert plain.run_id == ProfileSpec(source=DataSpec("blended_digits"), net=NetSpec(boundary=3, dropout=0.5)).run_id
    ids = {k().run_id for k in PARTS} | {TransferSpec().run_id}
    assert len(ids) == len(PARTS) + 1


@given(specs(DialResponseSpec, **PARTS[DialResponseSpec]), DATA, NETS)
def test_of_a_response_the_names_of_domain_and_network_and_the_size_alone_matter(
    spec: DialResponseSpec, data: DataSpec, net: NetSpec
) -> None:
    asked = dataclasses.replace(spec, target=data, net=net)
    bare = dataclasses.replace(spec, target=DataSpec(data.name, size=data.size), net=NetSpec(net.backbone, net.weights))
    assert asked == bare and asked.run_id == bare.run_id


def test_a_part_of_which_some_is_given_has_the_rest_from_the_kinds_own_default() -> None:
    asked = command.build_spec(DialResponseSpec, {"size": 16, "weights": "run:3f9ac1"})
    assert asked == DialResponseSpec(DataSpec("shapes", size=16), NetSpec("test_resnet", "run:3f9ac1"))
    given_ = command.build_spec(DialResponseSpec, {"backbone": NetSpec().backbone, "target": DataSpec().name})
    assert parsed(command.to_command(given_)) == given_ == DialResponseSpec(DataSpec(), NetSpec())
