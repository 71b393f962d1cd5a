"""Logs that a killed writer cannot spoil."""

import resource

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganatomy.core.errors import GanatomyError
from ganatomy.runs import log as module
from ganatomy.runs.log import Log

values = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
records = st.lists(st.dictionaries(st.text(), values | st.lists(values, max_size=3), max_size=4), max_size=12)


@settings(max_examples=60, deadline=None)
@given(records, records, records, st.binary(max_size=9000).map(lambda torn: torn.replace(b"\n", b"")))
def test_truncating_drops_exactly_what_came_after_the_offset(tmp_path_factory, before, after, again, torn):
    log = Log(tmp_path_factory.mktemp("log") / "metrics.jsonl")
    for record in before:
        log.append(record)
    offset = log.offset()
    for record in after:
        log.append(record)
    with open(log.path, "ab") as file:
        file.write(torn)  # of a killed writer
    assert log.read() == before + after
    log.truncate(offset)
    assert log.read() == before
    assert log.offset() == offset == log.path.stat().st_size
    for record in again:
        log.append(record)
    assert log.read() == before + again


@settings(max_examples=40, deadline=None)
@given(records.filter(bool), st.data())
def test_a_log_cut_at_any_byte_keeps_its_whole_lines_and_can_be_added_to(tmp_path_factory, written, data):
    log = Log(tmp_path_factory.mktemp("log") / "metrics.jsonl")
    for record in written:
        log.append(record)
    whole = log.path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    log.path.write_bytes(whole[:cut])
    kept = written[: whole[:cut].count(b"\n")]
    assert log.read() == kept
    log.append({"round": 7})
    assert log.read() == [*kept, {"round": 7}]


def test_a_line_that_another_adds_meanwhile_is_kept(tmp_path, monkeypatch):
    log, found = Log(tmp_path / "measurements.jsonl"), module._end_of_lines
    log.append({"round": 1})

    def meanwhile(file):
        end = found(file)
        with open(log.path, "ab") as other:
            other.write(b'{"round": 2}\n')
        return end

    monkeypatch.setattr(module, "_end_of_lines", meanwhile)
    log.append({"round": 3})
    assert log.read() == [{"round": 1}, {"round": 2}, {"round": 3}]


def test_what_is_not_finite_becomes_null(tmp_path):
    log = Log(tmp_path / "metrics.jsonl")
    log.append({"D/real": float("nan"), "shares": [float("inf"), 1.0]})
    assert log.path.read_text() == '{"D/real": null, "shares": [null, 1.0]}\n'


def test_an_offset_of_another_log_is_refused(tmp_path):
    log = Log(tmp_path / "metrics.jsonl")
    log.append({"round": 1})
    for offset in (-1, 5, 15, 1000):
        with pytest.raises(GanatomyError, match="not the same log"):
            log.truncate(offset)
    assert log.read() == [{"round": 1}]


def test_a_log_that_is_not_there_is_empty(tmp_path):
    log = Log(tmp_path / "none" / "metrics.jsonl")
    log.truncate(0)
    log.sync()
    assert log.read() == []
    assert log.offset() == 0
    with pytest.raises(GanatomyError, match="Cannot shorten"):
        log.truncate(10)


def test_a_damaged_line_is_named_by_its_number(tmp_path):
    log = Log(tmp_path / "metrics.jsonl")
    log.path.write_bytes(b'{"round": 1}\n\xff\x00\n{"round": 3}\n')
    with pytest.raises(GanatomyError, match=r"metrics\.jsonl, line 2, is not a JSON object"):
        log.read()


def test_a_full_disk_is_one_line_and_no_half_line(tmp_path):
    log = Log(tmp_path / "metrics.jsonl")
    log.append({"round": 1})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(GanatomyError, match=r"Cannot write .*disk may be full"):
            log.append({"text": "x" * 500})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert log.path.read_bytes() == b'{"round": 1}\n'
    log.sync()


def test_what_cannot_be_written_is_known_before_and_what_can_leaves_no_trace(tmp_path):
    log = Log(tmp_path / "measurements.jsonl")
    log.refuse_unwritable()
    assert not log.path.exists()
    log.append({"round": 1})
    log.refuse_unwritable()
    assert log.read() == [{"round": 1}]
    (tmp_path / "folder").mkdir()
    with pytest.raises(GanatomyError, match=r"Cannot write .*folder: Is a directory"):
        Log(tmp_path / "folder").refuse_unwritable()
