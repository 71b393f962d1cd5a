import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import ganatomy.data.workers as workers
from ganatomy.core.errors import GanatomyError
from ganatomy.data.workers import Child, over_chunks


def test_results_come_in_order_and_are_the_same_in_other_processes() -> None:
    tasks = [(number, 3) for number in range(20)]
    here = list(over_chunks(pow, tasks, 1))
    assert here == [number**3 for number in range(20)]
    assert list(over_chunks(pow, tasks, 2)) == here


def test_ending_early_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[Child] = []

    class Seen(Child):
        def __init__(self) -> None:
            super().__init__()
            children.append(self)

    monkeypatch.setattr(workers, "Child", Seen)
    with closing(over_chunks(pow, ((number, 2) for number in range(10_000)), 2)) as results:
        assert next(results) == 0
    assert len(children) == 2
    assert all(child.process.poll() is not None for child in children)


def test_a_process_that_dies_is_one_line() -> None:
    with pytest.raises(GanatomyError, match="A decoding process ended unexpectedly"):
        list(over_chunks(os._exit, [(3,)], 2))


def test_a_script_without_a_main_guard_may_decode_in_processes(tmp_path: Path) -> None:
    script = tmp_path / "plain.py"
    script.write_text(
        "from ganatomy.data.workers import over_chunks\nprint(list(over_chunks(abs, [(-1,), (-2,)], 2)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "[1, 2]\n"
