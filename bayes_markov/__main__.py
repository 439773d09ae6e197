"""Entry point of the command line: a user's mistake is one line, never a traceback."""

import io
import os
import re
import signal
import sys
import traceback
from types import TracebackType
from typing import NoReturn

_ARGUMENT = re.compile(r'\b(states?|sequence|time|unit|missing|alpha)=(?:"(\w+)")?(?![\w"\[({])')
"""How a function's argument is written in a message; here it is an option."""

_FIRST = re.compile(
    r"^(alpha|blocks|estimators|intervals|lengths|n_states|prob|seed|states|step)"
    r"(?= (?:has|is|must|names)\b)"
)
"""An argument with which a message begins."""


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 a check failed, 2 a mistake in what was given, 70 a defect of this
    program (with its traceback), 130 interrupted, 143 terminated.
    """
    signal.signal(signal.SIGTERM, _terminate)
    if sys.stderr is None:  # closed by the caller
        sys.stderr = io.StringIO()
    try:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # for terminals that are not UTF-8
        from bayes_markov.cli import app

        app()
    except BrokenPipeError:
        _leave_closed_pipe()
    except OSError as error:
        named = f"{error.filename}: " if error.filename is not None else ""
        _say(f"{named}{error.strerror}" if error.strerror else str(error))
        sys.exit(2)
    except ValueError as error:
        if not _ours(error.__traceback__):
            _show_defect()
        _say(str(error))
        sys.exit(2)
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):
            _leave_closed_pipe()  # typer would exit with 1, which means a failed check here
        if stop.code == 130:
            _say("interrupted")
        raise
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(130)
    except Exception:
        _show_defect()


def _terminate(*_: object) -> NoReturn:
    """Stop as an error would, so that what was begun is cleared away."""
    sys.exit(143)


def _leave_closed_pipe() -> NoReturn:
    """Stop without a word: the reader of our output has gone, and there is nobody to tell."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _show_defect() -> NoReturn:
    """Print the traceback of an error that no user can be blamed for."""
    traceback.print_exc()
    sys.exit(70)


def _say(what: str) -> None:
    """Tell the user in one line, with options in the place of a function's arguments."""
    shown = _ARGUMENT.sub(lambda found: f"--{found[1]} {found[2] or ''}".rstrip(), what)
    shown = _FIRST.sub(lambda found: "--" + found[1].replace("_", "-"), shown)
    shown = shown.replace("95 % is prob=0.95", "95 % is --prob 0.95")
    shown = shown.replace("a datetime.timedelta, such as timedelta(days=1)", "a duration: 1d, 12h")
    sys.stderr.write(f"bayes-markov: {shown}\n")


def _ours(where: TracebackType | None) -> bool:
    """Tell whether an error was raised by a check of this project's own."""
    module = ""
    while where is not None:
        module = where.tb_frame.f_globals.get("__name__", "")
        where = where.tb_next
    return module.split(".")[0] in ("analytic", "bayes_markov")


if __name__ == "__main__":
    main()
