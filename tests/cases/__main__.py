"""`python -m tests.cases`: the table; `python -m tests.cases NAME FOLDER`: one input to look at."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.cases import running
from tests.cases.outcomes import ROWS


def main(words: list[str]) -> int:
    """Print the table; 1 where an outcome is wrong."""
    if len(words) == 2 and words[0] in running.recipes():
        print(running.make(words[0], Path(words[1]).absolute()))
        return 0
    if words:
        print("A recipe must be one of", ", ".join(sorted(running.recipes())))
        return 2
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["TLTK_HOME"] = str(Path(scratch) / "home")
        for row in ROWS:
            root = running.make(row.case, Path(scratch) / row.case)
            told, wrong = running.outcome(row, root)
            failed += bool(wrong)
            source = ascii(row.source.replace("{}", "…"))[1:-1]
            print(f"{'FAIL' if wrong else 'ok  '} {row.case:34} {source[:44]:44} {told.replace(str(root), '…')}")
            for what in wrong:
                print(f"       {what}")
    print(f"{len(ROWS)} inputs, {failed} with a wrong outcome")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
