"""The cells of a study, computed here or by any executor, and given back in order."""

import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait

import numpy as np
from numpy.typing import NDArray

from bayes_markov.study.checkpoint import Checkpoint

type Cell = tuple[int, ...]
type Arrays = dict[str, NDArray[np.float64]]

WAITING = 64
"""Cells that may be under way or finished ahead of their turn: a bound on what is held."""


def run_cells(
    work: Callable[[Cell], Arrays],
    cells: Sequence[Cell],
    *,
    executor: Executor | None = None,
    checkpoint: Checkpoint | None = None,
    progress: bool = False,
) -> Iterator[Arrays]:
    """Compute cells, and yield their results in the order of the cells.

    Parameters
    ----------
    work : callable
        Function of a cell alone, so that it does not matter who computes it, and when.
    cells : sequence of tuple of int
        The cells.
    executor : concurrent.futures.Executor, optional
        Who computes; by default this process.
    checkpoint : Checkpoint, optional
        Where finished cells are kept, and found again.
    progress : bool, default False
        Show a progress bar on the standard error stream, if that is a terminal.

    Yields
    ------
    dict of ndarray
        Result of the next cell.

    Raises
    ------
    ValueError
        The work cannot be sent to another process, or a kept cell is damaged.

    Examples
    --------
    >>> for result in run_cells(lambda cell: {"sum": np.array(sum(cell))}, [(1, 2), (3, 4)]):
    ...     print(result["sum"])
    3
    7
    """
    if executor is None:
        results = _here(work, cells, checkpoint)
    else:
        if isinstance(executor, ProcessPoolExecutor):
            _check_picklable(work)
        results = _elsewhere(work, cells, executor, checkpoint)
    if progress and sys.stderr.isatty():
        results = _with_bar(results, len(cells))
    return results


def _here(
    work: Callable[[Cell], Arrays], cells: Sequence[Cell], checkpoint: Checkpoint | None
) -> Iterator[Arrays]:
    """One cell after the other."""
    for cell in cells:
        result = None if checkpoint is None else checkpoint.load(cell)
        if result is None:
            result = work(cell)
            if checkpoint is not None:
                checkpoint.save(cell, result)
        yield result


def _elsewhere(
    work: Callable[[Cell], Arrays],
    cells: Sequence[Cell],
    executor: Executor,
    checkpoint: Checkpoint | None,
) -> Iterator[Arrays]:
    """Compute some cells at a time; keep each as soon as it is finished, and yield it in turn."""
    running: dict[Future[Arrays], int] = {}
    finished: dict[int, Arrays] = {}
    handed_out = 0
    try:
        for turn in range(len(cells)):
            while handed_out < min(len(cells), turn + WAITING):
                kept = None if checkpoint is None else checkpoint.load(cells[handed_out])
                if kept is None:
                    running[executor.submit(work, cells[handed_out])] = handed_out
                else:
                    finished[handed_out] = kept
                handed_out += 1
            while turn not in finished:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    number = running.pop(future)
                    finished[number] = future.result()
                    if checkpoint is not None:
                        checkpoint.save(cells[number], finished[number])
            yield finished.pop(turn)
    finally:
        for future in running:
            future.cancel()


def _check_picklable(work: Callable[[Cell], Arrays]) -> None:
    """Say what to do where a function cannot be sent to another process."""
    try:
        pickle.dumps(work)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"the work cannot be sent to another process ({error}); define its functions at the "
            f"top level of a module that can be imported (no lambda, no function in a function)"
        ) from None


def _with_bar(results: Iterator[Arrays], number: int) -> Iterator[Arrays]:
    """Show how many cells are finished."""
    from rich.console import Console
    from rich.progress import track

    return iter(
        track(
            results, total=number, description="cells", console=Console(stderr=True), transient=True
        )
    )
