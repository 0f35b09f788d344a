"""Word vectors trained on with the texts of a domain: what is learned, where it begins, and what is kept."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.shell import here as here
from tests.support.texts import lines
from tltk import ask, data, home
from tltk.analyses.continue_vectors.analysis import continue_vectors
from tltk.analyses.continue_vectors.spec import ContinueVectorsSpec
from tltk.analyses.continue_vectors.table import lines as told
from tltk.analyses.continue_vectors.word2vec import merge, starts, vocabulary
from tltk.analyses.sample import Context
from tltk.analyses.unknown_words.spec import UnknownWordsSpec
from tltk.data.vectors import WordVectors, as_word2vec, mean_vectors, nearest_words, read_vectors
from tltk.errors import BadSpec, WeightsMissing
from tltk.jobs import provenance
from tltk.jobs.checking import check
from tltk.probes.linear import predict_classes
from tltk.runs.run import Run
from tltk.specs.encoders import VECTORS
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.reading import with_absolute_paths
from tltk.specs.training import TransferSpec
from tltk.training.bank import FeatureBank
from tltk.training.callbacks import Callbacks
from tltk.weights.load import build_net

KNOWN = WordVectors(("film", "plot", "battery"), np.array([[1 / 3, 0, 1e-9], [0, 2, 0], [1, 0.5, 0]], np.float32))
needs_gensim = pytest.mark.skipif(
    importlib.util.find_spec("gensim") is None,
    reason="gensim, which continues word vectors, is not installed (pip install tltk[vectors])",
)


def spec(folder: Path, **more: object) -> ContinueVectorsSpec:
    """A question on forty short opinions and three vectors."""
    file = folder / "known.txt"
    file.write_bytes(as_word2vec(KNOWN))
    target = DataSpec(f"text:{lines(folder / 'lines.txt')}", size=16)
    return dataclasses.replace(ContinueVectorsSpec(target, str(file), seeds=3), **more)  # type: ignore[arg-type]


def test_what_is_written_is_read_again_to_the_bit(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(as_word2vec(KNOWN))
    again = read_vectors(tmp_path / "a.txt")
    assert again.words == KNOWN.words and np.array_equal(again.vectors, KNOWN.vectors)


def test_words_that_are_learned_have_a_vector_or_are_said_often_enough() -> None:
    said = ["Film, film and films!", "Rare plot. Films", "films"]
    assert vocabulary(said, KNOWN, 3) == {"films": 3, "film": 2, "plot": 1}
    assert vocabulary(said, KNOWN, 1) == {"films": 3, "film": 2, "and": 1, "plot": 1, "rare": 1}


def test_a_word_begins_with_its_vector_else_with_that_of_a_simpler_form_else_near_nought() -> None:
    found = starts(["film", "films", "new"], KNOWN, 0)
    assert np.array_equal(found["film"], KNOWN.vectors[0]) and np.array_equal(found["films"], KNOWN.vectors[0])
    assert 0 < np.abs(found["new"]).max() <= 1 / 6
    assert np.array_equal(found["new"], starts(["new"], KNOWN, 0)["new"])
    assert not np.array_equal(found["new"], starts(["new"], KNOWN, 1)["new"])


def test_words_that_were_not_learned_keep_their_vectors_and_new_ones_come_last() -> None:
    moved, new = np.full(3, 7, np.float32), np.full(3, 8, np.float32)
    found = merge(KNOWN, {"new": new, "plot": moved})
    assert found.words == (*KNOWN.words, "new")
    assert np.array_equal(found.vectors, np.stack([KNOWN.vectors[0], moved, KNOWN.vectors[2], new]))
    assert np.array_equal(KNOWN.vectors[1], [0, 2, 0]), "what came is left as it is"


def test_means_and_neighbours_by_hand() -> None:
    found = mean_vectors(["A film, a plot; films", "nothing"], KNOWN)
    by_hand = (2 * KNOWN.vectors[0].astype(np.float64) + KNOWN.vectors[1]) / 3
    np.testing.assert_allclose(found, [by_hand, np.zeros(3)], rtol=1e-7)
    rows = KNOWN.vectors.astype(np.float64)
    cosines = [rows[0] @ row / np.linalg.norm(rows[0]) / np.linalg.norm(row) for row in rows]
    assert nearest_words("film", KNOWN, 5) == [KNOWN.words[i] for i in (1, 2) if cosines[i] == max(cosines[1:])] + [
        KNOWN.words[i] for i in (1, 2) if cosines[i] < max(cosines[1:])
    ]


def test_a_probe_names_others_as_scikit_learn_does() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    draw = np.random.default_rng(0)
    x, other = draw.normal(size=(40, 5)), draw.normal(size=(30, 5))
    y = (x[:, 0] + 0.5 * draw.normal(size=40) > 0).astype(np.int64)
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=1 / (0.1 * 40), max_iter=1000).fit(scaler.transform(x), y)  # tr(XᵀX) / d = n
    found = predict_classes(torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(other))
    assert found.tolist() == model.predict(scaler.transform(other)).tolist()


def test_without_gensim_a_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "gensim" else find(name, *a))
    with pytest.raises(BadSpec, match=r'pip install "tltk\[vectors\]"'):
        spec(tmp_path).check()
    with pytest.raises(BadSpec, match="name a file with --file"):
        ContinueVectorsSpec().check()
    with pytest.raises(WeightsMissing, match="There is none at"):
        ContinueVectorsSpec(file=str(tmp_path / "no.txt")).check()


def test_vectors_of_a_run_are_a_network_and_are_read_by_questions(tmp_path: Path) -> None:
    run = Run.create(spec(tmp_path))
    name = f"vectors:run:{run.id}"
    training = TransferSpec(
        spec(tmp_path).target, NetSpec(name, name, boundary=1), optim=OptimSpec(epochs=1, device="cpu")
    )
    with pytest.raises(WeightsMissing, match="must name a finished run of `tltk continue-vectors`"):
        check(training)
    home.write_atomic(run.path / VECTORS, as_word2vec(KNOWN))
    assert with_absolute_paths(training) == training
    check(training)
    net = build_net(training.net, 2, 16, 1, 0)
    assert torch.equal(
        net.state_dict()["backbone.encoder.vectors.weight"][2:], torch.from_numpy(np.array(KNOWN.vectors))
    )
    before = provenance.source_version(name)
    home.write_atomic(run.path / VECTORS, as_word2vec(WordVectors(KNOWN.words[:2], KNOWN.vectors[:2])))
    assert before and provenance.source_version(name) not in ("", before), "other vectors are another training"
    asked = UnknownWordsSpec(spec(tmp_path).target, f"run:{run.id}")
    assert with_absolute_paths(asked).file == f"run:{run.id}"


@needs_gensim
def test_before_and_after(tmp_path: Path) -> None:
    context = Context(data.load, FeatureBank(disk=0), Callbacks())
    found, _, files = continue_vectors(spec(tmp_path), context)
    assert found.vectors == 3 and found.learned == 2 and found.added > 0
    assert found.after.unknown < found.before.unknown and found.before.most
    assert found.verdict.n_test == 12 and len(found.verdict.seeds) == 3
    assert {one.word for one in found.moved} == {"film", "plot"}
    (tmp_path / "new.txt").write_bytes(files[VECTORS])
    read = read_vectors(tmp_path / "new.txt")
    assert read.words[:3] == KNOWN.words and len(read.words) == 3 + found.added
    assert np.array_equal(read.vectors[2], KNOWN.vectors[2]), "battery is never said"
    assert not np.array_equal(read.vectors[0], KNOWN.vectors[0])
    printed = "\n".join(told(found))
    assert found.sentence in printed and found.verdict.sentence in printed and "nearest after" in printed
    again = continue_vectors(spec(tmp_path), context)
    assert again[2] == files and again[0].verdict == found.verdict, "one seed, one outcome"
    other, _, theirs = continue_vectors(spec(tmp_path, seed=1), context)
    assert theirs != files and other.before == found.before


@needs_gensim
@pytest.mark.usefixtures("here")
def test_what_a_run_keeps_is_asked_about_by_its_name(tmp_path: Path) -> None:
    mine = spec(tmp_path, seeds=1)
    found = ask(mine)
    assert "Below three seeds nothing is decided; raise --seeds." in found.remarks
    again = ask(UnknownWordsSpec(mine.target, f"run:{with_absolute_paths(mine).run_id}"))
    assert again.vectors == 3 + found.added


@needs_gensim
def test_pictures_have_no_words(tmp_path: Path) -> None:
    pictures = spec(tmp_path, target=DataSpec("digits", n=60, size=8))
    with pytest.raises(BadSpec, match="Words are of texts"):
        continue_vectors(pictures, Context(data.load, FeatureBank(disk=0), Callbacks()))
