"""Messages, exit codes and closed streams of the command line, as a shell meets them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bayes_markov as bm

SEATTLE = str(bm.example_file("seattle_weather.csv"))
FIT = ("fit", SEATTLE, "--state", "weather", "--sampler", "exact")
HIDDEN = ("--observation", "weather", "--emission", "categorical")
SCRIPT = Path(sys.executable).with_name("bayes-markov")

WITH_OPTIONS = {
    "prob": ((*FIT, "--prob", "95"), "--prob must lie strictly between 0 and 1"),
    "prob in a hint": ((*FIT, "--prob", "95"), "95 % is --prob 0.95"),
    "alpha": ((*FIT, "--alpha", "-1"), "--alpha must be positive and finite, got '-1'"),
    "tiny alpha": ((*FIT, "--alpha", "1e-320"), "--alpha must be positive and finite"),
    "seed": ((*FIT, "--seed", 2**64), "--seed must be an integer from 0"),
    "states": ((*FIT, "--states", "sun,sun"), "--states names 'sun' twice"),
    "blocks": (("test", SEATTLE, "--state", "weather", "--blocks", 0), "--blocks must be"),
    "estimators": (("compare", "--truth", "seattle", "--estimators", ""), "--estimators is empty"),
    "lengths": (
        ("compare", "--truth", "seattle", "--lengths", "5,0"),
        "--lengths must be integers",
    ),
    "sorted": (("compare", "--truth", "seattle", "--sorted"), "--sorted is an option for data"),
    "n_states": (("hmm", "fit", SEATTLE, *HIDDEN, "--n-states", "2,2"), "--n-states names 2 twice"),
    "no n_states": (("hmm", "fit", SEATTLE, *HIDDEN, "--n-states", "0"), "--n-states must be"),
}


@pytest.mark.parametrize("args, said", WITH_OPTIONS.values(), ids=WITH_OPTIONS)
def test_a_message_names_the_option(run, args, said):
    code, _, err = run(*args)
    assert code == 2
    assert said in err
    assert len(err.splitlines()) == 1


NO_FILE = {
    "fit": FIT[2:],
    "test": ("--state", "weather"),
    "check": ("--state", "weather"),
    "hmm decode": (*HIDDEN, "--n-states", 2),
}


@pytest.mark.parametrize("command, options", NO_FILE.items(), ids=NO_FILE)
def test_a_file_that_is_none_is_told_in_words(run, tmp_path, command, options):
    code, out, err = run(*command.split(), tmp_path / "none.csv", *options)
    assert (code, out) == (2, "")
    assert err == f"bayes-markov: {tmp_path / 'none.csv'}: No such file or directory\n"
    code, out, err = run(*command.split(), tmp_path, *options)
    assert (code, out) == (2, "")
    assert str(tmp_path) in err
    assert "Errno" not in err


@pytest.mark.parametrize(
    "args",
    [
        ("compare", SEATTLE, "--state", "weather", "--estimators", "mel"),
        ("compare", "--truth", "seattle", "--estimators", "mel"),
        ("compare", "--truth", "seattle", "--lengths", "0"),
        (*FIT, "--alpha", "0"),
    ],
    ids=["ranking", "study", "lengths", "alpha"],
)
def test_nothing_is_printed_before_a_mistake_is_found(run, args):
    code, out, _ = run(*args)
    assert (code, out) == (2, "")


def test_any_defect_has_an_exit_code_of_its_own(run, monkeypatch):
    import bayes_markov.table as table

    monkeypatch.setattr(table, "estimates", lambda *args, **kwargs: {}["x"])
    code, _, err = run(*FIT)
    assert code == 70  # Python's own 1 would mean a failed check
    assert "KeyError" in err


def test_a_folder_in_the_place_of_a_result_spares_the_other_files(run, tmp_path):
    (tmp_path / "matrix.png").mkdir()
    (tmp_path / "estimates.csv").write_text("old")
    code, _, err = run(*FIT, "--out", tmp_path)
    assert code == 2
    assert "--out" in err
    assert "matrix.png is a folder" in err
    assert {path.name for path in tmp_path.iterdir()} == {"matrix.png", "estimates.csv"}
    assert (tmp_path / "estimates.csv").read_text() == "old"


@pytest.mark.parametrize("command", ["fit", "compare", "hmm fit", "hmm decode"])
def test_help_names_every_option_in_a_narrow_terminal(run, monkeypatch, command):
    *_, wide = run(*command.split(), "--help")[:2]
    monkeypatch.setenv("COLUMNS", "40")
    code, narrow, _ = run(*command.split(), "--help")
    assert code == 0
    options = {word.rstrip(",;.") for word in wide.split() if word.startswith("--")}
    assert options >= {"--out", "--help"}
    assert options <= {word.rstrip(",;.") for word in narrow.split()}
    assert "…" not in narrow


def test_first_lines_of_help_are_not_cut(run):
    for group in ((), ("hmm",)):
        _, out, _ = run(*group, "--help")
        _, commands = out.split("Commands:")
        assert "verify" in commands
        assert "..." not in commands


def test_help_into_a_closed_pipe_is_no_failed_check():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([SCRIPT, "--help"], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_is_told_in_words():
    with open("/dev/full", "w") as full:
        done = subprocess.run([SCRIPT, "--version"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "bayes-markov: No space left on device\n")


def test_closed_messages_do_not_stop_the_work():
    command = f"'{SCRIPT}' order '{SEATTLE}' --state weather --max-order 1 2>&-"
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0
    assert "order 1" in done.stdout


@pytest.mark.slow
def test_interrupted_workers_are_silent(tmp_path):
    args = ("compare", "--truth", "seattle", "--replicates", 5000, "--workers", 2)
    command = [SCRIPT, *map(str, args), "--out", tmp_path]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as process:
        limit = time.monotonic() + 60
        while not (tmp_path / "unfinished-risk").exists() and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(0.3)  # the workers import by now
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"bayes-markov: interrupted\n")


@pytest.mark.parametrize(
    "words, expected",
    [("fit --sa", "--sampler"), ("fit --sampler ", "exact"), ("hmm d", "decode")],
    ids=["option", "value", "command"],
)
def test_bash_completes(run, monkeypatch, words, expected):
    monkeypatch.setenv("COMP_WORDS", f"bayes-markov {words}")
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ") + 1))
    monkeypatch.setenv("_BAYES_MARKOV_COMPLETE", "complete_bash")
    code, out, _ = run()
    assert code == 0
    assert expected in out.split()
