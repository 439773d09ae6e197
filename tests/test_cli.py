import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import bayes_markov as bm

SEATTLE = str(bm.example_file("seattle_weather.csv"))
STORMS = str(bm.example_file("atlantic_storms.csv"))


def test_exact_fit_prints_one_readable_table(run):
    args = ("fit", SEATTLE, "--state", "weather", "--time", "date", "--sampler", "exact")
    code, out, err = run(*args)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "seattle_weather.csv: 1,461 transitions, 5 states (natural sort), order 1"
    assert "seed 1" in lines[1]
    assert "95 %, equal-tailed" in lines[2]
    sun = next(line.split() for line in lines if line.startswith("sun "))
    assert sun[:4] == ["sun", "drizzle", "19", "0.0266"]
    assert out.rstrip().endswith("PyMC check: not run (bayes-markov verify)")
    assert max(map(len, lines)) <= 80


def test_out_writes_every_file(run, tmp_path):
    out = tmp_path / "new" / "folder"
    code, _, _ = run("fit", SEATTLE, "--state", "weather", "--sampler", "exact", "--out", out)
    assert code == 0
    names = {"posterior.nc", "estimates.csv", "forest.png", "matrix.png"}
    assert {path.name for path in out.iterdir()} == names
    assert bm.load(out / "posterior.nc").attrs["seed"] == 1
    rows = list(csv.DictReader((out / "estimates.csv").read_text().splitlines()))
    assert sum(int(row["count"]) for row in rows) == 1461
    for name in ("forest.png", "matrix.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")


def test_units_sequences_and_declared_states(run):
    states = "hurricane,tropical storm,tropical depression"
    args = ("--sequence", "storm", "--unit", "season", "--time", "time", "--states", states)
    code, out, _ = run("fit", STORMS, "--state", "status", *args, "--sampler", "exact")
    assert code == 0
    assert "3 states (declared), order 1, 3 units" in out
    order = [line.split("  ")[0] for line in out.splitlines() if line.startswith(("hurr", "trop"))]
    assert order == states.split(",")


MISTAKES = {
    "no such file": (("fit", "none.csv", "--state", "weather"), "none.csv"),
    "a folder": (("fit", ".", "--state", "weather"), "."),
    "wrong extension": (("fit", __file__, "--state", "weather"), "convert it first"),
    "no such column": (("fit", SEATTLE, "--state", "wether"), "'date', 'weather'"),
    "prob": (("fit", SEATTLE, "--state", "weather", "--prob", "95"), "prob must lie"),
    "alpha zero": (
        ("fit", SEATTLE, "--state", "weather", "--alpha", "0"),
        "alpha must be positive",
    ),
    "alpha text": (("fit", SEATTLE, "--state", "weather", "--alpha", "x"), "--alpha must be"),
    "alpha length": (("fit", SEATTLE, "--state", "weather", "--alpha", "1,2"), "expected 1 or 5"),
    "unknown label": (("fit", SEATTLE, "--state", "weather", "--states", "sun,rain"), "drizzle"),
    "text time": (("fit", SEATTLE, "--state", "date", "--time", "weather"), "weather"),
    "same time twice": (("fit", STORMS, "--state", "status", "--time", "time"), "time"),
    "huge order": (("fit", SEATTLE, "--state", "weather", "--order", "12"), "order"),
    "huge result": (("fit", SEATTLE, "--state", "weather", "--order", "7"), "lower"),
    "order": (("verify", SEATTLE, "--state", "weather", "--order", "-1"), "order"),
    "missing argument": (("verify",), "FILE"),
    "nothing to compare": (("compare",), "--truth"),
    "two things to compare": (("compare", SEATTLE, "--state", "weather", "--truth", "x"), "both"),
    "no state": (("compare", SEATTLE), "--state is missing"),
    "no file": (("compare", "--state", "weather"), "FILE is missing"),
    "no truth": (("compare", "--truth", "none.csv"), "none.csv"),
    "no matrix": (("compare", "--truth", SEATTLE), "must have the lines <s0>, weather"),
    "step": (
        ("fit", SEATTLE, "--state", "weather", "--step", "1 day"),
        "--step must be a positive number",
    ),
    "step without time": (("fit", SEATTLE, "--state", "weather", "--step", "1"), "with --time"),
    "step as number": (
        ("fit", SEATTLE, "--state", "weather", "--time", "date", "--step", "1"),
        "--step is 1, but time column 'date' holds dates or durations; give step as a duration",
    ),
    "endless step": (
        ("fit", SEATTLE, "--state", "weather", "--time", "date", "--step", "99999999999999w"),
        "--step is longer than",
    ),
    "no step": (
        ("fit", SEATTLE, "--state", "weather", "--time", "date", "--step", "0"),
        "--step must be positive",
    ),
    "lengths": (("compare", "--truth", "seattle", "--lengths", "5,x"), "--lengths must be"),
    "loss": (("compare", "--truth", "seattle", "--loss", "lk"), "'lk' is unknown"),
    "estimator": (("compare", "--truth", "seattle", "--estimators", "mel"), "'mel' is unknown"),
    "interval": (("compare", "--truth", "seattle", "--intervals", "wlad"), "'wlad' is unknown"),
}


@pytest.mark.parametrize("args, said", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_message_and_exit_code_2(run, args, said):
    if args[0] == "fit":
        args = (*args, "--sampler", "exact")
    code, _, err = run(*args)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_an_output_folder_that_cannot_be_written_is_found_before_the_work(run, tmp_path):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "folder"
    code, printed, err = run("fit", SEATTLE, "--state", "weather", "--out", out)
    assert (code, printed) == (2, "")
    assert "cannot be written" in err


def test_missing_states_stop_or_break(run, tmp_path):
    path = tmp_path / "gap.csv"
    path.write_text("t,s\n1,a\n2,\n3,b\n4,a\n")
    code, _, err = run("fit", path, "--state", "s", "--time", "t", "--sampler", "exact")
    assert code == 2
    assert "missing" in err
    args = ("--missing", "break", "--sampler", "exact")
    code, out, _ = run("fit", path, "--state", "s", "--time", "t", *args)
    assert code == 0
    assert out.startswith("gap.csv: 2 transitions")


@pytest.mark.parametrize(
    "times, step",
    [
        (("1", "2", "4", "5"), "1"),
        (("0.5", "1.0", "2.0", "2.5"), "0.5"),
        (("2012-01-01", "2012-01-02", "2012-01-04", "2012-01-05"), "1d"),
        (("2012-01-01T00:00", "2012-01-01T06:00", "2012-01-01T18:00", "2012-01-02T00:00"), "6h"),
        (
            ("2012-01-01T00:00", "2012-01-01T00:30", "2012-01-01T01:30", "2012-01-01T02:00"),
            "30 min",
        ),
        (
            ("2012-01-01T10:00:00", *(f"2012-01-01T10:00:{x}" for x in ("00.25", "00.75", "01"))),
            "250ms",
        ),
        (
            ("2012-01-01T10:00:00", *(f"2012-01-01T10:00:{x}" for x in ("00.5", "01.5", "02"))),
            ".5 S",
        ),
    ],
)
@pytest.mark.parametrize("command", ["fit", "test"])
def test_a_gap_in_time_is_no_transition(run, tmp_path, times, step, command):
    path = tmp_path / "gap.csv"
    rows = zip(times, "abba", strict=True)
    path.write_text("t,s\n" + "".join(f"{time},{state}\n" for time, state in rows))
    more = ("--sampler", "exact") if command == "fit" else ("--blocks", "1")
    args = (command, path, "--state", "s", "--time", "t", *more)
    assert run(*args)[1].startswith("gap.csv: 4 transitions")
    assert run(*args, "--step", step)[1].startswith("gap.csv: 3 transitions")


def test_text_labels_that_look_like_numbers_stay_text_in_natural_order(run, tmp_path):
    path = tmp_path / "numbers.csv"
    path.write_text("s\n10\n9\n010\n10\n")
    code, out, _ = run("fit", path, "--state", "s", "--sampler", "exact")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line[:1].isdigit()] == [
        "9",
        "010",
        "10",
    ]


def test_states_of_a_column_of_numbers_and_labels_with_commas(run, tmp_path):
    import polars as pl

    path = tmp_path / "numbers.parquet"
    pl.DataFrame({"s": [1.0, 2.0, 1.0]}).write_parquet(path)
    code, out, _ = run("fit", path, "--state", "s", "--states", "2,1", "--sampler", "exact")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line[:1].isdigit()] == ["2", "1"]
    path = tmp_path / "commas.csv"
    path.write_text('s\n"a, b"\nc\n"a, b"\n')
    args = ("--state", "s", "--states", 'c,"a, b"', "--sampler", "exact")
    code, out, _ = run("fit", path, *args)
    assert code == 0
    rows = [line.split("  ")[0] for line in out.splitlines() if line.startswith(("c ", "a, b "))]
    assert rows == ["c", "a, b"]


def test_labels_with_dollars_are_drawn_as_they_are(run, tmp_path):
    path = tmp_path / "dollars.csv"
    path.write_text("s\n$a_{$\nb$\n$a_{$\nb$\n")
    out = tmp_path / "out"
    code, _, err = run("fit", path, "--state", "s", "--sampler", "exact", "--out", out)
    assert (code, err) == (0, "")
    assert len(list(out.iterdir())) == 4


@pytest.mark.parametrize(
    "stop, code, said",
    [
        (KeyboardInterrupt(), 130, "bayes-markov: interrupted\n"),
        (signal.SIGTERM, 143, ""),
        (OSError("disk full"), 2, "bayes-markov: disk full\n"),
    ],
)
def test_nothing_is_written_unless_everything_is(run, monkeypatch, tmp_path, stop, code, said):
    import bayes_markov.plots as plots

    def fail(*args, **kwargs):
        if isinstance(stop, BaseException):
            raise stop
        signal.raise_signal(stop)

    monkeypatch.setattr(plots, "plot_matrix", fail)
    args = ("fit", SEATTLE, "--state", "weather", "--sampler", "exact", "--out", tmp_path)
    found, _, err = run(*args)
    assert (found, err) == (code, said)
    assert list(tmp_path.iterdir()) == []


def test_a_defect_of_the_program_is_not_blamed_on_the_user(run, monkeypatch):
    import bayes_markov.table as table

    monkeypatch.setattr(table, "estimates", lambda *args, **kwargs: int("x"))
    # The innermost frame is the one of this test, which is not part of the program.
    code, _, err = run("fit", SEATTLE, "--state", "weather", "--sampler", "exact")
    assert code == 70
    assert "Traceback" in err


def test_a_terminal_without_the_characters_still_gets_the_table(tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("s\nпривет\nb\nпривет\n")
    script = Path(sys.executable).with_name("bayes-markov")
    env = os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    args = [script, "fit", path, "--state", "s", "--sampler", "exact"]
    done = subprocess.run(args, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "??????" in done.stdout


def test_exact_fit_and_help_do_not_import_pymc():
    code = (
        "import sys; sys.argv = ['bayes-markov', *{args}]\n"
        "from bayes_markov.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "assert not {{'pymc', 'pytensor', 'arviz', 'nutpie'}} & set(sys.modules)"
    )
    for args in (["fit", "--help"], ["fit", SEATTLE, "--state", "weather", "--sampler", "exact"]):
        subprocess.run([sys.executable, "-c", code.format(args=args)], check=True, text=True)


def test_a_closed_pipe_is_no_error():
    script = Path(sys.executable).with_name("bayes-markov")
    args = [script, "fit", SEATTLE, "--state", "weather", "--sampler", "exact", "--order", "3"]
    env = os.environ | {"COLUMNS": "80"}
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.slow
def test_nuts_fit_on_seattle(run):
    code, out, _ = run("fit", SEATTLE, "--state", "weather", "--time", "date")
    assert code == 0
    assert "R-hat" in out
    assert "mode = MLE (visited rows)" in out
    assert "verification PASSED" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.slow
def test_verify_on_seattle(run):
    code, out, _ = run("verify", SEATTLE, "--state", "weather", "--time", "date")
    assert code == 0
    assert "leave-one-transition-out (z)" in out


def test_verify_exits_with_1_if_a_check_fails(run, monkeypatch):
    import bayes_markov.verification as module

    check = module.Check("mode = MLE (visited rows)", 0.5, 1e-8, False, "sun -> rain")
    failed = module.Verification(False, (check,))
    monkeypatch.setattr(module, "verify", lambda *args, **kwargs: failed)
    code, out, _ = run("verify", SEATTLE, "--state", "weather")
    assert code == 1
    assert "FAILED" in out


def test_labels_are_text_not_markup(run, tmp_path):
    path = tmp_path / "markup.csv"
    path.write_text("s\n[red]hot\n[/x]\n:smile:\n[red]hot\n")
    code, out, _ = run("fit", path, "--state", "s", "--sampler", "exact")
    assert code == 0
    assert all(label in out for label in ("[red]hot", "[/x]", ":smile:"))


def test_a_narrow_terminal_loses_no_number(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    args = ("fit", SEATTLE, "--state", "weather", "--sampler", "exact")
    monkeypatch.setattr(sys, "argv", list(args))
    _, out, _ = run(*args)
    assert "…" not in out
    assert "0.0171 .. 0.0411" in out


@pytest.mark.parametrize("options", [(), ("--sorted",)], ids=["any order", "sorted"])
def test_a_folder_is_counted_like_its_rows_in_one_file(run, tmp_path, options):
    header, *rows = Path(STORMS).read_text().splitlines()
    rows.sort()
    for number, part in enumerate((rows[:200], rows[200:201], rows[201:])):
        (tmp_path / f"part-{number}.csv").write_text("\n".join([header, *part]) + "\n")
    args = ("--state", "status", "--sequence", "storm", "--unit", "season", "--time", "time")
    whole = run("fit", STORMS, *args, "--sampler", "exact")
    parts = run("fit", tmp_path, *args, "--sampler", "exact", *options)
    assert parts[0] == whole[0] == 0
    assert parts[1].splitlines()[1:] == whole[1].splitlines()[1:]


def test_rows_that_are_declared_sorted_and_are_not(run):
    code, _, err = run("fit", STORMS, "--state", "status", "--time", "time", "--sorted")
    assert code == 2
    assert "not sorted by 'time': row 156" in err
    assert "Traceback" not in err


def test_messages_name_options_and_not_arguments(run, tmp_path):
    gap = tmp_path / "gap.csv"
    gap.write_text("day,state\n1,a\n2,\n3,b\n")
    code, _, err = run("fit", gap, "--state", "state")
    assert code == 2
    assert "--missing break" in err
    assert "missing=" not in err
    twice = tmp_path / "twice.csv"
    twice.write_text("day,state\n1,a\n1,b\n")
    code, _, err = run("fit", twice, "--state", "state", "--time", "day")
    assert code == 2
    assert err.rstrip().endswith("name the sequences with --sequence")
