"""What `tltk doctor` looks at: whether this machine can do what the dashboard offers."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

import psutil

from tltk import home
from tltk.errors import TltkError
from tltk.jobs import choice, nodes
from tltk.jobs.cluster import SCHEMES, Cluster
from tltk.runs import sync

STORE_SECONDS = 30.0  # that an object store has to answer
CLUSTER_SECONDS = 10.0  # the same of a cluster, each time that it is asked


@dataclass(frozen=True)
class Check:
    """One thing looked at, whether it is well, and a sentence."""

    name: str
    ok: bool
    text: str


def examine() -> list[Check]:
    """All checks, quick ones first."""
    return [_python(), *_packages(), _home(), *_store(), *_cluster(), _disk(), _memory(), _torch(), _offline()]


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("python", sys.version_info[:2] >= (3, 11), f"Python {version}; 3.11 or newer is needed.")


def _packages() -> list[Check]:
    found = []
    for name in ("torch", "torchvision", "timm", "streamlit", "plotly", "scikit-learn", "umap-learn"):
        try:
            found.append(Check(name, True, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            found.append(Check(name, False, "Not installed; `make app` installs it."))
    return found


def _home() -> Check:
    try:
        home.check_writable()
        return Check("home", True, f"{home.home()} can be written to.")
    except TltkError as fault:
        return Check("home", False, str(fault))


def _store() -> list[Check]:
    """Of a home in an object store: whether that can be reached, and what has still to be sent."""
    if not home.address():
        return []
    try:
        fault = sync.wait_for_others(STORE_SECONDS)
        unsent = sync.report().unsent
    except TltkError as problem:
        return [Check("store", False, str(problem))]
    text = f"{home.shown(home.address())} can be reached; {unsent} runs have still to be sent."
    return [Check("store", not fault, fault or text)]


def _cluster() -> list[Check]:
    """Of a Ray cluster to which new runs go: whether it answers, and whether runs could begin on its nodes."""
    try:
        address = choice.address()
        if address.partition("://")[0] not in SCHEMES:
            return []
        cluster = Cluster(address, answer_s=CLUSTER_SECONDS)
        every = nodes.nodes(cluster)
        found = [Check("cluster", True, nodes.summary(cluster, every))]
        faults = nodes.try_nodes(cluster, every)
    except TltkError as problem:
        return [Check("cluster", False, str(problem))]
    fine = f"It sees {home.home()} and has tltk."
    return found + [Check(f"node {name}", not fault, fault or fine) for name, fault in sorted(faults.items())]


def _disk() -> Check:
    try:
        free = shutil.disk_usage(home.home()).free
    except (TltkError, OSError):
        return Check("disk", False, "The home cannot be looked at, so what is free there is not known.")
    return Check("disk", free > 1e9, f"{free / 1e9:.1f} GB free; runs and kept features want 1 GB or more.")


def _memory() -> Check:
    free = psutil.virtual_memory().available
    return Check("memory", free > 2e9, f"{free / 1e9:.1f} GB free; training wants 2 GB or more.")


def _torch() -> Check:
    """Asked in a process of its own, so that a broken install cannot take us down."""
    probe = (
        "import torch, torchvision.ops;"
        "print(torch.__version__, 'cuda' if torch.cuda.is_available() else"
        " 'mps' if torch.backends.mps.is_available() else 'cpu', torch.get_num_threads())"
    )
    try:
        done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return Check("device", False, "torch must load within five minutes. It does not; is the disk very slow?")
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no message"
        return Check("device", False, f"torch and torchvision must load together. They do not: {last}.")
    version, device, threads = done.stdout.split()[:3]
    return Check("device", True, f"torch {version} will train on {device} with {threads} threads.")


def _offline() -> Check:
    offline = os.environ.get("HF_HUB_OFFLINE", "") in ("1", "true", "TRUE", "yes")
    text = (
        "HF_HUB_OFFLINE is set: hub weights come from the cache alone."
        if offline
        else ("hub weights are fetched when asked for; nothing else needs a network.")
    )
    return Check("network", True, text)
