"""The runs of this home as lists show them: what the index says of their folders, and the queue of those in it."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from tltk.jobs import executor
from tltk.jobs.local import Local
from tltk.runs import index
from tltk.runs.index import Query, RunEntry
from tltk.runs.run import ACTIVE


def runs(query: Query | None = None, **fields: Any) -> list[RunEntry]:
    """The runs that are asked for, newest first, with the state that the executor says.

    Args:
        query: Which; None = one of these fields.
        **fields: Of a `tltk.runs.index.Query`.
    """
    asked = query if query is not None else Query(**fields)
    by = executor()
    states = by.queue_states() if isinstance(by, Local) else {}
    # Which of the active ones are meant is known only here.
    wide = dataclasses.replace(asked, states={*asked.states, *ACTIVE}, limit=0) if asked.states else asked
    found = index.find(wide, ids=states)
    for number, entry in enumerate(found):
        state = states.get(entry.id)
        if state == "waiting" and entry.state == "running":
            continue  # a study trains it before its turn comes
        if state is None and entry.state in ACTIVE:
            # Waiting without a job: the queue was lost, or it was never queued. It can be resumed, unless Slurm has it.
            lost = entry.state == "waiting" and not entry.run.is_with_cluster
            state = ("stopped" if lost else None) if isinstance(by, Local) else by.state(entry.id)
        if state is not None and state != entry.state:
            found[number] = msgspec.structs.replace(entry, state=state)
    if asked.states:
        found = [entry for entry in found if entry.state in asked.states]
    return found[: asked.limit] if asked.limit > 0 else found
