"""Functions by name: keys of a registry, or functions (losses) of the user's own."""

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
        Neither a name nor of the kind that the registry holds.

    Examples
    --------
    >>> by_name("estimator", ["up", max], {"up": abs})
    {'up': <built-in function abs>, 'max': <built-in function max>}
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ValueError(f"{kind}s must be a list of names or functions, got {given!r}")
    known = next(iter(registry.values()))
    entries = list(given.values() if isinstance(given, Mapping) else given)
    for entry in entries:
        fits = callable(entry) if callable(known) else isinstance(entry, type(known))
        if not (fits or isinstance(entry, str)):
            expected = "function" if callable(known) else type(known).__name__
            raise TypeError(f"{kind} must be a name or a {expected}, got {entry!r}")
    names = list(given) if isinstance(given, Mapping) else [_name_of(kind, e) for e in entries]
    found: dict[str, T] = {}
    for name, entry in zip(names, entries, strict=True):
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
    name = getattr(entry, "__name__", None)
    if not isinstance(name, str):
        raise ValueError(f"{kind} {entry!r} has no name; pass a dict of names instead of a list")
    return name
