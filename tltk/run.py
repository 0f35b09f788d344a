"""`python -m tltk.run FOLDER`: the only way in which a run is ever executed. One process, one run.

With `--wait` it loads torch first and reads the folder's path from its input: a warm spare.
"""

from __future__ import annotations

import sys

from tltk.jobs.worker import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
