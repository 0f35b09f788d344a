"""What was trained is used: a table of domains by one command, exports on 200 photos, an area with its interval, tuning.

Everything goes through the shell, as a practitioner would type it. `--write FILE` puts the tables into the page.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.bench_text import MINILM
from tests.benchmarks.few_shot import FOLDERS, IMAGENET, PACS
from tests.benchmarks.rounds import SHARED, own_home

DOMAINS = ("photo", "art_painting", "cartoon", "sketch")
README = {"photo": 0.936, "art_painting": 0.521, "cartoon": 0.493, "sketch": 0.221}  # of the data's own page
ANTS = f"archive:{FOLDERS / 'hymenoptera_256.tar'}"
NET = ["--backbone", "mobilenetv2_100", "--weights", f"file:{IMAGENET}"]
SEEDS = 3
FOLDS = 5
COUNT = 200  # examples that exports predict


def tltk(*words: str) -> dict[str, Any]:
    """What a command answers with --json."""
    done = subprocess.run([sys.executable, "-m", "tltk.cli", *words, "--json"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"tltk {' '.join(words)}: {done.stdout}{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def pacs() -> Iterator[str]:
    """Trained on one style with 20 labels per class, tested on all four by one command each."""
    yield "| trained on | " + " | ".join(f"{name}, %" for name in DOMAINS) + " |"
    yield "|---|" + "---:|" * len(DOMAINS)
    names = {name: f"archive:{PACS / name}" for name in DOMAINS}
    for source in DOMAINS:
        found: dict[str, list[float]] = {name: [] for name in DOMAINS}
        for seed in range(SEEDS):
            words = ["--target", names[source], "--size", "128", "--shots", "20", "--strategy", "feature_extraction"]
            run = tltk("run", *words, *NET, "--epochs", "20", "--lr", "0.003", "--seed", str(seed))
            scores = tltk("evaluate", run["id"], *[w for n in DOMAINS for w in ("--on", names[n])], "--bootstrap", "0")
            for name, one in zip(DOMAINS, scores["result"]["domains"], strict=True):
                found[name].append(one["accuracy"]["value"])
        cells = [f"{100 * np.mean(v):.1f} ({100 * min(v):.1f} … {100 * max(v):.1f})" for v in found.values()]
        yield f"| {source} | {' | '.join(cells)} |"
    yield f"| photo, the data's own page | {' | '.join(f'{100 * README[name]:.1f}' for name in DOMAINS)} |"


def two_classes(folder: Path) -> Iterator[str]:
    """Ants and bees, fine-tuned: exports against predict on 200 photos, and the area with its interval."""
    from sklearn.metrics import roc_auc_score

    words = ["--target", ANTS, "--size", "128", "--epochs", "8", "--lr", "0.001", "--n", "0"]
    run = tltk("run", *words, *NET)["id"]
    subprocess.run(["tar", "-xf", str(FOLDERS / "hymenoptera_256.tar"), "-C", str(folder)], check=True)
    photos = sorted(str(p) for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))[:200]
    own = tltk("predict", run, *photos)["result"]
    yield "| export | photos | same class | largest difference of a probability |"
    yield "|---|---:|---:|---:|"
    ours = dict(zip(own["names"], zip(own["predicted"], own["probability"], strict=True), strict=True))
    for kind in ("script", "onnx"):
        where = folder / f"{kind}{'.onnx' if kind == 'onnx' else ''}"
        tltk("export", run, str(where), "--to", kind)
        theirs = (
            by_script(where, photos) if kind == "script" else by_onnx(where, folder / "script", photos, own["classes"])
        )
        same = sum(theirs[p][0] == own["classes"][ours[p][0]] for p in photos)
        gap = max(abs(theirs[p][1] - ours[p][1]) for p in photos)
        yield f"| {kind} | {len(photos)} | {same} | {gap:.1g} |"
    yield ""
    scored = tltk("evaluate", run, "--bootstrap", "2000")["result"]
    score = scored["domains"][0]
    everything = tltk("predict", run, ANTS, "--part", "test")["result"]
    labels = np.array(everything["labels"]) == everything["classes"][1]
    p = np.array(everything["probability"])
    second = np.where(np.array(everything["predicted"]) == 1, p, 1 - p)
    draw = np.random.default_rng(1)
    areas: list[float] = []
    while len(areas) < 2000:
        at = draw.integers(0, len(labels), len(labels))
        if 0 < labels[at].sum() < len(at):
            areas.append(roc_auc_score(labels[at], second[at]))
    lo, hi = np.percentile(areas, [2.5, 97.5])
    auc = score["auc"]
    yield "| area under the ROC curve | value | 95% interval |"
    yield "|---|---:|---:|"
    yield f"| `tltk evaluate` | {auc['value']:.4f} | {auc['lo']:.4f} … {auc['hi']:.4f} |"
    yield f"| scikit-learn, its own 2,000 resamples | {roc_auc_score(labels, second):.4f} | {lo:.4f} … {hi:.4f} |"
    yield ""
    before, after = score["reliability"], score["scaled"]
    yield (
        f"Calibration error {100 * before['ece']:.1f} points before and {100 * after['ece']:.1f} after the temperature "
        f"{after['temperature']:.2f}, fitted on validation pictures; accuracy {100 * score['accuracy']['value']:.1f}% of "
        f"{score['n']} test photos."
    )


def words(folder: Path) -> Iterator[str]:
    """A text network and one of rows, exported: the first 200 examples against predict."""
    from sklearn.datasets import load_breast_cancer

    films, products = (SHARED / "text" / f"{name}_labelled.txt" for name in ("imdb", "amazon_cells"))
    said = [line.rpartition("\t")[0].strip() for line in films.read_text("utf-8").split("\n")]
    texts, table = folder / "films.txt", folder / "tumours.csv"
    texts.write_text("\n".join([text for text in said if text][:COUNT]) + "\n", "utf-8")
    tumours = load_breast_cancer(as_frame=True).frame.rename(columns={"target": "label"})
    tumours.to_csv(table, index=False)
    tumours.drop(columns="label").head(COUNT).to_csv(folder / "new.csv", index=False)
    small = ["--epochs", "10", "--shots", "20", "--strategy", "feature_extraction"]
    asked = {
        f"texts, {MINILM[6:]}": (["--target", f"text:{products}", "--size", "64", "--backbone", MINILM], texts),
        "rows, mlp": (["--target", f"table:{table}", "--size", "32", "--backbone", "mlp"], folder / "new.csv"),
    }
    yield "| training | export | examples | same class | largest difference of a probability |"
    yield "|---|---|---:|---:|---:|"
    for name, (target, file) in asked.items():
        first = ["--weights", MINILM, *small] if MINILM in target else ["--epochs", "10"]
        run = tltk("run", *target, *first, "--lr", "0.003")["id"]
        own = tltk("predict", run, str(file))["result"]
        ours = list(zip([own["classes"][c] for c in own["predicted"]], own["probability"], strict=True))
        where = folder / name[:4]
        for kind in ("script", "onnx"):
            tltk("export", run, f"{where}{'.onnx' if kind == 'onnx' else ''}", "--to", kind)
            if kind == "script":
                theirs = lines_by_script(where, file)
            else:
                theirs = lines_by_onnx(Path(f"{where}.onnx"), where, file, own["classes"])
            same = sum(a[0] == b[0] for a, b in zip(ours, theirs, strict=True))
            gap = max(abs(a[1] - b[1]) for a, b in zip(ours, theirs, strict=True))
            yield f"| {name} | {kind} | {len(theirs)} | {same} | {gap:.1g} |"


def lines_by_script(where: Path, file: Path) -> list[tuple[str, float]]:
    """Class and probability of each line by the exported program, run without tltk."""
    program = [sys.executable, "-I", str(where / "predict.py"), str(file)]
    done = subprocess.run(program, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    told = map(json.loads, done.stdout.splitlines())
    return [(one["class"], max(one["probabilities"].values())) for one in told]


def lines_by_onnx(net: Path, program: Path, file: Path, classes: list[str]) -> list[tuple[str, float]]:
    """The same by onnxruntime; text becomes tokens, and cells become numbers, as the exported program has it."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(net), providers=["CPUExecutionProvider"])
    known = runpy.run_path(str(program / "predict.py"))
    if "read" in known:
        with file.open(encoding="utf-8", newline="") as text:
            inputs = [{"columns": known["read"](list(csv.DictReader(text))).numpy()}]
    else:
        inputs = []
        for line in filter(None, file.read_text("utf-8").split("\n")):
            clipped = line.encode()[: known["ROOM"]].decode(errors="ignore")
            ids = np.array([known["tokens"](clipped)[: known["LONGEST"]]])
            inputs.append({"input_ids": ids, "attention_mask": np.ones_like(ids)})
    p = np.concatenate([session.run(None, one)[0] for one in inputs])
    return [(classes[int(row.argmax())], float(row.max())) for row in p]


def by_script(where: Path, photos: list[str]) -> dict[str, tuple[str, float]]:
    """Class and probability by the exported program, run without tltk."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-I", str(where / "predict.py"), *photos], capture_output=True, text=True, env=environment
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    found = {}
    for line in done.stdout.splitlines():
        told = json.loads(line)
        found[told["file"]] = (told["class"], max(told["probabilities"].values()))
    return found


def by_onnx(where: Path, program: Path, photos: list[str], classes: list[str]) -> dict[str, tuple[str, float]]:
    """Class and probability by onnxruntime, of pictures as the exported program reads them."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(where), providers=["CPUExecutionProvider"])
    read = runpy.run_path(str(program / "predict.py"))["read"]
    found = {}
    for photo in photos:
        [p] = session.run(None, {session.get_inputs()[0].name: read(photo)[None].numpy()})[0]
        found[photo] = (classes[int(p.argmax())], float(p.max()))
    return found


def tuned() -> Iterator[str]:
    """Ants and bees in five folds: each is tuned on the other four, and tested."""
    yield "| fold | tested | best on validation | gain there | on the test | seconds |"
    yield "|---:|---:|---|---:|---:|---:|"
    gaps, default, best = [], [], []
    for fold in range(1, FOLDS + 1):
        start = time.perf_counter()
        words = ["--target", ANTS, "--size", "96", "--folds", str(FOLDS), "--fold", str(fold), "--epochs", "6"]
        words += [
            "--arms",
            "fine_tune,feature_extraction,lora:rank=4",
            "--trials",
            "12",
            "--metric",
            "balanced_accuracy",
        ]
        found = tltk("tune", *words, *NET)["result"]
        setting = found["trials"][found["best"] - 1]["setting"]
        gaps.append(found["gap"])
        default.append(found["default"])
        best.append(found["tuned"])
        name = f"{setting['technique']}, {setting['lr']:.2g}, {setting['augmentation']}"
        yield (
            f"| {fold} | {found['n_test']} | `{name}` | {100 * found['searched_gain']:+.1f} | "
            f"{100 * found['gap']:+.1f} ({100 * found['lo']:+.1f} … {100 * found['hi']:+.1f}) | "
            f"{time.perf_counter() - start:.0f} |"
        )
    yield (
        f"| all | | default {100 * np.mean(default):.1f}%, tuned {100 * np.mean(best):.1f}% | | "
        f"{100 * np.mean(gaps):+.1f} | |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parts = ("pacs", "two_classes", "words", "tuned")
    parser.add_argument("--parts", nargs="*", choices=parts, default=list(parts))
    parser.add_argument("--write", type=Path, help="write the tables into this page, in place of those it has")
    options = parser.parse_args()
    if not SHARED.is_dir():
        print("The folder of shared data is not there; TLTK_SHARED_DATA may name it.")
        return
    text = options.write.read_text("utf-8") if options.write else ""
    with own_home(), tempfile.TemporaryDirectory() as folder:
        made = {"pacs": pacs, "two_classes": lambda: two_classes(Path(folder)), "tuned": tuned}
        made["words"] = lambda: words(Path(folder))
        for name in options.parts:
            table = "\n".join(made[name]())
            print(f"### {name}\n\n{table}\n", flush=True)
            if options.write:
                first, rest = text.split(f"<!-- {name} -->\n", 1)
                _, last = rest.split(f"<!-- end of {name} -->", 1)
                text = f"{first}<!-- {name} -->\n\n{table}\n\n<!-- end of {name} -->{last}"
    if options.write:
        options.write.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
