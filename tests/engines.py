"""The data-frame engines that every count must agree on, and rows to count by a loop."""

import atexit
import functools
import itertools
import os
import random
import shutil
import sys

import duckdb
import ibis
import numpy as np
import pandas as pd
import polars as pl
import pytest

CLOCKS = "Europe/Berlin"
"""Time zone of the engines that have one: its clocks change, and no count may."""

DUCKDB = duckdb.connect()
ibis.set_backend(ibis.duckdb.from_connection(DUCKDB))
DUCKDB.execute(f"set TimeZone = '{CLOCKS}'")  # after Ibis, which has set UTC


@functools.cache
def spark_session():
    """Apache Spark on two threads of this machine, set up for data of a few rows."""
    os.environ["PYSPARK_PYTHON"] = sys.executable  # Spark's workers must run this Python
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.session.timeZone": CLOCKS,
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    session = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    atexit.register(session.stop)
    return session


def to_spark(frame):
    """Give a frame to Spark, which has no unsigned integers and no categories."""
    plain = [
        pl.col(name).cast(pl.String if dtype in (pl.Categorical, pl.Enum) else pl.Int64)
        for name, dtype in frame.schema.items()
        if dtype in (pl.Categorical, pl.Enum) or dtype.is_unsigned_integer()
    ]
    return spark_session().createDataFrame(frame.with_columns(plain).to_arrow())


ENGINES = {
    "polars": lambda frame: frame,
    "polars lazy": lambda frame: frame.lazy(),
    "pandas": lambda frame: frame.to_pandas(),
    "pandas on arrow": lambda frame: frame.to_pandas(types_mapper=pd.ArrowDtype),
    "pandas objects": lambda frame: frame.to_pandas().astype(object),
    "pyarrow": lambda frame: frame.to_arrow(),
    "duckdb": lambda frame: DUCKDB.from_arrow(frame.to_arrow()),
    "ibis": lambda frame: ibis.memtable(frame.to_arrow()),
    "spark": to_spark,
}

ENGINE_PARAMS = [
    pytest.param(
        to_engine,
        id=name,
        marks=[
            pytest.mark.slow,
            pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
        ]
        if name == "spark"
        else (),
    )
    for name, to_engine in ENGINES.items()
]


def count_rows(rows, states, order, gap=lambda before, now: False):
    """Loop over rows (sequence key, time, state), None being a missing state."""
    table = np.zeros((len(states) + 1,) * order + (len(states),), dtype=np.int64)
    ordered = sorted(rows, key=lambda row: (row[0], row[1]))
    for _, group in itertools.groupby(ordered, key=lambda row: row[0]):
        path = list(group)
        for t in range(len(path)):
            window = path[max(0, t - order) : t + 1]
            if any(state is None for _, _, state in window):
                continue
            if any(gap(a[1], b[1]) for a, b in itertools.pairwise(window)):
                continue
            codes = [states.index(state) + 1 for _, _, state in window]
            history = [0] * (order + 1 - len(window)) + codes[:-1]
            table[(*history, codes[-1] - 1)] += 1
    return table


def ragged_rows(labels, *, seed, missing=0.15):
    """Rows (unit, sequence, time, state) in no order; the same sequence names in every unit."""
    rng = random.Random(seed)
    rows = []
    for unit in ("u10", "u2", "ü"):
        for sequence in range(4):
            times = sorted(rng.sample(range(-40, 60), rng.randint(1, 25)))
            state = rng.choice(labels)
            for time in times:
                # Asymmetric on purpose: mostly stay, else move up the list, wrapping at its end.
                step = rng.choice([0, 0, 0, 1, 1, 2])
                state = labels[(labels.index(state) + step) % len(labels)]
                shown = None if rng.random() < missing else state
                rows.append((unit, sequence, time, shown))
    rng.shuffle(rows)
    return rows


def as_frame(rows, state_type=None):
    frame = pl.DataFrame(rows, schema=["unit", "sequence", "time", "state"], orient="row")
    return frame if state_type is None else frame.with_columns(pl.col("state").cast(state_type))
