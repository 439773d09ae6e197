"""Options that commands share: a value that holds them takes their place in a command."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any


def with_options(
    command: Callable[..., None],
    options: Mapping[str, inspect.Parameter],
    build: Callable[[dict[str, Any]], Any],
) -> Callable[..., None]:
    """Give a command some options in place of its parameter `data`, which is built of them."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        data = build({name: given.pop(name) for name in options})
        command(data=data, **given)

    own = inspect.signature(command).parameters
    parameters = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in (*options.values(), *own.values())
        if parameter.name != "data"
    ]
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapped
