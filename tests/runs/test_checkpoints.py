"""Checkpoints: whatever happens, a whole one is there, and what is not whole is never taken for one."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.runs.checkpoints import STATE, TENSORS, Checkpoints
from tests.processes import started


def filled(round: int) -> dict[str, torch.Tensor]:
    return {"G.weight": torch.full((50, 3), float(round)), "steps": torch.tensor(round)}


def written(folder: Path, *rounds: int, **settings) -> Checkpoints:
    checkpoints = Checkpoints(folder)
    for round in rounds:
        checkpoints.write(round, filled(round), {"images": 128 * round}, **settings)
    return checkpoints


def assert_is_of(checkpoint, round):
    assert checkpoint.round == round
    assert checkpoint.state == {"images": 128 * round}
    assert set(checkpoint.tensors) == {"G.weight", "steps"}
    assert all(torch.equal(checkpoint.tensors[name], tensor) for name, tensor in filled(round).items())


def test_what_is_written_is_read(tmp_path):
    assert Checkpoints(tmp_path / "none").newest() is None
    checkpoints = written(tmp_path, 100)
    assert_is_of(checkpoints.read(100), 100)
    assert sorted(path.name for path in (tmp_path / "round-00000100").iterdir()) == [STATE, TENSORS]


def test_the_newest_two_and_those_to_keep_stay(tmp_path):
    assert written(tmp_path, 1, 2, 3, 4, 5, keep=(2,)).rounds() == [2, 4, 5]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"round-0000000{n}" for n in (2, 4, 5)]


def test_rounds_sort_as_numbers_beyond_eight_digits(tmp_path):
    assert written(tmp_path, 99999999, 100000000).rounds() == [99999999, 100000000]
    assert Checkpoints(tmp_path).newest().round == 100000000


def test_a_course_that_was_given_up_does_not_outlive_the_new_one(tmp_path):
    written(tmp_path, 300, 400, 500, keep=(300,))
    assert written(tmp_path, 350).rounds() == [300, 350]


DTYPES = [
    *(
        torch.bool,
        torch.uint8,
        torch.int8,
        torch.int16,
        torch.int32,
        torch.int64,
        torch.uint16,
        torch.uint32,
        torch.uint64,
    ),
    *(
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
        torch.complex64,
        torch.float8_e4m3fn,
        torch.float8_e5m2,
    ),
]


def test_every_dtype_and_layout_comes_back_equal(tmp_path):
    image = torch.randn(2, 3, 4, 5)
    tied = torch.randn(6, 4)
    tensors = {str(dtype): torch.ones((), dtype=dtype) for dtype in DTYPES} | {
        "channels_last": image.to(memory_format=torch.channels_last),
        "transposed": tied.T,
        "row": tied[2],
        "tied": tied,
        "tied_again": tied,
        "expanded": torch.ones(1, 3).expand(4, 3),
        "conjugated": torch.randn(3, dtype=torch.complex64).conj(),
        "empty": torch.zeros(0, 3),
        "also_empty": torch.zeros(0),
        "parameter": torch.nn.Parameter(torch.randn(3)),
        "a/name with spaces. and é": torch.ones(1),
    }
    Checkpoints(tmp_path).write(1, tensors, {})
    read = Checkpoints(tmp_path).read(1).tensors
    assert read.keys() == tensors.keys()
    for name, tensor in tensors.items():
        comparable = torch.float if "float8" in name else tensor.dtype  # 8-bit floats have no equality
        assert (read[name].dtype, read[name].shape) == (tensor.dtype, tensor.shape), name
        assert read[name].is_contiguous(), name
        assert torch.equal(read[name].to(comparable), tensor.to(comparable)), name


@pytest.mark.parametrize("tensor", [torch.eye(3).to_sparse(), torch.zeros(2, dtype=torch.complex128)])
def test_a_tensor_that_cannot_be_saved_is_named_and_the_old_checkpoint_stays(tmp_path, tensor):
    checkpoints = written(tmp_path, 1)
    with pytest.raises(GanatomyError, match=r"^The tensor 'odd' .* cannot be saved"):
        checkpoints.write(2, {"odd": tensor}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["round-00000001"]


@pytest.mark.parametrize("state", [{"best": float("nan")}, {"offsets": {1: 2}}, {"game": object()}])
def test_state_that_json_would_change_is_refused(tmp_path, state):
    with pytest.raises(GanatomyError, match="Not JSON"):
        Checkpoints(tmp_path).write(1, filled(1), state)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [0, 7, 100, -1])
def test_a_truncated_checkpoint_is_named_and_the_one_before_is_used(tmp_path, cut):
    checkpoints = written(tmp_path, 100, 200)
    path = tmp_path / "round-00000200" / TENSORS
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(GanatomyError, match=r"round-00000200.tensors\.safetensors is damaged") as caught:
        checkpoints.read(200)
    newest = checkpoints.newest()
    assert_is_of(newest, 100)
    assert newest.damaged == (str(caught.value),)
    assert "\n" not in newest.damaged[0]


def test_a_single_changed_bit_is_found(tmp_path):
    checkpoints = written(tmp_path, 100)
    path = tmp_path / "round-00000100" / TENSORS
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(GanatomyError, match="sha256"):
        checkpoints.read(100)


def edited(text, **changes):
    return json.dumps({**json.loads(text), **changes}).encode()


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda state: state[: len(state) // 2], "is damaged: it is not JSON"),
        (lambda state: b"\x80\x04\x95pickle", "is damaged: it is not JSON"),
        (lambda state: b'{"epoch": 3}', "is foreign: Ganatomy did not write it"),
        (lambda state: b"[]", "is foreign"),
        (lambda state: edited(state, ganatomy_checkpoint=2), "has format 2; this Ganatomy reads format 1"),
        (lambda state: edited(state, tensors={}), "is damaged: parts of it are missing"),
        (lambda state: edited(state, state=None), "is damaged: parts of it are missing"),
        (lambda state: edited(state, round=7), "is of round 7"),
    ],
)
def test_a_foreign_future_or_damaged_state_is_one_line_that_names_the_file(tmp_path, edit, problem):
    checkpoints = written(tmp_path, 100, 200)
    path = tmp_path / "round-00000200" / STATE
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(GanatomyError, match=problem) as caught:
        checkpoints.read(200)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert_is_of(checkpoints.newest(), 100)


def test_missing_files_are_named(tmp_path):
    checkpoints = written(tmp_path, 100, 200)
    (tmp_path / "round-00000200" / TENSORS).unlink()
    with pytest.raises(GanatomyError, match=r"Cannot read .*tensors\.safetensors: No such file"):
        checkpoints.read(200)
    with pytest.raises(GanatomyError, match=r"No checkpoint of round 300 in .* There are: 100, 200\."):
        checkpoints.read(300)


def test_no_whole_checkpoint_is_an_error_and_not_a_fresh_start(tmp_path):
    checkpoints = written(tmp_path, 100, 200)
    for path in tmp_path.glob(f"*/{TENSORS}"):
        path.write_bytes(b"")
    with pytest.raises(GanatomyError, match=r"No checkpoint in .* is whole\. .*200.* is damaged.*100.* is damaged"):
        checkpoints.newest()


def test_a_full_disk_is_one_line_and_the_old_checkpoint_stays(tmp_path):
    import resource

    checkpoints = written(tmp_path, 100)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, limits[1]))
    try:
        with pytest.raises(GanatomyError, match=r"^Cannot write .*round-00000200") as caught:
            written(tmp_path, 200)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["round-00000100"]
    assert_is_of(checkpoints.newest(), 100)


def test_ctrl_c_leaves_the_old_checkpoint_and_nothing_else(tmp_path, monkeypatch):
    written(tmp_path, 100)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, 200)
    assert [path.name for path in tmp_path.iterdir()] == ["round-00000100"]


# A forked child does what the trainer does, and dies by SIGKILL just before its n-th change of the disk, n = 1, 2, ...
CALLS = ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir", "chmod", "open")


def killed_at(call: int, work) -> bool:
    """Run `work` in a child that kills itself just before its n-th call; whether it came so far."""
    child = os.fork()
    if child == 0:
        try:
            left = call

            def counting(real):
                def counted(*arguments, **named):
                    nonlocal left
                    left -= 1
                    if left == 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return real(*arguments, **named)

                return counted

            for name in CALLS:
                setattr(os, name, counting(getattr(os, name)))
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the child failed by itself"
    return os.WIFSIGNALED(status)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize(("before", "now"), [((), 100), ((100,), 100), ((100, 200), 200), ((100, 200), 300)])
def test_a_whole_checkpoint_survives_a_kill_at_any_call(tmp_path, before, now):
    call = 0
    while True:
        call += 1
        folder = tmp_path / str(call)
        written(folder, *before)
        if not killed_at(call, lambda folder=folder: written(folder, now)):
            break
        left = Checkpoints(folder)
        for round in left.rounds():
            assert_is_of(left.read(round), round)
        newest = left.newest()
        assert newest.round in (now, before[-1]) if before else newest is None or newest.round == now
        written(folder, now)
        assert_is_of(Checkpoints(folder).newest(), now)
        assert all(path.name.startswith("round-") for path in folder.iterdir()), "leftovers stay"
    assert call > 10


def writing_without_end(folder: Path) -> None:
    checkpoints = Checkpoints(folder)
    for round in range(1, 10**6):
        checkpoints.write(round, {"weight": torch.full((100, 1000), float(round))}, {"images": round}, keep=(3,))
        print(round, flush=True)


def test_a_whole_checkpoint_survives_kills_from_outside_at_seeded_moments(tmp_path):
    chance = random.Random(0)
    for trial in range(3):
        folder = tmp_path / str(trial)
        with started(tmp_path / f"{trial}-said", writing_without_end, folder) as child:
            while child.out().count("\n") < 5:
                assert child.alive(), child.ended()
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.05))
            child.signal(signal.SIGKILL)
            last = int(child.ended().out.split()[-1])
        newest = Checkpoints(folder).newest()
        assert newest.round in (last, last + 1)
        assert newest.damaged == ()
        assert (newest.tensors["weight"] == newest.round).all()
        assert newest.state == {"images": newest.round}
