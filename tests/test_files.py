"""Files are read whole and as they are, or refused with the reason."""

import csv
import datetime as dt
import gzip
import os
import subprocess
import sys

import polars as pl
import pytest

from bayes_markov.counts import TransitionCounts
from bayes_markov.datasets import example_file
from bayes_markov.file_counts import count_files
from bayes_markov.files import read
from bayes_markov.frames import count_transitions


@pytest.fixture
def csv_file(tmp_path):
    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_csv_values_are_text(csv_file):
    path = csv_file('t,s,x\n01,10,2024-01-01\n2,007,1.50\n3,,true\n4,"a ""b"", c\nd",é\n')
    frame = read(path)
    assert frame.columns == ["t", "s", "x"]
    assert frame.rows() == [
        ("01", "10", "2024-01-01"),
        ("2", "007", "1.50"),
        ("3", None, "true"),
        ("4", 'a "b", c\nd', "é"),
    ]
    assert read(path, columns=["s", "t"])["s"].to_list() == ["10", "007", None, 'a "b", c\nd']
    assert set(read(path, columns=["s"]).columns) == {"s"}


def test_quotes_and_blanks_that_all_readers_understand(csv_file):
    text = 't,s\n1,"x, ""y"", z"\n2,a "b"\n3," ""c"""\n4,  "d"\n5," ""e,"\n'
    path = csv_file(text)
    expected = ['x, "y", z', 'a "b"', ' "c"', '  "d"', ' "e,']
    assert read(path)["s"].to_list() == expected
    assert count_files(path, state="s", time="t", states=expected).table.sum() == 5


@pytest.mark.parametrize(
    "content",
    [
        b"t,s\r\n1,a\r\n2,b\r\n",
        b"\xef\xbb\xbft,s\n1,a\n2,b\n",
        b"t,s\n1,a\n2,b",
        b"t,s\n1,a\n2,b\n\n\n",
        b'"t","s"\n"1","a"\n"2","b"\n',
    ],
)
def test_csv_comes_in_several_dresses(csv_file, content):
    assert read(csv_file(content)).rows() == [("1", "a"), ("2", "b")]
    assert read(csv_file(gzip.compress(content), "t.csv.gz"), columns=["s"]).rows() == [
        ("a",),
        ("b",),
    ]


def test_a_blank_line_in_one_column_is_a_missing_value(csv_file):
    frame = read(csv_file("s\na\n\nb\n\n\n"))
    assert frame["s"].to_list() == ["a", None, "b"]
    counts = count_transitions(frame, state="s", missing="break")
    assert counts.table.tolist() == [[1, 0], [0, 0], [0, 0]]


BROKEN = {
    "empty": (b"", r"is empty"),
    "no rows": (b"t,s\n", r"has a header but no rows"),
    "no header": (b"\nt,s\n", r"has no header line"),
    "short row": (b"t,s,x\n1,a,b\n2,b\n3,a,b\n", r"has 2 fields at line 3, expected 3 fields"),
    "long row": (b"t,s\n1,a\n2,b,c\n", r"has 3 fields at line 3, expected 2 fields"),
    "blank line": (b"t,s\n1,a\n\n3,a\n", r"has a blank line at line 3, expected 2 fields"),
    "open quote": (b't,s\n1,"a\n2,b\n', r"is not well-formed CSV at line 3: unexpected end"),
    "stray quote": (b't,s\n1,"a"b\n', r"is not well-formed CSV at line 2"),
    "quote after a blank": (
        b't,s\n1,"a, ""b"""\n2, "a"\n',
        r"has a field that begins with a blank and a quote at line 3, .*; remove the blank",
    ),
    "quote after the first blank": (b't,s\n1,a\n\n "2",a\n', "has a field that .* at line 4"),
    "quote after a blank in the header": (b't, "s"\n1,a\n', "has a field that .* at line 1"),
    "latin-1": ("t,s\n1,é\n".encode("latin-1"), r"is not UTF-8 text after line"),
    "utf-16": ("t,s\n1,a\n".encode("utf-16"), r"is not UTF-8 text"),
    "two columns of one name": (b"s,s\n1,a\n", r"has more than one column 's'"),
    "no such column": (b"t,state\n1,a\n", r"has no column 's'; its columns are 't', 'state'"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("packed", [False, True])
def test_broken_csv_is_refused(csv_file, kind, packed):
    content, message = BROKEN[kind]
    if packed and content:
        path = csv_file(gzip.compress(content), "table.csv.gz")
    else:
        path = csv_file(content)
    with pytest.raises(ValueError, match=f"^{path} {message}"):
        read(path, columns=["s"])


def test_a_cut_gzip_file_is_refused(csv_file):
    whole = gzip.compress(b"t,s\n" + b"1,a\n" * 10_000)
    for content in (whole[:-9], whole[:20], b"not gzip at all"):
        with pytest.raises(ValueError, match="is not a whole gzip file"):
            read(csv_file(content, "table.csv.gz"))


def test_parquet_keeps_its_types(tmp_path):
    frame = pl.DataFrame(
        {"t": [dt.date(2024, 1, 1), dt.date(2024, 1, 3)], "s": [10, 2], "x": ["10", None]}
    )
    path = tmp_path / "table.parquet"
    frame.write_parquet(path)
    assert read(path).equals(frame)
    assert read(str(path), columns=["s", "t"]).equals(frame.select("s", "t"))
    assert count_transitions(read(path), state="s", time="t").states == (2, 10)
    with pytest.raises(ValueError, match=r"has no column 'y'; its columns are 't', 's', 'x'"):
        read(path, columns=["y"])
    frame.clear().write_parquet(path)
    with pytest.raises(ValueError, match="no rows"):
        read(path)


def test_broken_parquet_is_refused(tmp_path):
    path = tmp_path / "table.parquet"
    pl.DataFrame({"s": ["a", "b"] * 500}).write_parquet(path)
    whole = path.read_bytes()
    for content in (whole[:-40], b"t,s\n1,a\n"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"table.parquet cannot be read as Parquet"):
            read(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="is empty"):
        read(path)


def test_what_is_not_there_or_not_a_table_is_refused(tmp_path, csv_file):
    with pytest.raises(FileNotFoundError, match=r"nothing.csv"):
        read(tmp_path / "nothing.csv")
    with pytest.raises(IsADirectoryError):
        read(tmp_path)
    with pytest.raises(ValueError, match=r"table.xlsx is not a .csv, .csv.gz or .parquet file"):
        read(csv_file(b"t,s\n1,a\n", "table.xlsx"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(csv_file):
    path = csv_file(b"t,s\n1,a\n")
    path.chmod(0)
    with pytest.raises(PermissionError, match=r"table.csv"):
        read(path)


def test_polars_is_not_imported_before_a_file_is_read():
    script = "import sys, bayes_markov.files, bayes_markov.datasets; print('polars' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "False")


def test_the_seattle_file_has_every_day():
    with example_file("seattle_weather.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    days = [dt.date.fromisoformat(row["date"]) for row in rows]
    assert days == [dt.date(2012, 1, 1) + dt.timedelta(days=n) for n in range(1461)]
    assert days[-1] == dt.date(2015, 12, 31)
    frame = read(example_file("seattle_weather.csv"))
    counts = count_transitions(frame, state="weather", time="date", step=dt.timedelta(days=1))
    assert counts == TransitionCounts.from_sequences([[row["weather"] for row in rows]])
    assert counts == count_transitions(frame, state="weather")
    assert counts.states == ("drizzle", "fog", "rain", "snow", "sun")
    assert counts.table.sum() == 1461


def test_the_storms_are_ragged_sequences_in_three_units():
    frame = read(example_file("atlantic_storms.csv"))
    roles = {"state": "status", "sequence": "storm", "time": "time", "unit": "season"}
    counts = count_transitions(frame, **roles)
    assert counts.units == ("2012", "2013", "2014")
    assert counts.table.sum() == 768
    assert counts.table[:, 0].sum() == 38
    broken = count_transitions(frame, **roles, step=dt.timedelta(hours=6))
    assert broken.table.sum() == 768 - 5
    sequences = {}
    for season, storm, time, status in sorted(frame.rows(), key=lambda row: row[:3]):
        sequences.setdefault((season, storm), []).append((dt.datetime.fromisoformat(time), status))
    listed = TransitionCounts.from_sequences(
        [[status for _, status in rows] for rows in sequences.values()],
        units=[season for season, _ in sequences],
    )
    assert counts == listed


@pytest.mark.parametrize("name", ["seattle_weather.csv", "atlantic_storms.csv"])
def test_examples_show_the_files_of_the_package(name, request):
    shown = request.config.rootpath / "examples" / name
    assert shown.read_bytes() == example_file(name).read_bytes()


def test_an_unknown_example_is_refused():
    with pytest.raises(ValueError, match=r"atlantic_storms.csv, seattle_weather.csv, got 'x.csv'"):
        example_file("x.csv")
