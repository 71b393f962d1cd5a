"""The examples of the README and of docs/ run, their links lead somewhere, and what they list is all there is."""

import re
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ganatomy.cli.main import app, main
from ganatomy.experiments.run import Run

ROOT = Path(__file__).parents[1]
MEASURED = ("results.md", "trials.md")  # written by `ganatomy results`; their commands are those of older versions, too
PAGES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
GUIDE = "\n".join(text for path, text in PAGES.items() if path.name not in MEASURED)
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
PYTHON = [text for language, text in BLOCKS if language == "python"]
LINES = [
    line.removeprefix("$ ").partition("#")[0].strip()
    for language, block in BLOCKS
    if language in ("", "bash")
    for line in block.replace("\\\n", " ").splitlines()
]
COMMANDS = [line for line in LINES if line.startswith("ganatomy ") and "optimzers" not in line]
LAUNCHED = [f"ganatomy {line.partition(' -m ganatomy ')[2].strip()}" for line in LINES if " -m ganatomy " in line]


def python_with(text: str) -> str:
    (found,) = (block for block in PYTHON if text in block)
    return found


def expanded(command: str) -> list[str]:
    """The words of a command as bash would hand them over, which one with {a,b} is for."""
    if "{" not in command or "'" in command:
        return shlex.split(command)
    told = subprocess.run(["bash", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True)
    return told.stdout.splitlines()


def page(name: str) -> str:
    return PAGES[ROOT / "docs" / f"{name}.md"]


def anchors(text: str) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[path]):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def test_the_readme_names_every_command_and_page() -> None:
    from typer.main import get_command

    readme = PAGES[ROOT / "README.md"]
    for name in get_command(app).commands:  # type: ignore[attr-defined]
        assert f"ganatomy {name}" in GUIDE, name
    for path in PAGES:
        assert path.parent == ROOT or f"docs/{path.name}" in readme, path.name


def test_every_option_of_train_is_explained() -> None:
    from typer.main import get_command

    for parameter in get_command(app).commands["train"].params:  # type: ignore[attr-defined]
        if parameter.param_type_name == "option" and "--help" not in parameter.opts:
            assert f"| `{parameter.opts[0]}" in page("training"), parameter.opts


def test_every_piece_source_setting_and_study_is_listed() -> None:
    from torch import nn

    from ganatomy.core.game import Game
    from ganatomy.core.kinds import Averaging
    from ganatomy.core.registry import parts
    from ganatomy.data.images import Images
    from ganatomy.data.sources import sources
    from ganatomy.engine.optimizers import Optimizer
    from ganatomy.engine.schedules import Schedule
    from ganatomy.objectives.adversarial import AdversarialLoss
    from ganatomy.objectives.auxiliary import AuxiliaryLoss
    from ganatomy.objectives.constraints import Constraint
    from ganatomy.objectives.regularizers import Regularizer
    from ganatomy.studies.study import studies

    kinds = (nn.Module, Game, Optimizer, Schedule, Averaging, AdversarialLoss, AuxiliaryLoss, Constraint, Regularizer)
    for name, piece in parts.items():
        if isinstance(piece, type) and issubclass(piece, kinds) and piece.__module__.startswith("ganatomy."):
            assert f"`{name}`" in page("building"), name
    for name in sources:
        assert f"`{name}`" in page("data"), name
    for name in Images.__dataclass_fields__:
        assert name == "source" or f"`data.{name}=" in page("data"), name
    for name in studies:
        assert f"`{name}`" in page("studies"), name


def test_the_readme_has_examples() -> None:
    assert len(PYTHON) == 4
    assert len(COMMANDS) > 12
    assert len(LAUNCHED) >= 4  # by torchrun: on one machine, on either of two, by SLURM


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(python_with("ganatomy.train("), names)
    assert len(names["pictures"]) == 4  # type: ignore[arg-type]
    assert tuple(names["tensor"].shape) == (4, 1, 8, 8)  # type: ignore[attr-defined]


def test_scores_in_three_steps_run() -> None:
    draw = np.random.default_rng(0)
    names: dict[str, object] = {f: draw.integers(0, 256, (9, 4, 4, 3)).astype(np.uint8) for f in ("photos", "samples")}
    exec(python_with("statistics_of("), names)
    assert {"fid", "kid", "precision", "recall", "density", "coverage"} <= set(names["scores"])  # type: ignore[call-overload]


def test_a_study_runs_from_python(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example = python_with("ganatomy.study(").replace("runs/mnist-dcgan", str(trained.path)).replace("5_000", "60")
    names: dict[str, object] = {}
    exec(example, names)
    assert (tmp_path / "studies" / "modes" / "result.json").is_file()


def test_ones_own_generator_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my_gans.py").write_text(python_with("class LinearGenerator"), encoding="utf-8")
    command = next(command for command in COMMANDS if "--import" in command)
    quick = ["--images", "200", "scores=none", "watch.grid=0", "watch.tensorboard=false"]
    monkeypatch.setattr("sys.argv", [*shlex.split(command), *quick])
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code in (0, None)
    assert (tmp_path / "runs" / "linear-digits" / "recipe.yaml").is_file()


@pytest.mark.parametrize("command", sorted({*COMMANDS, *LAUNCHED}))
def test_commands_name_what_exists(command: str) -> None:
    """Every command is parsed, every recipe found and every override applied, without training."""
    from typer.main import get_command

    from ganatomy.core.recipe import find_recipe
    from ganatomy.studies.ablation import cells_of
    from ganatomy.studies.study import declared

    words = expanded(command)[1:]
    tree = get_command(app)
    context = tree.make_context("ganatomy", list(words), resilient_parsing=True)
    assert words[0] in tree.commands, words[0]  # type: ignore[attr-defined]
    leaf = tree.commands[words[0]]  # type: ignore[attr-defined]
    if words[0] == "data":
        leaf, words = leaf.commands[words[1]], words[1:]
    parsed = leaf.make_context(words[0], list(words[1:]), parent=context)
    if words[0] == "train" and parsed.params["recipe"] != "linear-digits" and "/" not in parsed.params["recipe"]:
        find_recipe(parsed.params["recipe"]).overridden(parsed.params["assignments"] or [])
    if words[0] == "study" and parsed.params["name"] not in (None, "show"):
        declared(parsed.params["name"], parsed.params["assignments"] or [])
    if words[0] == "ablate":
        cells_of(parsed.params["recipe"].split(","), parsed.params["assignments"] or [], [0])
