"""Run notebooks from a clean kernel, in place: ``uv run python notebooks/execute.py [FILES]``.

Without FILES, every notebook beside this file is run. What would differ from one run or machine to
the next (times, version of the kernel) is not written; the ids of the cells are kept.
"""

import os
import sys
from pathlib import Path
from time import perf_counter

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
INLINE = "module://matplotlib_inline.backend_inline"


def execute(path: Path) -> NotebookNode:
    """Run all cells of a notebook in order; RuntimeError names the first cell that raises."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata = NotebookNode({k: v for k, v in cell.metadata.items() if k == "tags"})
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=600,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        # A backend that the caller's environment names would leave the pictures out.
        client.execute(env=os.environ | {"MPLBACKEND": INLINE})
    except CellExecutionError as error:
        raised = (
            cell.id
            for cell in notebook.cells
            for out in cell.get("outputs", [])
            if out.output_type == "error"
        )
        raise RuntimeError(f"{path.name}, cell {next(raised)!r}: {error}") from error
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC})
    return notebook


if __name__ == "__main__":
    given = [Path(name) for name in sys.argv[1:]]
    for path in given or sorted(Path(__file__).parent.glob("*.ipynb")):
        start = perf_counter()
        nbformat.write(execute(path), path)
        print(f"{path.name}: {perf_counter() - start:.0f} s, {path.stat().st_size / 1000:.0f} kB")
