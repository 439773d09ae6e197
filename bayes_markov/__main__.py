"""Entry point of the command line: a user's mistake is one line, never a traceback."""

import os
import sys


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 a check failed, 2 a mistake in what was given."""
    from bayes_markov.cli import app

    try:
        app()
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (ValueError, OSError) as error:
        print(f"bayes-markov: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except KeyboardInterrupt:
        print("bayes-markov: interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(130)


if __name__ == "__main__":
    main()
