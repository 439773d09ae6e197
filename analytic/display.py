"""Text of results that hold long arrays, for a terminal or a notebook."""

from typing import Any

import numpy as np


def brief(result: Any) -> str:
    """Write a named tuple as usual, but only the ends of its long arrays and lists.

    Parameters
    ----------
    result : NamedTuple
        Any named tuple; numpy would write arrays of up to 1,000 numbers in full.

    Returns
    -------
    str
        Name and fields; arrays of more than 60 numbers and lists of more than 4 are shortened.

    Examples
    --------
    >>> import numpy as np
    >>> from analytic import Loo
    >>> Loo(elpd=-1.5, se=0.5, pointwise=np.arange(100.0))
    Loo(elpd=-1.5, se=0.5, pointwise=array([ 0.,  1., ..., 98., 99.], shape=(100,)))
    """
    with np.printoptions(threshold=60, edgeitems=2):
        fields = (f"{name}={_shown(getattr(result, name))}" for name in result._fields)
        return f"{type(result).__name__}({', '.join(fields)})"


def _shown(field: Any) -> str:
    """Write a field; of a long list the first two and the last two."""
    if not isinstance(field, list) or len(field) <= 4:
        return repr(field)
    ends = [*map(repr, field[:2]), f"... {len(field) - 4} more ...", *map(repr, field[-2:])]
    return f"[{', '.join(ends)}]"
