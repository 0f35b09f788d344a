"""Where new runs go: what the shell says, else what a page has chosen for this home; a link says nothing of it."""

from __future__ import annotations

import contextlib
import os
import re

import msgspec

from tltk import home
from tltk.errors import BadSpec, TltkError
from tltk.jobs.cluster import SCHEMES, Cluster, Place, Unreachable, shown

CHOICE = "TLTK_EXECUTOR"  # names another executor than this machine: an address, or MODULE:CLASS
FILE = "executor.json"  # of the home: what a page has chosen
CHECK_SECONDS = 5.0  # that a cluster may take to answer whoever waits before a page


class _Kept(msgspec.Struct, frozen=True):
    """What a page has chosen: the address of a cluster."""

    address: str = ""


def of_shell() -> str:
    """What `TLTK_EXECUTOR` says, which wins; "" = nothing."""
    return os.environ.get(CHOICE, "")


def kept() -> str:
    """The address of the cluster that a page has chosen for this home; "" = this machine.

    What the file says otherwise, such as a module to be loaded, counts as nothing. What an earlier version kept before
    an @ was never sent to anybody, and is taken out of the file.
    """
    path = home.home() / FILE
    found = home.read_json(path, _Kept) if path.exists() else None
    if found is None:
        return ""
    address = re.sub(rf"^({'|'.join(map(re.escape, SCHEMES))})://.*@", r"\1://", found.address, flags=re.DOTALL)
    try:
        Place.read(address)
    except TltkError:
        return ""
    if address != found.address:
        with contextlib.suppress(TltkError):  # a home that cannot be written
            home.write_atomic(path, msgspec.json.encode(_Kept(address)))
    return address


def chosen() -> str:
    """Where new runs go, as `TLTK_EXECUTOR` would have it; "" or "local" = this machine."""
    return of_shell() or kept()


def address() -> str:
    """The address of the cluster to which new runs go; "" = to none."""
    return found if "://" in (found := chosen()) else ""


def keep(address: str) -> None:
    """Let new runs of this home go to a cluster, once it has answered; those that are queued stay where they are.

    Args:
        address: As in ray://HOST:8265; "" = this machine.

    Raises:
        BadSpec: The shell says where they go; or it is no address, or nothing answers there.
        RunProblem: It does not know us.
    """
    if of_shell():
        raise BadSpec(
            f"{CHOICE} must be unset for a page to choose where new runs go. It is {shown(of_shell())!r}; start the "
            "dashboard without it."
        )
    if not address:
        home.remove(home.home() / FILE)
        return
    try:
        Cluster(address, answer_s=CHECK_SECONDS).jobs()
    except Unreachable as fault:
        raise BadSpec(f"{str(fault).partition(';')[0].rstrip('.')}. Nothing was changed.") from None
    home.write_atomic(home.home() / FILE, msgspec.json.encode(_Kept(address)))


def of_worker() -> dict[str, str]:
    """What a worker of this machine gets, so that a study that was queued for it hands no training to a cluster."""
    return {CHOICE: "local"} if not of_shell() or "://" in of_shell() else {}
