"""A stand-in for Slurm on this machine: `sbatch`, `srun`, `squeue`, `scancel` and `scontrol requeue`, for tests.

`place(folder)` writes the commands into a folder that a test puts on PATH. A job is a process of this machine; jobs wait
for those that they depend on, an array runs so many tasks at once as it says, and `scancel --signal` sends signals as
Slurm does before a time limit. Nothing of Slurm's is imitated but what submitit and tltk ask of it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol")
OVER = ("COMPLETED", "FAILED", "CANCELLED")


def place(folder: Path) -> Path:
    """Write the commands into `folder/bin`; their state lies in `folder/state`."""
    (folder / "bin").mkdir(parents=True)
    (folder / "state").mkdir()
    for name in COMMANDS:
        command = folder / "bin" / name
        words = [sys.executable, "-I", "-S", __file__, str(folder / "state"), name]
        command.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        command.chmod(0o755)
    return folder / "bin"


def states(folder: Path) -> dict[str, str]:
    """Job or task → its state."""
    return {path.stem: json.loads(path.read_text())["state"] for path in (folder / "state").glob("*.json")}


def scripts(folder: Path) -> list[str]:
    """The scripts that were submitted, in order."""
    return [p.read_text() for p in sorted((folder / "state").glob("*.sh"), key=lambda p: int(p.stem))]


# -- what the commands do ------------------------------------------------------------------------------------


class Table:
    """A file for each job or task."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def read(self, name: str) -> dict[str, object]:
        return dict(json.loads((self.folder / f"{name}.json").read_text()))

    def write(self, name: str, **fields: object) -> None:
        path = self.folder / f"{name}.json"
        known = self.read(name) if path.exists() else {}
        scratch = path.with_suffix(f".{os.getpid()}.new")
        scratch.write_text(json.dumps({**known, **fields}))
        scratch.replace(path)

    def names(self, job: str) -> list[str]:
        """Of a job and all tasks of its array, or of one task."""
        return [p.stem for p in self.folder.glob("*.json") if p.stem == job or p.stem.startswith(f"{job}_")]


def flags(script: str) -> dict[str, str]:
    found = re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", script, re.M)
    return {name: " ".join(shlex.split(value)) for name, value in found}


def sbatch(table: Table, words: list[str]) -> int:
    script = Path(words[-1]).read_text()
    asked = flags(script)
    number = str(1 + len(list(table.folder.glob("*.sh"))))
    (table.folder / f"{number}.sh").write_text(script)
    last, _, most = asked.get("array", "").removeprefix("0-").partition("%")
    tasks = [f"{number}_{i}" for i in range(int(last) + 1)] if last else [number]
    for task in tasks:
        table.write(task, state="PENDING", pid=0)
    words = [sys.executable, "-I", "-S", __file__, str(table.folder), "serve", number, most or "1", *tasks]
    subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ,
    )
    print(f"Submitted batch job {number}")
    return 0


def serve(table: Table, words: list[str]) -> int:
    """Run the tasks of one job to their ends."""
    number, most, *waiting = words
    script = table.folder / f"{number}.sh"
    asked = flags(script.read_text())
    needed = asked.get("dependency", "").split(":")[1:]
    while any(table.read(name)["state"] not in OVER for job in needed for name in table.names(job)):
        time.sleep(0.05)
    running: dict[str, subprocess.Popen[bytes]] = {}
    while waiting or running:
        for task in [t for t in waiting if table.read(t)["state"] == "CANCELLED"]:
            waiting.remove(task)
        while waiting and len(running) < min(int(most), os.cpu_count() or 1):
            task = waiting.pop(0)
            own = {**os.environ, "SLURM_JOB_ID": number, "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}
            if "_" in task:
                own |= {"SLURM_ARRAY_JOB_ID": number, "SLURM_ARRAY_TASK_ID": task.partition("_")[2]}
            running[task] = subprocess.Popen(["bash", str(script)], env=own, start_new_session=True)
            table.write(task, state="RUNNING", pid=running[task].pid, requeue=False)
        for task, process in list(running.items()):
            if process.poll() is None:
                continue
            del running[task]
            now = table.read(task)
            if now.get("requeue"):
                table.write(task, state="PENDING")
                waiting.append(task)
            elif now["state"] != "CANCELLED":
                table.write(task, state="COMPLETED" if process.returncode == 0 else "FAILED")
        time.sleep(0.05)
    return 0


def srun(table: Table, words: list[str]) -> int:
    """The command alone, its output where it was asked for; a step, which is where signals go."""
    files = {}
    while words[0].startswith("--"):
        option = words.pop(0)
        if option in ("--output", "--error"):
            number, _, task = name_of_this().partition("_")
            text = words.pop(0).replace("%A", number).replace("%a", task).replace("%j", number).replace("%t", "0")
            files[option] = os.open(text, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(files["--output"], 1)
    os.dup2(files.get("--error", files["--output"]), 2)
    table.write(name_of_this(), step=os.getpid())
    os.execvp(words[0], words)


def name_of_this() -> str:
    task = os.environ.get("SLURM_ARRAY_TASK_ID")
    return os.environ["SLURM_JOB_ID"] + (f"_{task}" if task else "")


def squeue(table: Table, words: list[str]) -> int:
    called = [word.partition("=")[2].split(",") for word in words if word.startswith("--name=")]
    if called:
        scripts = sorted(table.folder.glob("*.sh"))
        jobs = [path.stem for path in scripts if flags(path.read_text()).get("job-name") in called[0]]
        names = [name for job in jobs for name in table.names(job)]
        print("\n".join(name for name in names if table.read(name)["state"] not in OVER))
        return 0
    names = table.names(words[words.index("--jobs") + 1])
    if not names:
        print("slurm_load_jobs error: Invalid job id specified", file=sys.stderr)
        return 1
    for name in names:
        state = table.read(name)["state"]
        if state not in OVER:
            print(f"{name} {state}")
    return 0


def scancel(table: Table, words: list[str]) -> int:
    signals = [word.partition("=")[2] for word in words if word.startswith("--signal=")]
    for job in [word for word in words if not word.startswith("--")]:
        for name in table.names(job):
            now = table.read(name)
            if now["state"] in OVER:
                continue
            if signals:  # as before a time limit: to the step, not to the script
                os.kill(int(str(now["step"])), getattr(signal, f"SIG{signals[0]}"))
                continue
            table.write(name, state="CANCELLED")
            if now["state"] == "RUNNING":
                os.killpg(int(str(now["pid"])), signal.SIGTERM)
    return 0


def scontrol(table: Table, words: list[str]) -> int:
    assert words[0] == "requeue"
    table.write(words[1], requeue=True)
    return 0


if __name__ == "__main__":
    called = {
        "sbatch": sbatch,
        "srun": srun,
        "squeue": squeue,
        "scancel": scancel,
        "scontrol": scontrol,
        "serve": serve,
    }
    sys.exit(called[sys.argv[2]](Table(sys.argv[1]), sys.argv[3:]))
