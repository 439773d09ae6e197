"""Entry point of the command line: a user's mistake is one line, never a traceback."""

import io
import os
import re
import sys
import traceback
from types import TracebackType

_ARGUMENT = re.compile(r'\b(states?|sequence|time|unit|missing|alpha)=(?:"(\w+)")?(?![\w"\[({])')
"""How a function's argument is written in a message; here it is an option."""


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 a check failed, 2 a mistake in what was given, 70 a defect of this
    program (with its traceback), 130 interrupted.
    """
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # for terminals that are not UTF-8
        from bayes_markov.cli import app

        app()
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (ValueError, OSError) as error:
        if isinstance(error, ValueError) and not _ours(error.__traceback__):
            traceback.print_exc()
            sys.exit(70)
        _say(str(error))
        sys.exit(2)
    except SystemExit as stop:
        if stop.code == 130:
            _say("interrupted")
        raise
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(130)


def _say(what: str) -> None:
    """Tell the user in one line, with options in the place of a function's arguments."""
    shown = _ARGUMENT.sub(lambda found: f"--{found[1]} {found[2] or ''}".rstrip(), what)
    print(f"bayes-markov: {shown}", file=sys.stderr)  # noqa: T201


def _ours(where: TracebackType | None) -> bool:
    """Tell whether an error was raised by a check of this project's own."""
    module = ""
    while where is not None:
        module = where.tb_frame.f_globals.get("__name__", "")
        where = where.tb_next
    return module.split(".")[0] in ("analytic", "bayes_markov")


if __name__ == "__main__":
    main()
