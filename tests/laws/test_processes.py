"""Several processes do what one does: the same draws, the same weights, the same run."""

import copy
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganatomy.core.randomness import Draws, reseed_default_generator
from ganatomy.distributed import processes
from ganatomy.distributed.batch_norm import SharedBatchNorm, all_here, share_batch_norms
from ganatomy.engine.average import ExponentialAverage
from ganatomy.engine.optimizers import Adam
from ganatomy.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from ganatomy.runs.folder import RunFolder
from tests.laws.test_engine import SHAPE, Noise, conv_players, engine, largest_difference, smooth_players, weights
from tests.processes import program, together

ROUNDS = 5


def meeting(folder: Path, works: Sequence[Callable[[], Any]]) -> None:
    with processes.together(lambda: torch.device("cpu")):
        torch.save({work.__name__: work() for work in works}, folder / f"{processes.rank()}.pt")


def by_processes(count: int, works: Sequence[Callable[[], Any]], folder: Path) -> list[dict[str, Any]]:
    """What each of several processes returns of some functions of this file, by their names; in one meeting."""
    for said in together(folder, count, meeting, folder, works):
        assert said.code == 0, said.err
    return [torch.load(folder / f"{rank}.pt") for rank in range(count)]


def played(**settings: Any) -> dict[str, Tensor]:
    one = engine(**settings)
    for _ in range(ROUNDS):
        one.play_round()
    one.held_out = Noise()
    figures = {**one.ledger.means(), **one.on_held_out()}
    tensors = {**weights(one.game), **{f"figure.{k}": torch.tensor(v, dtype=torch.float64) for k, v in figures.items()}}
    return {**tensors, **{name: value.clone() for name, value in one.game.named_buffers() if value.is_floating_point()}}


def work_smooth() -> dict[str, Tensor]:
    return played(players=smooth_players(conditional=True), average=ExponentialAverage(half_life=100))


def work_accumulated() -> dict[str, Tensor]:
    return played(accumulate=2)


def batch_normed_players() -> dict[str, nn.Module]:
    players = conv_players()
    return {**players, "D": DCGANDiscriminator(SHAPE, channels=(4, 8))}


def work_batch_norm() -> dict[str, Tensor]:
    return played(players=batch_normed_players())


def work_batch_norm_in_float32() -> dict[str, Tensor]:
    return played(players=batch_normed_players(), precision="float32")


def work_adam_split_play() -> dict[str, Tensor]:
    reseed_default_generator("players")
    players = {
        "G": DCGANGenerator(SHAPE, latent=4, channels=(8, 4), normalization="none"),
        "D": DCGANDiscriminator(SHAPE, channels=(4, 8), normalization="none"),
    }
    return played(players=players, how=Adam(lr=1e-3), rules={"order": "split", "d_steps": 2})


TOLERANCES = {
    work_smooth: 1e-10,
    work_accumulated: 1e-10,
    work_adam_split_play: 1e-10,
    work_batch_norm: 1e-10,
    work_batch_norm_in_float32: 1e-5,
}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return by_processes(2, [*TOLERANCES, work_draws, work_messages], tmp_path_factory.mktemp("two"))


@pytest.mark.parametrize("work", TOLERANCES)
def test_two_processes_end_with_the_weights_and_figures_of_one(
    work: Callable[[], dict[str, Tensor]], two: list[dict[str, Any]]
) -> None:
    alone = work()
    first, second = (one[work.__name__] for one in two)
    assert all(torch.equal(first[name], second[name]) for name in first), "the processes differ from each other"
    assert largest_difference(first, alone) < TOLERANCES[work]


def work_draws() -> dict[str, Tensor]:
    size = 12 // processes.world()
    own = Draws((0, 3, "turn"), slice(processes.rank() * size, (processes.rank() + 1) * size), 12)
    drawn = {"z": own.normal("z", 5), "u": own.uniform("u", 2), "i": own.integers("i", 9)}
    return {name: processes.gather(value) for name, value in drawn.items()}


def test_draws_are_the_same_for_any_number_of_processes(two: list[dict[str, Any]], tmp_path: Path) -> None:
    whole = work_draws()
    for one in (*two, *by_processes(3, [work_draws], tmp_path)):
        gathered = one["work_draws"]
        assert all(torch.equal(gathered[name], whole[name]) for name in whole)


def work_messages() -> dict[str, Any]:
    rank = processes.rank()
    with processes.alone():
        inside = (processes.rank(), processes.world(), processes.largest(rank))
    order = [rank]
    with processes.first_alone():
        order.append(processes.world())
    return {
        "largest": processes.largest(rank * 7),
        "gathered": processes.gather(torch.full((rank + 1, 2), rank)),
        "none": processes.gather(torch.zeros(0, 2)),
        "alone": inside,
        "order": order,
        "share": list(processes.share(10, 4)),
    }


def test_what_processes_tell_each_other(two: list[dict[str, Any]]) -> None:
    first, second = (one["work_messages"] for one in two)
    assert first["largest"] == second["largest"] == 7
    assert first["gathered"].tolist() == [[0, 0], [1, 1], [1, 1]] == second["gathered"].tolist()
    assert first["none"].shape == (0, 2)
    assert first["alone"] == (0, 1, 0) and second["alone"] == (0, 1, 1)
    assert first["order"][1] == second["order"][1] == 1
    assert first["share"] + second["share"] == list(range(10)) and len(first["share"]) % 4 == 0


def test_one_process_shares_with_nobody() -> None:
    assert processes.world() == 1 and processes.rank() == 0 and processes.leads()
    assert list(processes.share(5, 4)) == [0, 1, 2, 3, 4]
    assert processes.gather(torch.ones(2)).tolist() == [1, 1]


def test_a_shared_batch_norm_keeps_weights_and_is_torchs_own_on_one_process() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12)))
    shared = copy.deepcopy(plain)
    share_batch_norms(shared)
    assert [type(m) for m in shared.modules() if "BatchNorm" in type(m).__name__] == [SharedBatchNorm] * 2
    assert plain.state_dict().keys() == shared.state_dict().keys()
    x = torch.randn(4, 2, 2, 2)
    with all_here():
        assert torch.equal(plain(x), shared(x))
    assert torch.equal(plain[1].running_var, shared[1].running_var)


MEETING = """
import os, signal, time
import torch
import torch.distributed as dist
from ganatomy.distributed import processes

rank, attempt = int(os.environ["RANK"]), int(os.environ["TORCHELASTIC_RESTART_COUNT"])
if attempt and rank == 0:
    time.sleep(1.0)  # the other one is early, and finds in the store what the attempt before it left
with processes.together(lambda: torch.device("cpu")):
    assert dist.group.WORLD._get_backend(torch.device("cpu")).options._timeout.total_seconds() > 3600
    print(f"<{processes.largest(10 * attempt + rank)}>", flush=True)
    if attempt < 1 and rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    processes.wait()
"""


def test_restarted_workers_meet_each_other_and_nobody_who_is_gone(tmp_path: Path) -> None:
    """With torch's own meeting the early one reads the other's old address, where nobody answers (pytorch#135712)."""
    (tmp_path / "meeting.py").write_text(MEETING)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    met = subprocess.run(
        [*command, "--max-restarts", "1", "meeting.py"],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert met.returncode == 0, met.stderr[-3000:]
    assert set(re.findall(r"<(\d+)>", met.stdout)) == {"1", "11"}, met.stdout


KILLER = """
import os, signal, time
from pathlib import Path
from ganatomy import Spec, find_recipe, part, recipe
from ganatomy.games.adversarial import Adversarial

@part
class Mortal(Adversarial):
    def generator(self, batch):
        killed = Path(os.environ["KILLED"])
        if batch.play.round == 13 and os.environ.get("RANK") == "1" and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(float(os.environ.get("SECONDS_A_ROUND", 0)))
        return super().generator(batch)

if "RANK" in os.environ:
    Path(f"worker{os.environ['RANK']}").write_text(str(os.getpid()))

@recipe
def mortal():
    base = find_recipe("digits-dcgan")
    return base.replace(name="mortal", game=Spec(Mortal, **base.game.settings))
"""
TINY = (
    "players.G.width=0.1",
    "players.D.width=0.1",
    "watch.log=128",
    "watch.grid=512",
    "watch.score=512",
    "watch.checkpoint=320",
    "watch.tensorboard=false",
    "scores.count=100",
    "precision=float32",
)


def started(
    folder: Path, out: str, *more: str, restarts: int = 0, killed: Path, seconds_a_round: float = 0
) -> subprocess.Popen[str]:
    (folder / "killer.py").write_text(KILLER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["--max-restarts", str(restarts), "-m", "ganatomy", "train", "mortal", "--import", "killer.py"]
    command += ["--out", out, "--images", "1500", *TINY, *more]
    own = {"KILLED": str(killed), "OMP_NUM_THREADS": "1", "SECONDS_A_ROUND": str(seconds_a_round)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=folder, env={**os.environ, **own}, text=True, **pipes)


def torchrun(folder: Path, out: str, *more: str, **how: Any) -> subprocess.CompletedProcess[str]:
    with started(folder, out, *more, **how) as job:
        stdout, stderr = job.communicate(timeout=240)
    return subprocess.CompletedProcess(job.args, job.returncode, stdout, stderr)


def assert_one_wrote(run: RunFolder) -> None:
    """Every line once: two writers would write each twice."""
    for log in (run.metrics, run.scores):
        rounds = [line["round"] for line in log.read()]
        assert rounds == sorted(set(rounds))


def test_a_signal_to_the_whole_job_saves_the_run(tmp_path: Path) -> None:
    """As a scheduler stops a job: every worker is signalled, and once more by torchrun, which is signalled, too."""
    unsaved = ("watch.checkpoint=0", "watch.score=0", "watch.log=64")
    with started(tmp_path, "run", *unsaved, killed=tmp_path, seconds_a_round=0.3) as job:
        try:
            while not (tmp_path / "run" / "metrics.jsonl").exists():
                assert job.poll() is None, job.communicate()[1]
                time.sleep(0.05)
            for worker in (int((tmp_path / f"worker{rank}").read_text()) for rank in range(2)):
                os.kill(worker, signal.SIGTERM)
            time.sleep(0.1)  # so that the first one was heard
            job.send_signal(signal.SIGTERM)
            stdout, _ = job.communicate(timeout=60)
        finally:
            job.kill()
    assert "Stopped by SIGTERM. Continue with the same command" in stdout
    run = RunFolder(tmp_path / "run")
    assert run.checkpoints.rounds() == [run.metrics.read()[-1]["round"]]
    assert_one_wrote(run)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_a_worker_that_is_killed_leaves_no_trace_in_the_run(tmp_path: Path) -> None:
    survived = tmp_path / "already"
    survived.touch()
    straight = torchrun(tmp_path, "straight", killed=survived)
    assert straight.returncode == 0, straight.stderr[-3000:]
    assert straight.stdout.count("trained    ") == 1 and "each of 2 processes" in straight.stdout
    broken = torchrun(tmp_path, "broken", restarts=1, killed=tmp_path / "killed")
    assert broken.returncode == 0, broken.stderr[-3000:]
    assert (tmp_path / "killed").exists()
    a, b = tmp_path / "straight", tmp_path / "broken"
    assert [x["from_round"] for x in json.loads((b / "environment.json").read_text())["sessions"]] == [0, 10]
    for name in ("scores.jsonl", "evaluations.jsonl"):
        assert drop_clock(lines(a / name)) == drop_clock(lines(b / name)) != []
    assert drop_clock(lines(a / "metrics.jsonl")) == drop_clock(lines(b / "metrics.jsonl"))
    assert_one_wrote(RunFolder(a))
    newest = sorted((a / "checkpoints").iterdir())[-1].name
    tensors = (a / "checkpoints" / newest / "tensors.safetensors").read_bytes()
    assert tensors == (b / "checkpoints" / newest / "tensors.safetensors").read_bytes()
    assert {p.name: p.read_bytes() for p in (a / "samples").iterdir()} == {
        p.name: p.read_bytes() for p in (b / "samples").iterdir()
    }


def drop_clock(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def test_a_batch_that_cannot_be_shared_out_is_one_line(tmp_path: Path) -> None:
    both = together(tmp_path, 2, program, "train", "digits-dcgan", "batch=63", "--out", tmp_path / "run")
    told = [line for said in both for line in said.err.splitlines() if line.startswith("error:")]
    assert told == ["error: A batch of 63 cannot be cut into 2 equal parts (2 processes x 1 accumulated)."]
    assert [said.code for said in both] == [1, 1] and not (tmp_path / "run").exists()


def test_a_world_without_a_meeting_place_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    from ganatomy.core.errors import GanatomyError
    from ganatomy.experiments.train import train

    with pytest.raises(GanatomyError, match="torchrun"):
        train("digits-dcgan", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
