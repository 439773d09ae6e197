"""Sequences of labels from a data frame, for what the table of their counts does not tell."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from bayes_markov.frames import (
    check_rows,
    grouped,
    integers,
    prepare,
    state_codes,
    with_history,
)
from bayes_markov.labels import Label, Missing, as_states, check_missing_policy
from bayes_markov.times import check_step, check_step_fits


def label_sequences(
    frame: Any,
    *,
    state: str,
    sequence: str | None = None,
    time: str | None = None,
    unit: str | None = None,
    states: Iterable[Any] | None = None,
    missing: Missing = "error",
    step: float | timedelta | None = None,
) -> list[list[Label | None]]:
    """Give the sequences of a data frame as lists of labels, in order of time.

    They are the ones that `count_transitions` counts with the same arguments: counting them with
    ``missing="break"`` gives the same table at every order.

    Parameters
    ----------
    frame, state, sequence, time, unit, states, missing, step
        As for `count_transitions`. The rows are loaded into memory.

    Returns
    -------
    list of list
        Sequences, sorted by unit and then by the column of sequences. None stands for a missing
        state, and one None between two states for a gap in time, however long.

    Raises
    ------
    ValueError, TypeError
        As for `count_transitions`.

    Examples
    --------
    >>> import polars as pl
    >>> frame = pl.DataFrame({"day": [3, 1, 2, 6], "sky": ["rain", "sun", "sun", "sun"]})
    >>> label_sequences(frame, state="sky", time="day")
    [['sun', 'sun', 'rain', 'sun']]
    >>> label_sequences(frame, state="sky", time="day", step=1)
    [['sun', 'sun', 'rain', None, 'sun']]
    """
    check_missing_policy(missing)
    declared = None if states is None else as_states(states)
    if step is not None:
        check_step(step, time)
    given = {"unit": unit, "sequence": sequence, "time": time, "state": state}
    roles = {role: name for role, name in given.items() if name is not None}
    data = prepare(frame, roles)
    if step is not None:
        check_step_fits(step, roles["time"], data.collect_schema()["time"])
    rows = with_history(data, roles, 1, step)
    groups = grouped(rows, 1).collect()
    if len(groups) == 0:
        raise ValueError("frame has no rows; there is no sequence")
    check_rows(rows, groups, roles)
    space, codes = state_codes(rows, groups["state"].to_list(), roles, declared, missing)

    keys = [role for role in ("unit", "sequence") if role in roles]
    ordered = rows.select(*keys, "time", "state", "depth", "kept").sort(*keys, "time").collect()
    found: list[list[Label | None]] = []
    depth, kept = (integers(ordered[name].to_list()) for name in ("depth", "kept"))
    for value, follows, whole in zip(ordered["state"].to_list(), depth, kept, strict=True):
        if not follows:
            found.append([])
        elif not whole:
            found[-1].append(None)
        found[-1].append(space[codes[value]] if value in codes else None)
    return found
