"""A study from Python: `ganatomy.study("modes", run="runs/a")`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganatomy.core.spec import Spec
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

    >>> ganatomy.study("interpolate", run="runs/digits-dcgan", steps=12)["latents"]  # doctest: +SKIP
    {'smoothness': 0.9, 'deviation': 0.02}
    """
    given = {key: os.fspath(value) if isinstance(value, os.PathLike) else value for key, value in settings.items()}
    folder = carry_out(Spec(studies[name], **given).build(), out, announce)
    result: dict[str, Any] = read_json(folder / "result.json")["result"]
    return result
