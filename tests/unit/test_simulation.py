"""The simulation of queue and executor, where the answer is known without it."""

from __future__ import annotations

import math
import random

import pytest

from tests.benchmarks.simulation import Asked, Cluster, InTurn, erlang_c, lognormal, simulate, workload
from tltk.jobs.queue import Job, in_turn


def test_one_node_without_failures_takes_the_sum_of_durations() -> None:
    draw = random.Random(0)
    asked = [Asked(0.0, i % 3, draw.uniform(1, 50)) for i in range(200)]
    found = simulate(asked, Cluster(1))
    total = sum(one.seconds for one in asked)
    assert found.end == pytest.approx(total) and found.useful == pytest.approx(total)
    assert found.lost == found.n_failures == 0 and found.most_waiting == 199
    started = simulate(asked, Cluster(1, start=7.0))
    assert started.end == pytest.approx(total + 200 * 7.0) and started.starting == pytest.approx(200 * 7.0)


def test_as_many_nodes_as_runs_take_as_long_as_the_longest() -> None:
    asked = [Asked(0.0, 0, float(i + 1)) for i in range(50)]
    found = simulate(asked, Cluster(50))
    assert found.end == 50.0 and max(found.waits) == 0.0


@pytest.mark.parametrize(("servers", "share"), [(1, 0.5), (10, 0.8)])
def test_waiting_is_as_erlang_says(servers: int, share: float) -> None:
    draw, now, asked = random.Random(1), 0.0, list[Asked]()
    for _ in range(150_000):
        now += draw.expovariate(share * servers)
        asked.append(Asked(now, 0, draw.expovariate(1.0)))
    found = simulate(asked, Cluster(servers))
    waits = found.waits[5000:]
    must_wait = erlang_c(servers, share * servers)
    assert sum(wait > 0 for wait in waits) / len(waits) == pytest.approx(must_wait, rel=0.03)
    assert sum(waits) / len(waits) == pytest.approx(must_wait / (servers * (1 - share)), rel=0.06)


def test_erlang_c_in_closed_form() -> None:
    assert erlang_c(1, 0.3) == pytest.approx(0.3)
    c, a = 4, 3.0
    last = a**c / math.factorial(c) * c / (c - a)
    assert erlang_c(c, a) == pytest.approx(last / (sum(a**k / math.factorial(k) for k in range(c)) + last))


def test_a_failure_loses_what_was_done_since_the_last_checkpoint() -> None:
    rate, every = 1 / 100, 10.0
    asked = [Asked(0.0, 0, 5000.0) for _ in range(400)]
    found = simulate(asked, Cluster(1, rate, checkpoint=every))
    # E[X mod c] of an exponential X is 1/λ − c / (exp(λc) − 1).
    expected = 1 / rate - every / (math.exp(rate * every) - 1)
    assert found.n_failures > 15_000
    assert found.lost / found.n_failures == pytest.approx(expected, rel=0.03)
    assert found.useful == pytest.approx(400 * 5000.0), "each comes to its end"
    assert found.end == pytest.approx(found.useful + found.lost), "one node, never idle, repaired at once"


def test_without_checkpoints_a_run_begins_again() -> None:
    found = simulate([Asked(0.0, 0, 100.0)] * 4000, Cluster(1, 1 / 100))
    # The time to work T without a failure is (exp(λT) − 1) / λ on average.
    assert found.end / 4000 == pytest.approx(100 * (math.e - 1), rel=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_who_comes_next_is_whom_the_queue_itself_names(seed: int) -> None:
    draw, mine = random.Random(seed), InTurn()
    waiting: list[Job] = []
    served: dict[tuple[str, int], int] = {}
    for step in range(300):
        if draw.random() < 0.55:
            person = draw.randrange(4)
            mine.add(person, step)
            waiting.append(Job(step + 1, f"{step}", "queued", 0.0, 0, "", None, None, None, None, f"p{person}"))
        elif waiting:
            first = in_turn(waiting, served)[0]
            assert mine.take() == int(first.run)
            waiting.remove(first)
            served[first.person, 0] = 1 + max(served.values(), default=0)
    assert mine.n == len(waiting)


def test_who_asks_for_little_does_not_wait_for_who_asks_for_much() -> None:
    asked = [*(Asked(0.0, 0, 10.0) for _ in range(1000)), Asked(5.0, 1, 10.0)]
    assert simulate(asked, Cluster(1)).waits[-1] == 5.0


def test_a_workload_is_as_it_was_asked_for() -> None:
    found = workload(20_000, 10, 20.0, 0.5, lognormal(600.0, 1.0))
    assert len(found) == 20_000 and [one.at for one in found] == sorted(one.at for one in found)
    assert len(found) / found[-1].at == pytest.approx(0.5, rel=0.1)
    assert sum(one.seconds for one in found) / len(found) == pytest.approx(600 * math.exp(0.5), rel=0.05)
    shares = [sum(one.person == k for one in found) / len(found) for k in range(10)]
    assert shares[0] == max(shares) and shares[0] > 2 * shares[9]
