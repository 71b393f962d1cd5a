"""Errors of the caller, each in one line: what was asked, what exists, what is near."""

import difflib
from collections.abc import Iterable


class GanatomyError(Exception):
    """A mistake of the caller. Its text is one line, which the command line prints without a traceback."""


def near(name: str, options: Iterable[str]) -> str:
    """The second half of an error about an unknown name: the nearest option, and the first forty of all.

    >>> near("wgan_pg", ["wgan_gp", "dcgan"])
    "Did you mean 'wgan_gp'? There are: dcgan, wgan_gp."
    """
    options = sorted(set(options))
    folded = {option.lower(): option for option in options}
    close = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
    listing = ", ".join(options[:40]) + (", ..." if len(options) > 40 else "")
    exists = f"There are: {listing}." if options else "There are none."
    return f"Did you mean '{folded[close[0]]}'? {exists}" if close else exists


def unknown(kind: str, name: str, options: Iterable[str]) -> GanatomyError:
    """The error for a name that does not exist.

    >>> print(unknown("recipe", "dcgna", ["dcgan"]))
    No recipe called 'dcgna'. Did you mean 'dcgan'? There are: dcgan.
    """
    return GanatomyError(f"No {kind} called '{name}'. {near(name, options)}")


def one_line(text: object) -> str:
    """A text, such as an error's, on one line."""
    return " ".join(str(text).split())
