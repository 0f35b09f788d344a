"""Every error that a user can cause, as a sentence. Lowest layer: imports nothing of ours.

    TltkError(ValueError)
    ├── UnknownName      a name that no registry, run or class list has
    ├── BadSpec          a spec whose values cannot be meant
    ├── DataProblem      pictures, labels or archives that cannot be used
    ├── CannotSplit      a network that cannot be cut at this boundary
    ├── WeightsMissing   weights that are not on this machine, or do not fit
    └── RunProblem       a run that cannot start, go on, or be read
        ├── Diverged     a training whose loss is no longer a number
        └── MachineProblem  a disk that is full, a folder that may not be written, memory that ran out

A message says what must hold, what came, and what to do.
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


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
        """The sentence for `got`, which is none of `known`, with the nearest one offered.

        Args:
            kind: What the name is of, as the subject of the sentence.
            got: The unknown name.
            known: All names that exist; at most 12 are listed.
        """
        names, got = sorted(name or "'' (none)" for name in known), truncate(got)
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


class Pruned(RunProblem):
    """A training that its study ended early, since it had fallen behind; what it has is in its checkpoint."""


# What the machine may say when a file or memory is asked of it → what must hold, what came and what to do. Windows and
# network disks use their own numbers for the last few.
_FULL = "The disk must have room for {where}. No space is left on it; free some, or set TLTK_HOME to another disk."
_DENIED = "This user must be permitted to use {where}. Permission is denied; change its permissions or set TLTK_HOME."
_MEMORY = "This machine must have the memory for what is asked. There is not enough; ask for fewer or smaller "
_MEMORY += "pictures, a smaller batch, or end other programs."
_BROKEN = "The disk must be able to read and write {where}. It reports an input/output error; check the disk, copy "
_BROKEN += "what you can from it, or set TLTK_HOME to another."
_AWAY = "The disk that holds {where} must be within reach. It is not; check its connection or set TLTK_HOME to another."
_SENTENCES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "Your share of the disk must have room for {where}. The quota is used up; delete something, or set "
    "TLTK_HOME to another disk.",
    errno.EFBIG: "A file must be no larger than its disk allows. {where} is; set TLTK_HOME to another disk.",
    errno.EROFS: "The disk that holds {where} must be writable. It is mounted read-only; set TLTK_HOME to a "
    "folder that can be written.",
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EIO: _BROKEN,
    errno.ENOTDIR: "All that the path of {where} leads through must be folders. There is a file; choose another path.",
    errno.EEXIST: "There must be a folder at {where}. There is a file; move it, or choose another path.",
    errno.EISDIR: "There must be a file at {where}. There is a folder; move it, or choose another path.",
    errno.ENOENT: "The folder of {where} must exist. There is none; make it, or choose another path.",
    errno.ENAMETOOLONG: "A path must be no longer than the disk allows. {where} is; choose a shorter one.",
    errno.ELOOP: "A path must end somewhere. The links of {where} lead round in a circle; mend them.",
    errno.ENOMEM: _MEMORY,
    errno.EMFILE: "A program must be allowed the files that it needs. Too many are open; raise the limit (ulimit -n).",
    errno.ENFILE: "A machine must be allowed the files that it needs. Too many are open; end other programs.",
    errno.EAGAIN: "This machine must be able to start another process. It is not; end other programs and try again.",
    errno.ENOLCK: "The disk that holds {where} must be able to lock files. It is not; set TLTK_HOME to a local disk.",
    errno.ESTALE: _AWAY,
    errno.ETIMEDOUT: _AWAY,
    errno.ENOTCONN: _AWAY,
    errno.ENODEV: _AWAY,
    errno.ENXIO: _AWAY,
    errno.EHOSTDOWN: _AWAY,
}
OUT_OF_MEMORY = ("can't allocate memory", "cannot allocate memory", "out of memory", "unable to allocate")


class MachineProblem(RunProblem, OSError):
    """What the machine could not do: a full, broken or read-only disk, a path, permissions, memory.

    It is an `OSError` too, so that code that handles those handles these.
    """

    def __init__(self, text: str, number: int | None = None) -> None:
        super().__init__(text)
        self.errno = number

    @classmethod
    def of(cls, fault: BaseException, where: Any = "") -> MachineProblem | None:
        """The sentence for a fault of the machine; None for any other.

        Args:
            fault: What was raised.
            where: The file or folder that it is about, where the fault does not say.
        """
        if isinstance(fault, MachineProblem):
            return fault
        if isinstance(fault, OSError):
            place = fault.filename if fault.filename is not None else where
            shown = truncate(os.fsdecode(place)) if isinstance(place, str | bytes | os.PathLike) and place else ""
            sentence = _SENTENCES.get(fault.errno or 0)
            if sentence is None:
                return None
            text = sentence.format(where=shown or "the file")
            return cls(text[0].upper() + text[1:], fault.errno)
        if isinstance(fault, MemoryError) or (
            isinstance(fault, RuntimeError) and any(words in str(fault).lower() for words in OUT_OF_MEMORY)
        ):
            return cls(_MEMORY, errno.ENOMEM)
        return None


@contextmanager
def machine_errors(where: Any = "") -> Iterator[None]:
    """Faults of the machine inside are raised as their sentences.

    Raises:
        MachineProblem: The disk is full, the folder may not be written, and so on.
    """
    try:
        yield
    except (OSError, MemoryError) as fault:
        found = MachineProblem.of(fault, where)
        if found is None or found is fault:
            raise
        raise found from None


def truncate(text: str, most: int = 200) -> str:
    """The text, its middle left out where it is long."""
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"


def abbreviate(value: Any) -> str:
    """A value as error sentences show it: not at length, and however deep it is nested."""
    try:
        return truncate(repr(value))
    except (RecursionError, ValueError):  # a whole number of more digits than Python writes
        return f"a {type(value).__name__} that is too large to show"
