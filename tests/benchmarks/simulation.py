"""A discrete simulation of the queue and its executor: nodes, runs of several people, failures, checkpoints.

Time is in seconds. A node executes one run at a time. The order is that of `tltk.jobs.queue.in_turn`, kept here so that
the next run is found in a few steps; a test compares the two.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

DAY = 86_400.0


@dataclass(frozen=True)
class Asked:
    """A run that somebody asks for.

    Attributes:
        at: When.
        person: Whose it is.
        seconds: How long it takes on a node that does not fail.
    """

    at: float
    person: int
    seconds: float


@dataclass(frozen=True)
class Cluster:
    """What executes the runs.

    Attributes:
        nodes: How many.
        failures: Of a node that works, per second; the time between two is exponential.
        repair: Draws how long a node is away after a failure.
        checkpoint: Seconds of work between two checkpoints; inf = there is none.
        start: Seconds from its place in the queue's coming up until a run works: its process, its imports, its pictures.
        notice: Seconds until a run whose node has failed is queued again.
    """

    nodes: int
    failures: float = 0.0
    repair: Callable[[random.Random], float] = lambda draw: 0.0
    checkpoint: float = math.inf
    start: float = 0.0
    notice: float = 0.0


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        waits: Seconds from asking to the first start, of each run.
        end: When the last run ended.
        useful: Seconds of work that count, over all nodes.
        lost: Seconds of work that had to be done again.
        starting: Seconds that starts took.
        n_failures: Runs that lost their node, each time counted.
        most_waiting: The longest queue.
    """

    waits: list[float]
    end: float = 0.0
    useful: float = 0.0
    lost: float = 0.0
    starting: float = 0.0
    n_failures: int = 0
    most_waiting: int = 0


@dataclass
class InTurn:
    """Who waits: one of each person by turns, whoever has waited longest since a start of theirs first."""

    own: dict[int, deque[tuple[int, int]]] = field(default_factory=dict)  # person → (number, run)
    turns: list[tuple[int, int, int]] = field(default_factory=list)  # (their last start, number of their first, person)
    served: dict[int, int] = field(default_factory=dict)
    n_added: int = 0
    n_started: int = 0
    n: int = 0

    def add(self, person: int, run: int) -> None:
        """Put a run at the end of its person's."""
        self.n_added += 1
        self.n += 1
        mine = self.own.setdefault(person, deque())
        mine.append((self.n_added, run))
        if len(mine) == 1:
            heapq.heappush(self.turns, (self.served.get(person, 0), self.n_added, person))

    def take(self) -> int:
        """The run that begins now."""
        _, _, person = heapq.heappop(self.turns)
        mine = self.own[person]
        _, run = mine.popleft()
        self.n -= 1
        self.n_started += 1
        self.served[person] = self.n_started
        if mine:
            heapq.heappush(self.turns, (self.n_started, mine[0][0], person))
        return run


@dataclass
class FirstCome(InTurn):
    """Who waits, as a plain queue: for comparison."""

    def add(self, person: int, run: int) -> None:
        """Put a run at the end."""
        super().add(0, run)


def simulate(asked: Sequence[Asked], cluster: Cluster, seed: int = 0, queue: InTurn | None = None) -> Outcome:
    """Execute all runs to their ends.

    Args:
        asked: By the time at which they are asked for.
        cluster: What executes them.
        seed: Of the failures.
        queue: Who comes next; None = by turns.
    """
    draw = random.Random(seed)
    queue = queue or InTurn()
    found = Outcome([0.0] * len(asked))
    left = [one.seconds for one in asked]
    is_new = [True] * len(asked)
    free = cluster.nodes
    events: list[tuple[float, int, int]] = []  # (when, what, run): a run asks again, or a node is free
    again, ended, back = 0, 1, 2
    coming = 0
    while coming < len(asked) or events:
        if coming < len(asked) and (not events or asked[coming].at <= events[0][0]):
            now = asked[coming].at
            queue.add(asked[coming].person, coming)
            coming += 1
        else:
            now, what, run = heapq.heappop(events)
            if what == again:
                queue.add(asked[run].person, run)
            else:
                free += 1
                if what == ended:
                    found.end = now
        found.most_waiting = max(found.most_waiting, queue.n)
        while free and queue.n:
            run = queue.take()
            free -= 1
            if is_new[run]:
                is_new[run] = False
                found.waits[run] = now - asked[run].at
            whole = cluster.start + left[run]
            lasts = draw.expovariate(cluster.failures) if cluster.failures else math.inf
            if lasts >= whole:
                found.useful += left[run]
                found.starting += cluster.start
                heapq.heappush(events, (now + whole, ended, run))
                continue
            done = max(lasts - cluster.start, 0.0)
            saved = done // cluster.checkpoint * cluster.checkpoint if cluster.checkpoint < math.inf else 0.0
            found.starting += min(lasts, cluster.start)
            found.useful += saved
            found.lost += done - saved
            found.n_failures += 1
            left[run] -= saved
            heapq.heappush(events, (now + lasts + cluster.notice, again, run))
            heapq.heappush(events, (now + lasts + cluster.repair(draw), back, run))
    return found


def erlang_c(servers: int, load: float) -> float:
    """The probability that who comes has to wait, M/M/c.

    C(c, a) = B / (1 − ρ (1 − B)), ρ = a / c, where B is Erlang's B by its recursion B(0) = 1,
    B(k) = a B(k − 1) / (k + a B(k − 1)).

    Reference: Erlang (1917), Solution of some problems in the theory of probabilities of significance in automatic
    telephone exchanges.

    Args:
        servers: c.
        load: a = arrival rate × mean service time, below c.
    """
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = load * blocked / (k + load * blocked)
    share = load / servers
    return blocked / (1 - share * (1 - blocked))


def lognormal(median: float, sigma: float) -> Callable[[random.Random], float]:
    """Draws from a lognormal distribution; its mean is median × exp(σ²/2)."""
    return lambda draw: median * math.exp(sigma * draw.gauss(0.0, 1.0))


def workload(
    runs: int, people: int, study: float, rate: float, seconds: Callable[[random.Random], float], seed: int = 0
) -> list[Asked]:
    """Studies of several people, Poisson; who asks is drawn by Zipf's law, the k-th as often as 1/k says.

    Args:
        runs: How many in all.
        people: How many.
        study: Mean number of trainings that a study asks for at once; geometric.
        rate: Runs per second, on average.
        seconds: Draws how long a run takes.
        seed: Of all that is drawn.
    """
    draw = random.Random(seed)
    names, weights = range(people), [1 / (k + 1) for k in range(people)]
    found: list[Asked] = []
    now = 0.0
    while len(found) < runs:
        now += draw.expovariate(rate / study)
        person = draw.choices(names, weights)[0]
        n = 1 + int(math.log(1 - draw.random()) / math.log(1 - 1 / study)) if study > 1 else 1
        found += [Asked(now, person, seconds(draw)) for _ in range(min(n, runs - len(found)))]
    return found
