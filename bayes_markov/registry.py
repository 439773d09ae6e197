"""Functions by name: keys of a registry, or functions of the user's own."""

from collections.abc import Iterable, Mapping


def by_name[T](
    kind: str, given: Iterable[str | T] | Mapping[str, str | T], registry: Mapping[str, T]
) -> dict[str, T]:
    """Look up names, and name what is given as a function.

    Raises
    ------
    ValueError
        An unknown name, two of the same name, a function without one, or none at all.
    TypeError
        Neither a name nor a function.

    Examples
    --------
    >>> by_name("estimator", ["up", max], {"up": abs})
    {'up': <built-in function abs>, 'max': <built-in function max>}
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ValueError(f"{kind}s must be a list of names or functions, got {given!r}")
    pairs: list[tuple[str, str | T]] = (
        list(given.items())
        if isinstance(given, Mapping)
        else [(_name_of(kind, entry), entry) for entry in given]
    )
    found: dict[str, T] = {}
    for name, entry in pairs:
        if name in found:
            raise ValueError(f"two {kind}s are named {name!r}; pass a dict of names to functions")
        if not isinstance(entry, str):
            found[name] = entry
        elif entry in registry:
            found[name] = registry[entry]
        else:
            raise ValueError(f"{kind} {entry!r} is unknown; choose from {', '.join(registry)}")
    if not found:
        raise ValueError(f"{kind}s is empty; name at least one")
    return found


def _name_of(kind: str, entry: object) -> str:
    """Name of an entry of a list: itself, or that of the function."""
    if isinstance(entry, str):
        return entry
    if not callable(entry):
        raise TypeError(f"{kind} must be a name or a function, got {entry!r}")
    name = getattr(entry, "__name__", None)
    if not isinstance(name, str):
        raise ValueError(f"{kind} {entry!r} has no name; pass a dict of names to functions")
    return name
