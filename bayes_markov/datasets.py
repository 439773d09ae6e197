"""Example data that come with the package; data/README.md says where they are from."""

from importlib.resources import files
from pathlib import Path


def example_file(name: str) -> Path:
    """Path of a data file that comes with the package.

    Parameters
    ----------
    name : str
        "seattle_weather.csv" (one long sequence) or "atlantic_storms.csv" (many short ones).

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        There is no such file; the ones that exist are named.

    Examples
    --------
    >>> example_file("seattle_weather.csv").read_text().splitlines()[:2]
    ['date,weather', '2012-01-01,drizzle']
    """
    data = Path(str(files("bayes_markov"))) / "data"
    known = sorted(path.name for path in data.glob("*.csv"))
    if name not in known:
        raise ValueError(f"name must be one of {', '.join(known)}, got {name!r}")
    return data / name
