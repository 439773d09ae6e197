"""Tables of counts that estimators are tried on: full, sparse, fractional, with empty rows."""

RAIN = [[1, 0, 0], [362, 126, 60], [136, 90, 68], [50, 79, 124]]
"""Alofi rainfall of Avery and Henderson (1999), first day dry added as s_0's row."""

TABLES = [
    RAIN,
    [[0, 1], [8, 2], [1, 9]],
    [[0, 1], [5, 0], [2, 7]],
    [[2.5, 0.25], [0.0, 3.75], [7.5, 1.125]],
    [[0, 0, 0], [4, 0, 1], [0, 0, 9], [1, 2, 0]],
    [[1, 0, 0], [0, 3, 1], [2, 0, 0], [0, 6, 1]],
    [[3, 1, 0, 0, 1], [0, 9, 2, 0, 1], [5, 0, 0, 0, 0], [0, 2, 1, 30, 4], [7, 7, 1, 2, 2]],
]
