"""A home with many runs: how long `tltk runs` and every page take, with the index and as it was before.

Each figure is that of a process of its own, wall-clock and processor time, the best of `--rounds`: on a machine with
other work the processor time is the one to compare. "Before" runs the same question with the code of a commit that had
no index, checked out beside this one (`--before COMMIT`, none by default), and can take minutes a page.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.benchmarks.rounds import table
from tltk import home
from tltk.dashboard.chrome import PAGES
from tltk.runs.run import Child, Run, Status
from tltk.specs.parts import DataSpec, NetSpec, OptimSpec
from tltk.specs.reading import read_spec
from tltk.specs.training import TransferSpec
from tltk.studies.compare.spec import CompareSpec

ROOT = Path(__file__).parents[2]
SHELL = """
import sys, time
from click.testing import CliRunner
from tltk.cli import main
wall, cpu = time.perf_counter(), time.process_time()
done = CliRunner().invoke(main.main, sys.argv[1:])
assert done.exit_code == 0, done.output
print("FOUND", time.perf_counter() - wall, time.process_time() - cpu, len(done.stdout.splitlines()))
"""

PAGE = """
import os, sys, time
from pathlib import Path
import tltk.jobs.local
tltk.jobs.local.ensure_supervisor = lambda: None  # what a page queues is not run here
from streamlit.testing.v1 import AppTest
import tltk.dashboard.router as router
root = Path(router.__file__).parents[2]
name = sys.argv[1]
app = AppTest.from_file(router.__file__, default_timeout=600).run()
app.switch_page(str(root / "pages" / f"{name}.py")).run()  # what is imported and cached once
wall, cpu = time.perf_counter(), time.process_time()
app.run()
assert not app.exception, app.exception
print("FOUND", time.perf_counter() - wall, time.process_time() - cpu, len(app.main.children))
"""


def fill(runs: int) -> None:
    """A home with so many runs: trainings with results and weights, every hundredth a study of nine of them."""
    folder, recent = home.folder("runs"), list[str]()
    predictions = [i % 10 for i in range(300)]
    for i in range(runs):
        is_study = i % 100 == 99
        data, net = (
            DataSpec(("digits", "blended_digits")[i % 2], shots=5),
            NetSpec(("resnet10t", "resnet18")[i % 3 > 0]),
        )
        spec = CompareSpec(data, net=net, first_seed=i) if is_study else TransferSpec(data, net, seed=i)
        run = Run(folder / spec.run_id)
        run.path.mkdir(exist_ok=True)
        (run.path / "spec.json").write_text(spec.to_json())
        status = Status("done", epoch=10, epochs=10, seconds=4.2, device="cpu", updated=time.time())
        (run.path / "status.json").write_bytes(msgspec.json.encode(status))
        found: dict[str, object] = {"accuracy": 0.5 + i % 40 / 100, "macro_f1": 0.5, "seconds": 4.2, "steps": 100}
        found |= {"predictions": predictions, "labels": predictions, "depth": 5, "boundary": 2, "device": "cpu"}
        if is_study:
            found = {"verdict": {"label": "helps", "gap": 0.1, "transfer": 0.8, "sentence": "Transfer helps."}}
            children = [Child(name, "scratch", "search", 0, 1e-3) for name in recent[-9:]]
            (run.path / "children.jsonl").write_bytes(b"".join(msgspec.json.encode(c) + b"\n" for c in children))
        else:
            (run.path / "model.safetensors").touch()
            recent = [*recent[-8:], run.id]
        (run.path / "result.json").write_text(json.dumps(found))


def measured(program: str, words: list[str], root: Path, rounds: int) -> tuple[float, float]:
    """Milliseconds of wall-clock and processor time, the least of the rounds."""
    found = []
    for _ in range(rounds):
        env = {**os.environ, "PYTHONPATH": str(root), "TLTK_ROOTS": os.sep, "COLUMNS": "120"}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program, *words], cwd=root, env=env, capture_output=True, text=True
        )
        line = next((text for text in done.stdout.splitlines() if text.startswith("FOUND")), None)
        if line is None:
            raise SystemExit(f"{words} in {root}: {done.stdout[-500:]}{done.stderr[-1500:]}")
        wall, cpu = line.split()[1:3]
        found.append((1e3 * float(wall), 1e3 * float(cpu)))
    return min(wall for wall, _ in found), min(cpu for _, cpu in found)


def specs() -> list[list[object]]:
    """Milliseconds that a spec takes to be read, by kind."""
    rows: list[list[object]] = []
    for spec in (TransferSpec(DataSpec(shots=5), optim=OptimSpec(epochs=3)), CompareSpec(source=DataSpec("digits"))):
        text, times = spec.to_json(), []
        read_spec(text)
        for _ in range(20):
            start = time.process_time()
            for _ in range(100):
                read_spec(text)
            times.append(10 * (time.process_time() - start))
        rows.append([spec.kind, f"{min(times):.3f}"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", default="", help="a commit without an index to compare with; one round of it")
    parser.add_argument("--pages", default=",".join(PAGES), help="which, with commas; none for none")
    options = parser.parse_args()
    pages = [name for name in options.pages.split(",") if name in PAGES]
    table(["spec of kind", "ms to read"], specs())
    print(flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TLTK_HOME"] = str(Path(folder) / "home")
        before = Path(folder) / "before" if options.before else None
        if before is not None:
            subprocess.run(["git", "-C", ROOT, "worktree", "add", "--detach", before, options.before], check=True)
        try:
            fill(options.runs)
            time.sleep(2.5)
            asked = {
                "tltk runs, no index yet": (SHELL, ["runs"], 1),
                "tltk runs": (SHELL, ["runs"], options.rounds),
                "tltk runs --limit 0": (SHELL, ["runs", "--limit", "0"], options.rounds),
                "tltk runs --json": (SHELL, ["runs", "--json"], options.rounds),
                "tltk runs --search": (SHELL, ["runs", "--search", "blended resnet18 a1"], options.rounds),
                "tltk runs --kind --state": (SHELL, ["runs", "--kind", "compare", "--state", "done"], options.rounds),
                **{f"page {name}": (PAGE, [name], options.rounds) for name in pages},
            }
            headings = ["", "wall ms", "CPU ms"] + (["before, wall ms", "before, CPU ms"] if before else [])
            rows = []
            for name, (program, words, rounds) in asked.items():
                row: list[object] = [name, *(f"{v:.0f}" for v in measured(program, words, ROOT, rounds))]
                if before is not None:
                    had = words if program == PAGE or name in ("tltk runs --json", "tltk runs") else ["runs"]
                    row += [f"{v:.0f}" for v in measured(program, had, before, 1)]
                rows.append(row)
                print(*row, sep=" · ", flush=True)
            print(f"\n{options.runs:,} runs; imports and the start of Python are left out.\n")
            table(headings, rows)
        finally:
            if before is not None:
                subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", before], check=False)


if __name__ == "__main__":
    main()
