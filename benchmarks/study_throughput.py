"""How long 10^8 transitions take to simulate, to count and to put through the estimators.

A study of 10^6 paths of length 100 over three states, on two processes, once with the estimators
in closed form and once with those that are found by iteration as well. Peak memory is that of the
largest process, for a tenth of the paths and for all of them: it should be the same.

    python benchmarks/study_throughput.py [paths] [processes]
"""

import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from analytic import ESTIMATORS
from bayes_markov import risk_study

LENGTH = 100
TRUTH = [[0.2, 0.5, 0.3], [0.7, 0.1, 0.2], [0.25, 0.35, 0.4], [0.05, 0.15, 0.8]]
BY_ITERATION = ("empirical_bayes", "empirical_bayes_vector", "reversible")
CLOSED_FORM = tuple(name for name in ESTIMATORS if name not in BY_ITERATION)


def cpu_time() -> float:
    """Seconds that this process and finished ones have computed, which others cannot slow down."""
    used = [resource.getrusage(kind) for kind in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def peak_memory() -> float:
    """Largest resident size so far, of this process and of finished ones, in megabytes."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024


def measure(estimators: tuple[str, ...], paths: int, processes: int) -> None:
    """Run one study and print a line."""
    started, computed = time.perf_counter(), cpu_time()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        study = risk_study(
            TRUTH,
            lengths=[LENGTH],
            estimators=estimators,
            replicates=paths,
            seed=1,
            executor=pool,
        )
    seconds = time.perf_counter() - started
    assert study["risk"].notnull().any()
    rate = paths * LENGTH / seconds / 1e6
    print(
        f"{len(estimators):>10} {paths:>10,} {paths * LENGTH:>12,} {processes:>9} "
        f"{seconds:>8.1f} {cpu_time() - computed:>6.1f} {rate:>9.2f} {peak_memory():>8.0f}"
    )


def main() -> None:
    """Measure a tenth of the paths first, then all of them."""
    paths = int(sys.argv[1]) if len(sys.argv) > 1 else 10**6
    processes = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    print("estimators      paths  transitions processes  seconds  CPU s 10^6 / s  peak MB")
    for number in (paths // 10, paths):
        measure(CLOSED_FORM, number, processes)
    for number in (paths // 10, paths):
        measure(tuple(ESTIMATORS), number, processes)


if __name__ == "__main__":
    main()
