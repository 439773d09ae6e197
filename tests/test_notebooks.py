"""The notebooks run from a clean kernel, and what is committed is such a run."""

import ast
import copy
import runpy
from pathlib import Path

import nbformat
import pytest

import analytic
import bayes_markov

ROOT = Path(__file__).parents[1]
TEMPORARY = "/tmp/"
"""Where outputs must not say that a file was."""
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 400_000
PUBLIC = {
    "analytic": set(analytic.__all__),
    "bm": set(bayes_markov.__all__),
    "bayes_markov": set(bayes_markov.__all__),
}

SCRIPT = runpy.run_path(str(ROOT / "notebooks" / "execute.py"))
execute, KERNELSPEC = SCRIPT["execute"], SCRIPT["KERNELSPEC"]
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def code_cells(notebook):
    """Cells with code that is not only white space."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def flaws_of_outputs(notebook):
    """What is wrong with the outputs of a notebook, as messages."""
    flaws = []
    for number, cell in enumerate(code_cells(notebook), start=1):
        if cell.execution_count != number:
            flaws.append(f"{cell.id}: execution count {cell.execution_count}, expected {number}")
        for output in cell.outputs:
            if output.output_type == "error":
                flaws.append(f"{cell.id}: raised {output.ename}")
            if output.get("name") == "stderr":
                flaws.append(f"{cell.id}: wrote to stderr: {output.text[:200]}")
            text = str(output.get("text", "")) + output.get("data", {}).get("text/plain", "")
            shown = [place for place in (str(ROOT), str(Path.home()), TEMPORARY) if place in text]
            if shown:  # one may lie in another
                flaws.append(f"{cell.id}: shows the path {shown[0]}")
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    if not any("image/png" in output.get("data", {}) for output in outputs):
        flaws.append("no picture")
    return flaws


def flaws_of_metadata(notebook):
    """Metadata beyond the kernel's name and the tags of cells."""
    flaws = []
    if set(notebook.metadata) != {"kernelspec"} or notebook.metadata.kernelspec.name != "python3":
        flaws.append(f"metadata {dict(notebook.metadata)}")
    flaws += [f"{cell.id}: metadata" for cell in notebook.cells if set(cell.metadata) - {"tags"}]
    return flaws


def not_public(source):
    """Names in some code that a user of the two packages should not need."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            found += [name for name in names if name.split(".")[0] in PUBLIC and "." in name]
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            top = node.module.split(".")[0]
            if top in PUBLIC:
                public = PUBLIC[top] if node.module == top else set()
                found += [f"{node.module}.{name}" for name in names if name not in public]
        elif isinstance(node, ast.Attribute):
            names = []
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if owner in PUBLIC and node.attr not in PUBLIC[owner]:
                found.append(f"{owner}.{node.attr}")
            elif node.attr.startswith("_") and not node.attr.endswith("__"):
                found.append(node.attr)
        else:
            continue
        found += [name for name in names if name.split(".")[-1].startswith("_")]
    return sorted(set(found))


def test_there_are_notebooks():
    assert NOTEBOOKS


@every_notebook
def test_committed_outputs_are_those_of_a_clean_run(path):
    assert flaws_of_outputs(nbformat.read(path, as_version=4)) == []


@every_notebook
def test_nothing_in_the_file_changes_without_need(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert flaws_of_metadata(notebook) == []
    assert path.stat().st_size < LARGEST


@every_notebook
def test_public_names_only(path):
    for cell in code_cells(nbformat.read(path, as_version=4)):
        assert not_public(cell.source) == [], cell.id


@pytest.mark.slow
@every_notebook
def test_runs_from_a_clean_kernel(path):
    notebook = execute(path)
    assert flaws_of_outputs(notebook) == []
    assert flaws_of_metadata(notebook) == []


PICTURE = {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo="}, "metadata": {}}


def small_notebook(*sources):
    """Notebook of some cells, as if it had been run."""
    cells = [
        nbformat.v4.new_code_cell(source, id=f"cell-{number}", execution_count=number)
        for number, source in enumerate(sources, start=1)
    ]
    cells[0].outputs = [nbformat.from_dict(PICTURE)]
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": dict(KERNELSPEC)})


def stream(name, text):
    """Output of a cell that prints."""
    return nbformat.v4.new_output("stream", name=name, text=text)


TAMPERED = {
    "picture lost": (lambda nb: nb.cells[0].update(outputs=[]), "no picture"),
    "run twice": (lambda nb: nb.cells[1].update(execution_count=3), "cell-2: execution count 3"),
    "not run": (lambda nb: nb.cells[1].update(execution_count=None), "execution count None"),
    "warned": (lambda nb: nb.cells[1].outputs.append(stream("stderr", "Warn")), "stderr: Warn"),
    "raised": (
        lambda nb: nb.cells[1].outputs.append(
            nbformat.v4.new_output("error", ename="KeyError", evalue="x", traceback=[])
        ),
        "cell-2: raised KeyError",
    ),
    "path": (
        lambda nb: nb.cells[1].outputs.append(stream("stdout", f"in {ROOT}/notebooks")),
        "cell-2: shows the path",
    ),
    "path shown": (
        lambda nb: nb.cells[1].outputs.append(
            nbformat.v4.new_output("execute_result", data={"text/plain": f"'{TEMPORARY}x.csv'"})
        ),
        f"cell-2: shows the path {TEMPORARY}",
    ),
}


def test_right_notebook_has_no_flaw():
    notebook = small_notebook("1 + 1", "print(2)")
    assert flaws_of_outputs(notebook) == []
    assert flaws_of_metadata(notebook) == []


@pytest.mark.parametrize(("tamper", "flaw"), TAMPERED.values(), ids=TAMPERED)
def test_flaw_of_outputs_is_found(tamper, flaw):
    notebook = copy.deepcopy(small_notebook("1 + 1", "print(2)"))
    tamper(notebook)
    found = flaws_of_outputs(notebook)
    assert len(found) == 1
    assert flaw in found[0]


def test_flaw_of_metadata_is_found():
    notebook = small_notebook("1 + 1", "print(2)")
    notebook.cells[1].metadata["execution"] = {"shell.execute_reply": "2026-01-01"}
    notebook.metadata["language_info"] = {"version": "3.13.1"}
    assert [flaw.split(" ")[0] for flaw in flaws_of_metadata(notebook)] == ["metadata", "cell-2:"]
    notebook = small_notebook("1 + 1")
    notebook.metadata.kernelspec.name = "mine"
    assert len(flaws_of_metadata(notebook)) == 1


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import analytic, numpy as np\nimport bayes_markov as bm\nbm.verify\nanalytic.hmm", []),
        ("from analytic import hmm, mle\n_, ax = plt.subplots()\nbm.__version__", []),
        ("import bayes_markov.calibration as c", ["bayes_markov.calibration"]),
        ("from bayes_markov.calibration import nuts", ["bayes_markov.calibration.nuts"]),
        ("from bayes_markov import tree", ["bayes_markov.tree"]),
        ("bm.calibration.nuts(3)", ["bm.calibration"]),
        ("analytic.validate.as_counts", ["analytic.validate"]),
        ("from numpy import _core", ["_core"]),
        ("tree._data", ["_data"]),
    ],
)
def test_private_name_is_found(source, names):
    assert not_public(source) == names


@pytest.mark.slow
def test_cell_that_raises_is_named(tmp_path):
    path = tmp_path / "wrong.ipynb"
    nbformat.write(small_notebook("x = 1", "assert x == 2, 'x is not two'"), path)
    with pytest.raises(RuntimeError, match=r"(?s)wrong.ipynb, cell 'cell-2'.*x is not two"):
        execute(path)


@pytest.mark.slow
def test_picture_and_outputs_are_made_anew(tmp_path):
    path = tmp_path / "right.ipynb"
    notebook = small_notebook("import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])", "print(2)")
    notebook.cells[1].outputs = [stream("stderr", "of an older run")]
    notebook.cells[1].metadata["execution"] = {"shell.execute_reply": "2026-01-01"}
    nbformat.write(notebook, path)
    made = execute(path)
    assert flaws_of_outputs(made) == []
    assert flaws_of_metadata(made) == []
    assert [cell.id for cell in made.cells] == ["cell-1", "cell-2"]
    assert made.cells[1].outputs == [stream("stdout", "2\n")]
