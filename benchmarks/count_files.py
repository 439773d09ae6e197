"""How long files of many rows take to be counted, and how much memory.

Every line is measured in a process of its own: its wall time after the imports, and the peak of
its resident memory, all included. The counts of all lines must be equal. Polars on its own is
measured only up to 50 million rows, as it holds all of them in memory.

    python benchmarks/count_files.py FOLDER [paths]

The files are made in FOLDER if it is not there, as make_paths.py says (2 million paths: 200 million
rows, 200 MB), and stay there.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from make_paths import make

ROLES = {"state": "state", "sequence": "person", "time": "hour"}
LARGEST_IN_MEMORY = 50_000_000


def count_files(folder: Path, **options: Any) -> Any:
    """Count files as this project does: DuckDB, or Polars where they are sorted."""
    from bayes_markov.file_counts import count_files

    return count_files(folder, **ROLES, **options, progress=True)


def polars(folder: Path, engine: str) -> Any:
    """Count with the same expression in Polars."""
    import polars as pl

    from bayes_markov.frames import count_transitions

    pl.Config.set_engine_affinity(engine)
    return count_transitions(pl.scan_parquet(folder / "*.parquet"), **ROLES)


TASKS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "sorted, declared": ("by_sequence", lambda folder: count_files(folder, assume_sorted=True)),
    "sorted, not declared": ("by_sequence", count_files),
    "by time": ("by_time", count_files),
    "by time, Polars": ("by_time", lambda folder: polars(folder, "in-memory")),
    "by time, Polars streaming": ("by_time", lambda folder: polars(folder, "streaming")),
}


def measure(folder: Path, task: str) -> None:
    """Do one task and print what it took."""
    import duckdb  # noqa: F401
    import polars as pl  # noqa: F401
    import pyarrow as pa  # noqa: F401

    import bayes_markov.file_counts  # noqa: F401

    order, work = TASKS[task]
    started = time.perf_counter()
    counts = work(folder / order)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps([seconds, peak, int(counts.table.sum()), counts.digest]))


def main() -> None:
    """Make the files if they are not there, and measure each task in a process of its own."""
    folder = Path(sys.argv[1])
    if len(sys.argv) > 2 and sys.argv[2] in TASKS:
        return measure(folder, sys.argv[2])
    paths = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000_000
    if not folder.exists():
        make(folder, paths)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    print(f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB of memory")
    print(f"{'task':<28} {'rows':>12} {'seconds':>8} {'10^6 / s':>9} {'peak GiB':>9}")
    digests, rows = set(), 0
    for task in TASKS:
        if "Polars" in task and rows > LARGEST_IN_MEMORY:
            print(f"{task:<28} not measured: all rows would be in memory")
            continue
        done = subprocess.run(
            [sys.executable, __file__, folder, task], stdout=subprocess.PIPE, check=True, text=True
        )
        seconds, peak, rows, digest = json.loads(done.stdout)
        digests.add(digest)
        print(f"{task:<28} {rows:>12,} {seconds:>8.1f} {rows / seconds / 1e6:>9.1f} {peak:>9.2f}")
    assert len(digests) == 1, "the tasks disagree"
    return None


if __name__ == "__main__":
    main()
