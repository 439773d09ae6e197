"""Data of the comparison, the same for every package; nothing but the standard library.

    python benchmarks/comparison/same_data.py

prints each sequence on a line of its own, for `with_markovchain.R` to read.
"""

import random
from collections.abc import Sequence
from typing import Any

STATES = ["a", "b", "c"]

NEVER_LEFT = list("ababaac")
"""The last state, c, is entered once and never left."""

SECOND = list("bca")
"""Another sequence of the same states."""

BALANCED = [[60, 20, 20], [10, 30, 20], [30, 10, 40]]
CHANGED = [[20, 50, 30], [60, 10, 10], [20, 20, 20]]
"""Tables of 240 transitions; each state is left as often as it is entered."""

TRUTH = [[0.2, 0.7, 0.1], [0.5, 0.2, 0.3], [0.3, 0.1, 0.6]]
"""No row, and no column, is like another."""


def circuit(table: Sequence[Sequence[int]]) -> list[str]:
    """Go through every transition of a table as often as it says, from `a` back to `a`."""
    left = [list(row) for row in table]
    stack, path = [0], []
    while stack:
        following = [j for j, number in enumerate(left[stack[-1]]) if number]
        if following:
            left[stack[-1]][following[0]] -= 1
            stack.append(following[0])
        else:
            path.append(STATES[stack.pop()])
    return path[::-1]


def walk(length: int, seed: int) -> list[str]:
    """Draw a path of the chain TRUTH that starts in `a`."""
    rng = random.Random(seed)
    path = ["a"]
    while len(path) < length:
        path += rng.choices(STATES, TRUTH[STATES.index(path[-1])])
    return path


CASES = {
    "never_left": NEVER_LEFT,
    "second": SECOND,
    "exact": circuit(BALANCED),
    "changed": circuit(BALANCED) + circuit(CHANGED)[1:],
    "other": circuit(CHANGED),
    "drawn": walk(600, seed=1),
}
"""Sequences by name; in `changed` the table is another in the second half."""


def codes(name: str) -> list[int]:
    """Give a sequence as numbers 0, 1, 2."""
    return [STATES.index(state) for state in CASES[name]]


def say(package: str, ran: str, came: Any, right: Any = "") -> None:
    """Print one line: the package, what was run, what came out, what is right."""
    line = f"{package} | {ran} | {came}"
    known = not isinstance(right, str) or right
    print(" ".join((f"{line} | right: {right}" if known else line).split()), flush=True)


def error_of(task: Any) -> str:
    """Run something and give its error, or its result where there is none."""
    try:
        return f"no error, {task()}"
    except Exception as error:  # whatever a package raises is what is asked here
        return f"{type(error).__name__}: {' '.join(str(error).split())[:150]}"


if __name__ == "__main__":
    for case, sequence in CASES.items():
        print(case, *sequence)
