"""A study that was killed, and a checkpoint that is not what it should be."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from analytic import mle
from bayes_markov import coverage_study, risk_study
from bayes_markov.study.cells import run_cells
from bayes_markov.study.checkpoint import STUDY, open_checkpoint

pytestmark = pytest.mark.slow

A = [[0.2, 0.5, 0.3], [0.7, 0.1, 0.2], [0.25, 0.35, 0.4], [0.05, 0.15, 0.8]]
SMALL = {"lengths": [5, 9], "estimators": ["mle", "laplace"], "replicates": 90, "seed": 3}
LONG = {
    "lengths": [40, 200],
    "estimators": ["mle", "empirical_bayes_vector"],
    "replicates": 8000,
    "seed": 4,
}
ROOT = Path(__file__).parents[1]


def half(counts, beta=0.5):
    """Add one half."""
    table = np.asarray(counts) + beta
    return table / table.sum(axis=-1, keepdims=True)


def files_in(folder):
    """Cells and when they were written."""
    return {file.name: file.stat().st_mtime_ns for file in folder.glob("cell-*.npz")}


def killed_study(folder, executor):
    """Start a study in another process, and kill it when some cells are finished."""
    program = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from bayes_markov import risk_study\n"
        f"risk_study({A}, **{LONG}, executor={executor}, checkpoint={str(folder)!r})\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    deadline = time.monotonic() + 120
    while len(files_in(folder)) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    return process.wait()


@pytest.fixture(scope="module")
def uninterrupted():
    return risk_study(A, **LONG)


@pytest.mark.parametrize("executor", ["None", "ThreadPoolExecutor(2)"])
def test_a_killed_study_goes_on_to_the_same_numbers(tmp_path, uninterrupted, executor):
    folder = tmp_path / "study"
    assert killed_study(folder, executor) == -signal.SIGKILL
    kept = files_in(folder)
    assert 3 <= len(kept) < 16
    resumed = risk_study(A, **LONG, checkpoint=folder)
    xr.testing.assert_identical(resumed, uninterrupted)
    everything = files_in(folder)
    assert len(everything) == 16
    assert {name: everything[name] for name in kept} == kept


def test_a_finished_study_is_not_computed_again(tmp_path):
    first = risk_study(A, **SMALL, checkpoint=tmp_path)
    kept = files_in(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        again = risk_study(A, **SMALL, checkpoint=tmp_path, executor=pool)
    xr.testing.assert_identical(first, again)
    xr.testing.assert_identical(first, risk_study(A, **SMALL))
    assert files_in(tmp_path) == kept


def test_what_a_kept_cell_says_is_believed(tmp_path):
    """Only so is it sure that the cells on disk are used at all."""
    checkpoint = open_checkpoint(tmp_path, {"study": 1})
    checkpoint.save((0, 1), {"x": np.array([7.0])})
    results = run_cells(
        lambda cell: {"x": np.array([0.0])}, [(0, 0), (0, 1), (0, 2)], checkpoint=checkpoint
    )
    assert [float(result["x"][0]) for result in results] == [0, 7, 0]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:],
        lambda content: content + b" ",
    ],
)
@pytest.mark.parametrize("threads", [0, 2])
def test_a_damaged_cell_is_refused(tmp_path, damage, threads):
    risk_study(A, **SMALL, checkpoint=tmp_path)
    file = tmp_path / "cell-000000-000007.npz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ValueError, match=r"cell-000000-000007.npz is damaged.* delete this file"):
        if threads:
            with ThreadPoolExecutor(threads) as pool:
                risk_study(A, **SMALL, checkpoint=tmp_path, executor=pool)
        else:
            risk_study(A, **SMALL, checkpoint=tmp_path)
    file.unlink()
    again = risk_study(A, **SMALL, checkpoint=tmp_path)
    xr.testing.assert_identical(again, risk_study(A, **SMALL))


def test_a_cell_of_another_place_or_study_is_refused(tmp_path):
    mine, other = tmp_path / "mine", tmp_path / "other"
    risk_study(A, **SMALL, checkpoint=mine)
    risk_study(A, **SMALL | {"seed": 5}, checkpoint=other)
    for source in (mine / "cell-000000-000002.npz", other / "cell-000000-000001.npz"):
        content = (mine / "cell-000000-000001.npz").read_bytes()
        (mine / "cell-000000-000001.npz").write_bytes(source.read_bytes())
        with pytest.raises(ValueError, match=r"cell-000000-000001.npz is damaged, or a cell of an"):
            risk_study(A, **SMALL, checkpoint=mine)
        (mine / "cell-000000-000001.npz").write_bytes(content)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 4}, "seed is 3 there and 4 here"),
        ({"replicates": 91}, "replicates is 90 there and 91 here"),
        ({"lengths": [5, 10]}, r"lengths is \[5, 9\] there and \[5, 10\] here"),
        ({"estimators": ["laplace", "mle"]}, "rules is"),
        ({"estimators": {"mle": "mle", "laplace": half}}, "rules is"),
        ({"losses": ["kl"]}, "losses is"),
        ({"truth": A[:1] + A[2:] + A[1:2]}, "truth is"),
        ({"truth": [A]}, None),
    ],
)
def test_the_checkpoint_of_another_study_is_refused(tmp_path, changed, named):
    risk_study(A, **SMALL, checkpoint=tmp_path)
    options = {"truth": A, **SMALL, **changed}
    if named is None:  # the same numbers, with one more dimension
        assert risk_study(options.pop("truth"), **options, checkpoint=tmp_path).sizes["truth"] == 1
        return
    with pytest.raises(ValueError, match=f"{STUDY} belongs to another study: .*{named}"):
        risk_study(options.pop("truth"), **options, checkpoint=tmp_path)


def test_the_checkpoint_of_another_kind_of_study_is_refused(tmp_path):
    options = {"lengths": [5], "intervals": ["wald"], "replicates": 90, "seed": 3}
    coverage_study(A, **options, prob=0.9, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"prob is 0.9 there and 0.8 here"):
        coverage_study(A, **options, prob=0.8, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="belongs to another study"):
        risk_study(A, **SMALL, checkpoint=tmp_path)


def test_other_folders_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds 'notes.txt' but no study.json"):
        risk_study(A, **SMALL, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"notes.txt is a file; give a folder"):
        risk_study(A, **SMALL, checkpoint=tmp_path / "notes.txt")
    for text in ("{", "[1]"):
        folder = tmp_path / f"damaged {len(text)}"
        folder.mkdir()
        (folder / STUDY).write_text(text)
        with pytest.raises(ValueError, match=r"study.json is damaged; delete the folder"):
            risk_study(A, **SMALL, checkpoint=folder)


def test_what_a_kill_leaves_behind_is_no_obstacle(tmp_path):
    """A file that was being written when the process died, even the very first one."""
    (tmp_path / "tmpabc.unfinished").write_bytes(b"half of")
    study = risk_study(A, **SMALL, checkpoint=str(tmp_path))
    xr.testing.assert_identical(study, risk_study(A, **SMALL))
    written = json.loads((tmp_path / STUDY).read_text())
    assert written["seed"] == 3
    assert written["lengths"] == [5, 9]


def test_functions_without_a_place_can_be_checkpointed(tmp_path):
    rules = {"local": lambda counts: mle(counts)}
    options = SMALL | {"estimators": rules}
    first = risk_study(A, **options, checkpoint=tmp_path)
    xr.testing.assert_identical(first, risk_study(A, **options, checkpoint=tmp_path))
