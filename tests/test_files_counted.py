"""Files, folders and globs give the table that their rows in one frame give."""

import gzip
import re
import sys
import tempfile
import threading

import numpy as np
import polars as pl
import pytest

from bayes_markov import file_counts, sorted_rows
from bayes_markov.counts import TransitionCounts
from bayes_markov.file_counts import column_type, count_files
from bayes_markov.files import find_files, read
from bayes_markov.frames import count_transitions
from engines import as_frame, ragged_rows
from test_files import BROKEN

ROLES = {"state": "state", "sequence": "sequence", "time": "time", "unit": "unit"}
FRAME = as_frame(ragged_rows(["b", "ä ö", "s10", "s2"], seed=7))
SORTED = FRAME.sort("unit", "sequence", "time")


def write(frame, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    else:
        frame.write_csv(path)
    return path


def in_parts(frame, folder, ending, cuts=(0, 1, 40, 40, 97)):
    """Write a frame as several files, one of them without rows."""
    ends = [*cuts[1:], frame.height]
    for number, (start, end) in enumerate(zip(cuts, ends, strict=True)):
        write(frame[start:end], folder / f"part-{number}{ending}")
    return folder


ARRANGED = {
    "one file": lambda f, tmp, end: write(f, tmp / f"all{end}"),
    "folder": lambda f, tmp, end: in_parts(f, tmp, end),
    "folder as text": lambda f, tmp, end: str(in_parts(f, tmp, end)),
    "glob": lambda f, tmp, end: in_parts(f, tmp, end) / f"part-*{end}",
    "nested": lambda f, tmp, end: (
        str(in_parts(f, tmp / "year = 1" / "x", end).parents[1]) + f"/**/*{end}"
    ),
}


@pytest.mark.parametrize("arranged", ARRANGED)
@pytest.mark.parametrize("ending", [".parquet", ".csv", ".csv.gz"])
@pytest.mark.parametrize("assume_sorted", [False, True])
def test_files_are_counted_as_their_rows(tmp_path, arranged, ending, assume_sorted):
    source = ARRANGED[arranged](SORTED if assume_sorted else FRAME, tmp_path, ending)
    for options in ({}, {"order": 2, "step": 1}):
        expected = count_transitions(FRAME, **ROLES, **options, missing="break")
        counts = count_files(
            source, **ROLES, **options, missing="break", assume_sorted=assume_sorted
        )
        assert counts == expected
        assert expected.table.sum() > 4


def test_what_spark_leaves_beside_its_files_is_passed_over(tmp_path):
    folder = in_parts(FRAME, tmp_path, ".parquet")
    for name in ("_SUCCESS", ".part-0.parquet.crc", "._SUCCESS.crc"):
        (folder / name).write_bytes(b"")
    (folder / "_temporary").mkdir()
    assert [file.name for file in find_files(folder)] == [f"part-{n}.parquet" for n in range(5)]
    assert count_files(folder, **ROLES, missing="break").units == ("u2", "u10", "ü")


def test_text_is_text_in_any_storage(tmp_path):
    kinds = [pl.String, pl.Categorical, pl.Enum(["b", "ä ö", "s10", "s2"])]
    for number, kind in enumerate(kinds):
        part = SORTED[number * 50 : (number + 1) * 50 if number < 2 else None]
        write(part.with_columns(pl.col("state").cast(kind)), tmp_path / f"{number}.parquet")
    expected = count_transitions(FRAME, **ROLES, missing="break")
    for assume_sorted in (False, True):
        found = count_files(tmp_path, **ROLES, missing="break", assume_sorted=assume_sorted)
        assert found == expected


def test_parquet_columns_are_found_by_name(tmp_path):
    write(FRAME[:50], tmp_path / "a.parquet")
    other = FRAME[50:].select("time", "state", "unit", "sequence").with_columns(note=pl.lit(1.5))
    write(other, tmp_path / "b.parquet")
    expected = count_transitions(FRAME, **ROLES, missing="break")
    assert count_files(tmp_path, **ROLES, missing="break") == expected


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
@pytest.mark.parametrize("assume_sorted", [False, True])
def test_the_rows_of_one_file_have_an_order(tmp_path, ending, assume_sorted):
    states = ["c", "a", "b", "a"] * 2000
    path = write(pl.DataFrame({"s": states, "row": range(8000)}), tmp_path / f"rows{ending}")
    expected = TransitionCounts.from_sequences([states])
    assert count_files(path, state="s", assume_sorted=assume_sorted) == expected
    counts = count_files(
        path, state="s", sequence="row", assume_sorted=assume_sorted and ending == ".parquet"
    )
    assert counts.table[1:].sum() == 0
    with pytest.raises(ValueError, match=r"'s' at row=\S+, s=c is 'c'.*not among the states"):
        count_files(path, state="s", states=["a", "b"], assume_sorted=assume_sorted)


def test_several_files_need_a_time(tmp_path):
    folder = in_parts(FRAME, tmp_path, ".csv")
    with pytest.raises(ValueError, match=r"time is missing: the rows of 5 files .* no order"):
        count_files(folder, state="state", sequence="sequence")


def test_a_step_without_times_is_refused(tmp_path):
    write(FRAME, tmp_path / "rows.parquet")
    with pytest.raises(ValueError, match="name the time column with time="):
        count_files(tmp_path / "rows.parquet", state="state", step=2)


@pytest.mark.parametrize("name", ["a[1].csv", "it's.csv", "*.csv", 'ü"?.csv', "a[1].parquet"])
@pytest.mark.parametrize("assume_sorted", [False, True])
def test_odd_names_are_names(tmp_path, name, assume_sorted):
    right = pl.DataFrame({"row": [1, 2], 'it\'s "x"': ["a", "b"], "select *": [7, 7]})
    wrong = pl.DataFrame({"row": [1], 'it\'s "x"': ["wrong"], "select *": [7]})
    path = write(right, tmp_path / name)
    write(wrong, tmp_path / f"a1{path.suffix}")
    options = {"state": 'it\'s "x"', "sequence": "select *", "assume_sorted": assume_sorted}
    expected = TransitionCounts.from_sequences([["a", "b"]])
    assert count_files(path, **options) == expected
    assert count_files(path, **options, time="row") == expected
    assert read(path)['it\'s "x"'].to_list() == ["a", "b"]


def test_blank_lines_are_read_as_ever(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("s\na\n\nb\n\n\n")
    for assume_sorted in (False, True):
        counts = count_files(path, state="s", missing="break", assume_sorted=assume_sorted)
        np.testing.assert_array_equal(counts.table, [[1, 0], [0, 0], [0, 0]])
    path.write_text("s\na\nb\n\n\n")
    assert count_files(path, state="s") == TransitionCounts.from_sequences([["a", "b"]])
    path.write_text("t,s\n1,a\n2,b\n\n\n")
    assert count_files(path, state="s", time="t").table.sum() == 2


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("packed", [False, True])
def test_broken_csv_is_refused(tmp_path, kind, packed):
    content, message = BROKEN[kind]
    path = tmp_path / ("table.csv.gz" if packed else "table.csv")
    path.write_bytes(gzip.compress(content) if packed and content else content)
    message = message.replace("a header but no rows", "no rows")
    for assume_sorted in (False, True):
        with pytest.raises(ValueError, match=rf"{path} {message}"):
            count_files(path, state="s", assume_sorted=assume_sorted)


def test_lines_that_end_in_two_ways_are_refused(tmp_path):
    path = tmp_path / "ends.csv"
    path.write_bytes(b"t,s\n1,a\r\n2,b\n")
    with pytest.raises(ValueError, match=r"ends.csv cannot be read as CSV"):
        count_files(path, state="s", time="t")


def test_broken_parquet_is_refused(tmp_path):
    path = write(FRAME, tmp_path / "table.parquet")
    whole = path.read_bytes()
    middle = len(whole) // 2
    for content in (whole[:-40], b"t,s\n1,a\n", b"PAR1" + whole[:middle]):
        path.write_bytes(content)
        for assume_sorted in (False, True):
            with pytest.raises(ValueError, match=r"table.parquet cannot be read as Parquet"):
                count_files(path, **ROLES, missing="break", assume_sorted=assume_sorted)


def test_files_that_do_not_fit_together_are_refused(tmp_path):
    write(FRAME, tmp_path / "a.parquet")
    write(FRAME.with_columns(pl.col("time").cast(pl.Int32)), tmp_path / "b.parquet")
    with pytest.raises(
        ValueError,
        match=r"b.parquet and \S*a.parquet do not fit together: column 'time' is Int32 in one and "
        r"Int64 in the other; convert one",
    ):
        count_files(tmp_path, **ROLES)
    assert column_type(tmp_path, "time") == pl.Int64
    write(FRAME.drop("time"), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match=r"b.parquet has no column 'time'; its columns are 'uni"):
        count_files(tmp_path, **ROLES)
    write(FRAME, tmp_path / "b.csv")
    with pytest.raises(ValueError, match=r"holds CSV and Parquet \(b.csv, a.parquet\); name the"):
        count_files(tmp_path, **ROLES)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"notes.txt is not a .csv, .csv.gz or .parquet file"):
        count_files(tmp_path, **ROLES)


def test_headers_in_another_order_are_refused(tmp_path):
    """DuckDB would go by the position of a column and count times as states."""
    write(FRAME, tmp_path / "a.csv")
    write(FRAME.select("unit", "sequence", "state", "time"), tmp_path / "b.csv")
    with pytest.raises(
        ValueError, match=r"the header is 'unit,sequence,state,time' in one and 'unit,sequence,tim"
    ):
        count_files(tmp_path, **ROLES)


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_columns_that_differ_in_case_are_refused(tmp_path, ending):
    path = write(pl.DataFrame({"S": ["x", "y"], "s": ["a", "b"]}), tmp_path / f"case{ending}")
    with pytest.raises(ValueError, match=r"columns 'S' and 's', which differ in case only"):
        count_files(path, state="s")


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing.csv"):
        count_files(tmp_path / "nothing.csv", state="s")
    with pytest.raises(ValueError, match=r"has no .csv, .csv.gz or .parquet file"):
        count_files(tmp_path, state="s")
    with pytest.raises(ValueError, match=r"\*.csv has no .csv, .csv.gz or .parquet file"):
        count_files(tmp_path / "*.csv", state="s")
    write(FRAME, tmp_path / "year=2020" / "a.parquet")
    message = re.escape(f"year=2020 is a folder in {tmp_path}; name the files with a glob such as")
    with pytest.raises(ValueError, match=message):
        count_files(tmp_path, state="state", time="time")


def test_no_rows_in_any_file(tmp_path):
    for name in ("a.parquet", "b.parquet"):
        write(FRAME.clear(), tmp_path / name)
    with pytest.raises(ValueError, match=r"has no rows; there is nothing to count"):
        count_files(tmp_path, **ROLES)


def test_files_out_of_order_are_refused(tmp_path):
    folder = in_parts(SORTED, tmp_path, ".parquet", cuts=(0, 60))
    (folder / "part-0.parquet").rename(folder / "part-2.parquet")
    with pytest.raises(ValueError, match=r"rows are not sorted by 'unit', 'sequence', 'time'"):
        count_files(folder, **ROLES, missing="break", assume_sorted=True)
    (folder / "part-2.parquet").unlink()
    write(FRAME, folder / "part-1.parquet")
    with pytest.raises(ValueError, match=r"rows are not sorted"):
        count_files(folder, **ROLES, missing="break", assume_sorted=True)


def test_what_exceeds_memory_goes_to_disk_and_is_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "spill"))
    (tmp_path / "spill").mkdir()
    number = 1_500_000
    rng = np.random.default_rng(1)
    order = rng.permutation(number)
    frame = pl.DataFrame({"q": order % 5000, "t": order // 5000, "s": order % 5000 % 3})
    path = write(frame, tmp_path / "large.parquet")
    on_disk, done = set(), threading.Event()

    def look():
        while not done.wait(0.002):
            on_disk.update(file.name for file in (tmp_path / "spill").glob("bayes_markov-*/*"))

    monkeypatch.setattr(file_counts, "MEMORY_LIMIT", "40MB")
    watcher = threading.Thread(target=look)
    watcher.start()
    counts = count_files(path, state="s", sequence="q", time="t")
    done.set()
    watcher.join()
    expected = np.diag([299 * number // 300 // 3] * 3)
    np.testing.assert_allclose(counts.table[1:], expected, atol=299)
    assert counts.table.sum() == number
    assert any(name.startswith("duckdb_temp") for name in on_disk)
    assert list((tmp_path / "spill").iterdir()) == []


def test_progress_is_shown_on_terminals_only(tmp_path, monkeypatch, capfd):
    path = write(SORTED, tmp_path / "a.parquet")
    count_files(path, **ROLES, missing="break", progress=True)
    assert capfd.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    count_files(path, **ROLES, missing="break")
    assert capfd.readouterr() == ("", "")
    count_files(path, **ROLES, missing="break", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "counting" in err


def test_progress_ends_with_the_work(tmp_path, monkeypatch):
    shares = []
    monkeypatch.setattr(file_counts, "_bar", lambda progress: _Recorder(shares))
    monkeypatch.setattr(sorted_rows, "BATCH_ROWS", 10)
    path = write(SORTED, tmp_path / "a.csv")
    count_files(path, **ROLES, missing="break", assume_sorted=True)
    assert shares == sorted(shares)
    assert shares[-1] == 1


class _Recorder:
    def __init__(self, shares):
        self.shares = shares

    def __enter__(self):
        return self.shares.append

    def __exit__(self, *error):
        return None
