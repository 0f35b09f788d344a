"""Charts whose classes and runs are named like tags, links, entities and templates."""

from tltk.dashboard.plot import plot
from tltk.plots.balance import balance
from tltk.plots.curves import lines
from tltk.results.curves import Curve

NAME = '<a href="http://evil.example">d</a><b>e</b>&lt;f%{x}'
CURVE = Curve("accuracy", (1.0, 2.0), (0.1, 0.9))

plot(balance({"Target": {NAME[:20]: 3, "<b>b</b>&amp;": 1}}), key="classes", alt="Classes.")
plot(lines({NAME: CURVE, "b": CURVE}, "Accuracy", "step"), key="runs", alt="Runs.")
