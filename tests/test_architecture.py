"""Which package may import what."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "analytic").rglob("*.py"))
HEAVY = ["pymc", "pytensor", "nutpie", "arviz", "xarray", "matplotlib", "pandas", "narwhals"]


def run(program):
    """Run a program in an interpreter of its own; its output is what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def imported_names(node):
    """Full names that an import statement brings in."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names]
    return []


def test_closed_forms_work_without_the_packages_of_the_other_side():
    blocked = [*HEAVY, "bayes_markov"]
    out = run(
        "import sys\n"
        f"for name in {blocked}: sys.modules[name] = None\n"
        "import analytic\n"
        "A = analytic.mle(analytic.count_transitions([0, 1, 1, 0, 0], 2))\n"
        "print(A[1, 0], A[2, 1])"
    )
    assert out == ["0.5", "0.5"]


def test_closed_forms_import_only_numpy_and_special_functions():
    loaded = run("import sys, analytic; print(*sys.modules)")
    assert "scipy.special" in loaded
    for absent in ("scipy.stats", "scipy.optimize", "scipy.sparse", "numba", *HEAVY):
        assert absent not in loaded


@pytest.mark.parametrize("path", MODULES, ids=[path.stem for path in MODULES])
def test_imports_of_a_module_of_closed_forms(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    anywhere = [name for node in ast.walk(tree) for name in imported_names(node)]
    assert not [name for name in anywhere if name.split(".")[0] == "bayes_markov"]
    for name in (name for node in tree.body for name in imported_names(node)):
        top = name.split(".")[0]
        allowed = top in {"numpy", "analytic"} or top in sys.stdlib_module_names
        assert allowed or name.startswith("scipy.special."), name


def test_labelled_package_does_not_import_pymc_by_itself():
    loaded = run("import sys, bayes_markov; print(*sys.modules)")
    assert "bayes_markov" in loaded
    for absent in ("pymc", "pytensor", "nutpie", "arviz", "matplotlib"):
        assert absent not in loaded


def test_no_module_has_the_name_of_a_public_function():
    # An import of such a module would put it in the function's place.
    import bayes_markov

    modules = {path.stem for path in Path(bayes_markov.__file__).parent.glob("*.py")}
    assert not modules & set(bayes_markov.__all__)


def test_every_public_name_can_be_had():
    import bayes_markov

    for name in bayes_markov.__all__:
        assert getattr(bayes_markov, name).__doc__ or name == "__version__"
