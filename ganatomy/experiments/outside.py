"""Importing one's own networks, games and recipes, from a file or an installed package."""

import importlib.util
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path

from ganatomy.core.errors import GanatomyError, one_line

ENTRY_POINTS = "ganatomy"


def import_file(path: Path) -> None:
    """Run a Python file, so that recipes can name what it registers. Recipes themselves cannot ask for this.

    Raises GanatomyError, with the line, if the file fails.
    """
    if not path.is_file():
        raise GanatomyError(f"No file '{path}' to import.")
    name = f"ganatomy_outside_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise GanatomyError(f"'{path}' is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except GanatomyError:
        raise
    except Exception as error:
        line = _line_in(error, path)
        raise GanatomyError(f"{path}{line} cannot be imported: {type(error).__name__}: {one_line(error)}") from error


def import_installed() -> None:
    """Import all entry points of installed packages in the group `ganatomy`."""
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            entry.load()
        except GanatomyError:
            raise
        except Exception as error:
            raise GanatomyError(
                f"The installed '{entry.value}' cannot be imported: {type(error).__name__}: {one_line(error)}"
            ) from error


def _line_in(error: Exception, path: Path) -> str:
    """ ":N", the line of the file at which an error was raised; "" if unknown."""
    if isinstance(error, SyntaxError):
        return f":{error.lineno}"
    trace, line = error.__traceback__, ""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == os.path.abspath(path):
            line = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return line
