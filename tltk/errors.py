"""Every error that a user can cause, as a sentence. Lowest layer: imports nothing of ours.

    TltkError(ValueError)
    ├── UnknownName      a name that no registry, run or class list has
    ├── BadSpec          a spec whose values cannot be meant
    ├── DataProblem      pictures, labels or archives that cannot be used
    ├── CannotSplit      a network that cannot be cut at this boundary
    ├── WeightsMissing   weights that are not on this machine, or do not fit
    └── RunProblem       a run that cannot start, go on, or be read
        └── Diverged     a training whose loss is no longer a number

A message says what must hold, what came, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TltkError(ValueError):
    """Something that the user can put right; its text is shown as it stands."""


class UnknownName(TltkError):
    """A name that is not known here.

    Example:
        >>> str(UnknownName.among("strategy", "fine_tun", ["fine_tune", "lp_ft"]))
        "strategy must be one of fine_tune, lp_ft. Got 'fine_tun'. Did you mean 'fine_tune'?"
    """

    @classmethod
    def among(cls, kind: str, got: str, known: Iterable[str]) -> UnknownName:
        """The sentence for `got`, which is none of `known`, with the nearest one offered."""
        names = sorted(known)
        shown = ", ".join(names[:12]) + (f", … ({len(names)} in all)" if len(names) > 12 else "")
        if not names:
            return cls(f"{kind} must exist. Got {got!r}, but there is none yet.")
        lower = {name.lower(): name for name in names}
        near = difflib.get_close_matches(got.lower(), lower, n=1, cutoff=0.5)
        hint = f" Did you mean {lower[near[0]]!r}?" if near else ""
        return cls(f"{kind} must be one of {shown}. Got {got!r}.{hint}")


class BadSpec(TltkError):
    """A spec whose values cannot be meant."""


class DataProblem(TltkError):
    """Pictures, labels or archives that cannot be used."""


class CannotSplit(TltkError):
    """A network that cannot be cut at this boundary; it trains whole instead."""


class WeightsMissing(TltkError):
    """Weights that are not on this machine, or do not fit the network."""


class RunProblem(TltkError):
    """A run that cannot start, go on, or be read."""


class Diverged(RunProblem):
    """A training whose loss is no longer a number; in a search over rates, this rate has lost."""
