"""Daily rain on Alofi (Niue), 1987-01-01 to 1989-12-31, as tables of counts.

States 0, 1-5 and 6+ mm. Avery, P. J. and Henderson, D. A. (1999). Fitting Markov chain models to
discrete state series such as DNA sequences. Applied Statistics 48, 53-61; the series is carried by
the R package markovchain as `rain`. It has 1,096 days and begins 6+, 1-5, 1-5.
"""

import numpy as np

from analytic import lower_order


def _figures(text, *shape):
    return np.array(text.split(), dtype=np.int64).reshape(shape)


# After three days, oldest day first.
_AFTER_THREE_DAYS = """
    167 57 23   51 19 16    3  8 18     46 15  9   13 12  7    7  7 10      9  2  2    9  6  1    7 13 11
     59 21  6   13  7  7    8  5 10     16  5  8    7 15 13    6  6 14      7  7  3    9  4  4    6 15 13
     21  8  0    6  6  1    2  3  3     24  7  6    9  8  6    4  4 10     13  4  3   19 12 13    7 17 35
"""  # noqa: E501
ORDER_3 = np.zeros((4, 4, 4, 3), dtype=np.int64)
ORDER_3[1:, 1:, 1:] = _figures(_AFTER_THREE_DAYS, 3, 3, 3, 3)
ORDER_3[0, 0, 0, 2] = ORDER_3[0, 0, 3, 1] = ORDER_3[0, 3, 2, 1] = 1
ORDER_2 = lower_order(ORDER_3)
ORDER_1 = lower_order(ORDER_2)

# A transition belongs to the day that it leaves: block ceil(day / 109.6), or the year of the day.
BLOCKS = _figures(
    """
    27 13 8 16 14  6 6  9 10   41 16 5 19 13 3 2  6  5   74  8 6  9  1  2 5  3  1
    32 15 6 15 10  7 5  8 12   30 11 7 14 12 5 4  8 19   40  8 6  8 11  7 6  6 17
    11  8 10 11 12 13 7 16 22  22 11 2 11  9 14 3 14 23  54 20 2 17  5  4 5  1  2
    31 16 8 16  3  7 7  8 13
    """,
    10,
    3,
    3,
)
YEARS = _figures(
    """
    152 41 20 47 32 14 15 20 24
     99 36 25 42 39 26 18 32 49
    111 49 15 47 19 28 17 27 51
    """,
    3,
    3,
    3,
)
