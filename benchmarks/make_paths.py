"""Simulated paths in Parquet files: 2 million of 50 to 150 steps over 8 states, 200 million rows.

The same rows are written twice, about 100 MB each: by sequence, so that they are sorted, and by
time, as a panel is recorded, so that the rows of a sequence are far apart.

    python benchmarks/make_paths.py FOLDER [paths]
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import analytic

STATES = ["asleep", "at work", "at home", "on the way", "shopping", "at school", "out", "elsewhere"]
SHORTEST, LONGEST = 50, 150
BLOCK = 100_000
"""Paths simulated together, and written to one file."""

SCHEMA = pa.schema(
    [
        ("person", pa.int64()),
        ("hour", pa.int32()),
        ("state", pa.dictionary(pa.int8(), pa.string())),
    ]
)
PACKED = {
    "compression": "zstd",
    "use_dictionary": ["state"],
    "column_encoding": {"person": "DELTA_BINARY_PACKED", "hour": "DELTA_BINARY_PACKED"},
}


def truth() -> np.ndarray:
    """A matrix of sticky rows, no two alike."""
    K = len(STATES)
    rows = np.random.default_rng(1).dirichlet(np.ones(K), size=K + 1)
    rows[1:] = 0.7 * np.eye(K) + 0.3 * rows[1:]
    return rows


def as_table(person: np.ndarray, hour: np.ndarray, state: np.ndarray) -> pa.Table:
    """Rows as they are written."""
    labels = pa.DictionaryArray.from_arrays(pa.array(state), pa.array(STATES))
    return pa.table([pa.array(person), pa.array(hour), labels], schema=SCHEMA)


def make(folder: Path, paths: int) -> int:
    """Write the files, and give the number of rows of each of the two sets."""
    rng = np.random.default_rng(2)
    A = truth()
    lengths = rng.integers(SHORTEST, LONGEST + 1, size=paths)
    walks = np.empty((paths, LONGEST), dtype=np.int8)
    for order in ("by_sequence", "by_time"):
        (folder / order).mkdir(parents=True)
    hours = np.arange(LONGEST, dtype=np.int32)
    for start in range(0, paths, BLOCK):
        block = slice(start, min(start + BLOCK, paths))
        walks[block] = analytic.simulate(A, LONGEST, rng=rng, size=block.stop - start)
        seen = hours < lengths[block, None]
        table = as_table(
            np.repeat(np.arange(start, block.stop), lengths[block]),
            np.broadcast_to(hours, seen.shape)[seen],
            walks[block][seen],
        )
        name = f"part-{start // BLOCK:04d}.parquet"
        pq.write_table(table, folder / "by_sequence" / name, row_group_size=1_000_000, **PACKED)
    for first in range(0, LONGEST, 10):
        name = f"part-{first:04d}.parquet"
        with pq.ParquetWriter(folder / "by_time" / name, SCHEMA, **PACKED) as writer:
            for hour in hours[first : first + 10]:
                person = np.flatnonzero(lengths > hour)
                if len(person):
                    table = as_table(person, np.full(len(person), hour), walks[person, hour])
                    writer.write_table(table, row_group_size=1_000_000)
    return int(lengths.sum())


def main() -> None:
    """Write the files and say how large they are."""
    folder = Path(sys.argv[1])
    paths = int(sys.argv[2]) if len(sys.argv) > 2 else 2_000_000
    rows = make(folder, paths)
    for order in ("by_sequence", "by_time"):
        size = sum(file.stat().st_size for file in (folder / order).iterdir())
        print(f"{folder / order}: {paths:,} paths, {rows:,} rows, {size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
