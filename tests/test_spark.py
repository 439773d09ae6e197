"""What is particular to Apache Spark; that it counts as all others do is in test_frames."""

import datetime as dt
import shutil

import numpy as np
import polars as pl
import pytest

import bayes_markov as bm
from bayes_markov.file_counts import count_files
from bayes_markov.frames import count_transitions
from engines import as_frame, ragged_rows, spark_session, to_spark

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]

ROLES = {"state": "state", "sequence": "sequence", "time": "time", "unit": "unit"}
FRAME = as_frame(ragged_rows(["b", "ä", "s10", "s2"], seed=7))


@pytest.fixture(scope="session")
def spark():
    return spark_session()


@pytest.mark.parametrize("partitions", [1, 9])
def test_empty_partitions_change_nothing(partitions):
    frame = to_spark(FRAME[:6]).repartition(partitions)
    expected = count_transitions(FRAME[:6], **ROLES, missing="break", order=2)
    assert count_transitions(frame, **ROLES, missing="break", order=2) == expected
    spread = to_spark(FRAME).repartition(partitions, "time")
    expected = count_transitions(FRAME, **ROLES, missing="break")
    assert count_transitions(spread, **ROLES, missing="break") == expected


def test_spark_and_duckdb_read_the_same_files(spark, tmp_path):
    """Three lines: a session, a frame, the counts. Spark's own files are counted here as well."""
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[2]").getOrCreate()
    assert session is spark
    FRAME[:50].write_parquet(tmp_path / "a.parquet")
    FRAME[50:].write_parquet(tmp_path / "b.parquet")
    counts = bm.count_transitions(
        session.read.parquet(str(tmp_path)),
        **ROLES,
        states=["b", "ä", "s2", "s10"],
        missing="break",
    )
    assert counts == count_files(tmp_path, **ROLES, states=["b", "ä", "s2", "s10"], missing="break")
    written = tmp_path / "written"
    to_spark(FRAME).repartition(3).write.parquet(str(written))
    assert (written / "_SUCCESS").exists()
    assert count_files(written, **ROLES, missing="break") == count_transitions(
        FRAME, **ROLES, missing="break"
    )


def test_times_without_a_zone_have_no_clocks_that_change(spark):
    rows = [(f"2024-10-27 0{hour}:00:00", state) for hour, state in enumerate("abcabc")]
    text = spark.createDataFrame(rows, "t string, s string")
    frame = text.selectExpr("cast(t as timestamp_ntz) t", "s").repartition(3)
    counts = count_transitions(frame, state="s", time="t", step=dt.timedelta(hours=1))
    np.testing.assert_array_equal(counts.table, [[1, 0, 0], [0, 2, 0], [0, 0, 2], [1, 0, 0]])


def test_a_view_in_sql_is_a_frame(spark):
    to_spark(FRAME.drop_nulls()).createOrReplaceTempView("observed")
    frame = spark.sql("select * from observed where unit <> 'ü'")
    kept = FRAME.drop_nulls().filter(pl.col("unit") != "ü")
    assert count_transitions(frame, **ROLES) == count_transitions(kept, **ROLES)
