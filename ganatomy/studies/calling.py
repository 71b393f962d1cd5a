"""A study from Python: `ganatomy.study("modes", run="runs/a")`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganatomy.core.spec import Spec
from ganatomy.experiments.run import Run
from ganatomy.runs.files import read_json
from ganatomy.studies.study import carry_out, studies


def study(
    name: str,
    *,
    out: Path | str | None = None,
    announce: Callable[[str], None] = lambda text: None,
    **settings: Any,
) -> dict[str, Any]:
    """Carry a study out in the folder `out` (studies/NAME unless said), or finish it there; its numbers and protocol.

    A run is its folder, or what `ganatomy.train` and `ganatomy.load` return; or a recipe's name, which is trained
    first, on `data` and for `images`.

    >>> ganatomy.study("interpolate", run="runs/digits-dcgan", steps=12)["latents"]  # doctest: +SKIP
    {'smoothness': 0.9, 'deviation': 0.02}
    """
    folder = carry_out(
        Spec(studies[name], **{key: plain(value) for key, value in settings.items()}).build(), out, announce
    )
    result: dict[str, Any] = read_json(folder / "result.json")["result"]
    return result


def plain(value: Any) -> Any:
    """A setting as the command line has it: of a run or a path its text."""
    if isinstance(value, Run):
        return str(value.path)
    return os.fspath(value) if isinstance(value, os.PathLike) else value
