"""Functions told apart between two runs, for cells that are kept on disk."""

import functools
import hashlib
import inspect
import pickle
from typing import Any


def identity(thing: object) -> str:
    """Tell a function, or what holds functions, from another between two runs.

    Said of a function are its name, its source, its defaults and what it has taken over from the
    function around it; of a `functools.partial` also what was put in. What a function looks up
    elsewhere when it is called (globals, other functions, attributes) is not seen.

    Parameters
    ----------
    thing : object
        A function, a partial, an object that can be pickled, or a list, tuple or dict of those.

    Returns
    -------
    str
        SHA-256 of all that.

    Raises
    ------
    ValueError
        It holds something that cannot be pickled, or is a function whose source cannot be read.

    Examples
    --------
    >>> def add(beta):
    ...     return lambda counts: counts + beta
    >>> identity(add(0.5)) == identity(add(0.5)), identity(add(0.5)) == identity(add(5.0))
    (True, False)
    """
    return hashlib.sha256(repr(_account(thing, ())).encode()).hexdigest()


def _account(thing: Any, around: tuple[int, ...]) -> object:
    """Give all that is known of a thing, as text, bytes and lists; `around` are those it is in."""
    if id(thing) in around:
        return "what it is in"

    def inside(part: object) -> object:
        return _account(part, (*around, id(thing)))

    kind = type(thing).__qualname__
    if isinstance(thing, functools.partial):
        return [kind, inside(thing.func), inside(thing.args), inside(thing.keywords)]
    if inspect.ismethod(thing):
        return [kind, inside(thing.__func__), inside(thing.__self__)]
    if isinstance(thing, tuple | list):
        return [kind, *map(inside, thing)]
    if isinstance(thing, dict):
        return [kind, *map(inside, thing.items())]
    if inspect.ismodule(thing):
        return [kind, thing.__name__]
    if inspect.isfunction(thing):
        held = [cell.cell_contents for cell in thing.__closure__ or ()]
        parts = map(inside, (held, thing.__defaults__, thing.__kwdefaults__))
        return [kind, thing.__module__, thing.__qualname__, *_text(thing), *parts]
    try:
        content = pickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{thing!r} cannot be told from another between two runs ({error}); for a checkpoint "
            f"define the function at the top level of a module, or give a functools.partial of it"
        ) from None
    # What a cache or a compiler has put around a function shows the function itself.
    return [kind, content, _class_source(thing), inside(getattr(thing, "__wrapped__", None))]


def _text(function: Any) -> tuple[str, tuple[int, int]]:
    """Source of a function, and where in it the code ends: lambdas may share a line."""
    code = function.__code__
    try:
        source = inspect.getsource(code)  # of the function itself, not of one that it wraps
    except OSError:
        raise ValueError(
            f"{function!r} cannot be told from another between two runs, since its source cannot "
            f"be read; for a checkpoint define it in a file"
        ) from None
    ends = [(line - code.co_firstlineno, end) for _, line, _, end in code.co_positions() if line]
    return source, max((line, end or 0) for line, end in ends)


def _class_source(thing: object) -> str:
    """Source of a class, or of the class of an object; empty for what is not written in Python."""
    try:
        return inspect.getsource(thing if isinstance(thing, type) else type(thing))
    except (OSError, TypeError):
        return ""
