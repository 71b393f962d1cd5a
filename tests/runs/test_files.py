"""Writing files: the old one or the new one, never half of one."""

import errno
import os
import resource

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.runs import files


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path):
    files.write_text(tmp_path / "new" / "recipe.yaml", "a: 1\n")
    files.write_text(tmp_path / "new" / "recipe.yaml", "a: 2\n")
    assert (tmp_path / "new" / "recipe.yaml").read_bytes() == b"a: 2\n"
    assert names(tmp_path / "new") == ["recipe.yaml"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch, step, failure):
    path = tmp_path / "recipe.yaml"
    files.write_text(path, "old")

    def fail(*_):
        raise failure

    monkeypatch.setattr(os, step, fail)
    with pytest.raises((GanatomyError, KeyboardInterrupt)) as caught:
        files.write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["recipe.yaml"]
    if isinstance(failure, OSError):
        assert str(caught.value) == f"Cannot write {path}: No space left on device."


def test_a_file_larger_than_allowed_is_one_line_that_names_it(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(GanatomyError, match=r"^Cannot write .*big\.bin: File too large\.$"):
            files.write_bytes(tmp_path / "big.bin", bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == []


def test_a_pipe_or_a_device_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(GanatomyError, match=r"Cannot write .*pipe: it is no file"):
        files.write_text(tmp_path / "pipe", "x")
    assert (tmp_path / "pipe").is_fifo() and names(tmp_path) == ["pipe"]


def test_a_folder_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(GanatomyError, match="Cannot write") as caught:
        files.write_text(tmp_path / "x" / "recipe.yaml", "")
    assert "\n" not in str(caught.value)


def test_json_is_strict_and_reads_numpys_numbers(tmp_path):
    numpy = pytest.importorskip("numpy")
    value = {"a": numpy.float32(0.5), "b": [float("inf"), numpy.float64("nan")], "c": (1, None, True)}
    assert files.json_text(value) == '{"a": 0.5, "b": [null, null], "c": [1, null, true]}'
    files.write_json(tmp_path / "x.json", {"é": 1})
    assert (tmp_path / "x.json").read_text(encoding="utf-8") == '{\n  "é": 1\n}\n'


@pytest.mark.parametrize("value", [{1: 2}, {"a": {2: 3}}, {"a": object()}, {"a": {1, 2}}])
def test_what_json_would_change_or_cannot_hold_is_refused(value):
    with pytest.raises(GanatomyError, match="Not JSON"):
        files.json_text(value)


def test_lossless_json_refuses_what_is_not_finite():
    with pytest.raises(GanatomyError, match="Not JSON"):
        files.json_text({"best": float("inf")}, lossless=True)


def test_a_folder_that_cannot_be_written_into_is_known_before_and_one_that_can_is_left_as_it_is(tmp_path):
    files.refuse_unwritable(tmp_path / "new" / "deep")
    assert names(tmp_path) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(GanatomyError, match=r"^Cannot write into .*file: Not a directory\.$"):
        files.refuse_unwritable(tmp_path / "file")
