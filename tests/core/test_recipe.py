"""A recipe is data: it can be written, read back, overridden and compared, and cannot run code."""

from pathlib import Path

import pytest
import yaml

from ganatomy.core.errors import GanatomyError
from ganatomy.core.recipe import Recipe, find_recipe, recipe, recipes
from ganatomy.core.spec import Spec
from ganatomy.data.images import Images
from ganatomy.engine.optimizers import SGD, Adam
from ganatomy.engine.schedules import Cosine
from ganatomy.networks.dcgan import DCGANDiscriminator
from ganatomy.objectives.adversarial import Minimax

DIGITS = find_recipe("digits-dcgan")


def as_text(value: object) -> str:
    """A setting as a person would type it."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(as_text, value)) + "]"
    return "none" if value is None else str(value)


@pytest.mark.parametrize("name", recipes)
def test_written_and_read_back_a_recipe_is_equal(name):
    there = find_recipe(name)
    back = Recipe.from_yaml(there.to_yaml())
    assert back == there
    assert back.flat() == there.flat()
    assert back.to_yaml() == there.to_yaml()


@pytest.mark.parametrize("name", recipes)
def test_every_setting_overridden_by_its_own_text_stays_itself(name):
    there = find_recipe(name)
    words = [f"{key}={as_text(value)}" for key, value in there.flat().items() if not key.endswith(".use")]
    assert len(words) > 20
    found = there.overridden(words)
    assert found == there, found.differences(there, ignoring=())


@pytest.mark.parametrize(
    ("assignment", "key", "value"),
    [
        ("optimizers.D.lr=1e-4", "optimizers.D.lr", 1e-4),
        ("optimizers.D.lr=1", "optimizers.D.lr", 1.0),
        ("players.G.latent=64", "players.G.latent", 64),
        ("players.G.channels=64,32", "players.G.channels", [64, 32]),
        ("players.G.channels=64", "players.G.channels", [64]),
        ("players.G.channels=[64]", "players.G.channels", [64]),
        ("players.G.start=2", "players.G.start", 2),
        ("players.G.start=2,2", "players.G.start", [2, 2]),
        ("players.G.start=none", "players.G.start", None),
        ("players.G.normalization=none", "players.G.normalization", "none"),
        ("game.d_steps=2", "game.d_steps", 2),
        ("game.loss.smoothing=0.2", "game.loss.smoothing", 0.2),
        ("images=1_000", "images", 1_000),
        ("data.flip=true", "data.flip", True),
        ("data.flip=None", "data.flip", None),
        ("data.source=007", "data.source", "007"),
        ("data.source=my images #2", "data.source", "my images #2"),
        ("data.source=a,b", "data.source", "a,b"),
        ("data.source=C:/images", "data.source", "C:/images"),
        ("data.label=no", "data.label", "no"),
        ("data.label=#1", "data.label", "#1"),
        ("data.label='none'", "data.label", "none"),
        ("data.label=none", "data.label", None),
        (" seed = 3 ", "seed", 3),
    ],
)
def test_text_is_read_as_the_signature_has_it(assignment, key, value):
    found = DIGITS.overridden([assignment]).flat()[key]
    assert found == value
    assert type(found) is type(value)


def test_a_part_can_be_swapped_for_another_of_its_kind():
    assert DIGITS.override("game.loss", "Minimax").game.settings["loss"] == Spec(Minimax)
    assert DIGITS.override("game.loss", "minimax").game.settings["loss"] == Spec(Minimax)
    assert DIGITS.override("optimizers.D", "SGD").optimizers["D"] == Spec(SGD)
    assert DIGITS.override("average", "none").average is None
    scheduled = DIGITS.override("optimizers.D.schedule", "{use: Cosine, until: 1000}")
    assert scheduled.optimizers["D"].settings["schedule"] == Spec(Cosine, until=1000)


def test_overrides_apply_in_turn_and_leave_the_recipe_alone():
    before = DIGITS.flat()
    changed = DIGITS.overridden(["game.loss=Minimax", "game.loss.smoothing=0.3", "seed=1", "seed=2"])
    assert (changed.game.settings["loss"].settings["smoothing"], changed.seed) == (0.3, 2)
    assert DIGITS.flat() == before


MISTAKES = {
    "optimizers.D.lr=abc": "optimizers.D.lr=abc: Input should be a valid number",
    "optimizers.D.lr=-1": "optimizers.D.lr=-1: Input should be greater than 0",
    "optimizers.D.lr=nan": "optimizers.D.lr=nan: Input should be greater than 0",
    "optimzers.D.lr=1": "digits-dcgan has no field 'optimzers' (of 'optimzers.D.lr'). Did you mean 'optimizers'?",
    "game.loss=minimx": "game.loss=minimx: Did you mean 'Minimax'? There are: Hinge, LeastSquares, ",
    "game.loss=Adam": "game.loss=Adam: There are: Hinge, LeastSquares, ",
    "game.order=fast": "game.order=fast: Input should be 'alternating', 'simultaneous' or 'split'",
    "game.loss.smoothing=0.7": "game.loss.smoothing=0.7: Input should be less than 0.5",
    "game.loss={use: [1]}": "'use' names a part by a word, not by [1].",
    "game.loss={use: Minimx}": "No part called 'Minimx'. Did you mean 'Minimax'?",
    "game=Classification": "digits-dcgan: Classification is played by C, not by G, D.",
    "players=3": "'players' holds several parts: name one of G, D.",
    "players.G.latnet=3": "DCGANGenerator has no setting 'latnet' (of 'players.G.latnet'). Did you mean 'latent'?",
    "players.g.latent=3": "No 'g' in 'players.g.latent'. Did you mean 'G'? There are: D, G.",
    "players.G.latent=3.5": "players.G.latent=3.5: Input should be a valid integer",
    "players.G.channels=a,b": "players.G.channels=a,b: Input should be a valid integer",
    "players.G.channels=[]": "players.G.channels=[]: Tuple should have at least 1 item",
    "players.G=DCGANDiscriminator": "digits-dcgan: players.G is a DCGANDiscriminator, not a Generator.",
    "optimizers.D.lr.x=3": "'optimizers.D.lr.x': 0.001 has no settings of its own.",
    "optimizers.D.schedule=Cosine": "Cosine needs the setting 'until'.",
    "batch=0": "batch=0: Input should be greater than 0",
    "accumulate=3": "digits-dcgan: a batch of 64 cannot be cut into 3 equal parts.",
    "seed=-1": "seed=-1: Input should be greater than or equal to 0",
    "precision=float16": "precision=float16: Input should be 'auto', 'float32', 'bfloat16' or 'float64'",
    "watch=none": "watch=none: ",
    "lr": "'lr' is not KEY=VALUE, such as optimizers.D.lr=1e-4.",
    "=3": "digits-dcgan has no field ''",
}


@pytest.mark.parametrize("assignment", MISTAKES)
def test_a_wrong_override_is_one_line_that_helps(assignment):
    with pytest.raises(GanatomyError) as raised:
        DIGITS.overridden([assignment])
    assert str(raised.value).startswith(MISTAKES[assignment])
    assert "\n" not in str(raised.value)


def test_an_average_of_nobody_who_moves_is_refused() -> None:
    with pytest.raises(GanatomyError, match=r"No player to average called 'Q'\. There are: D, G"):
        DIGITS.override("average.players", "G,Q")
    with pytest.raises(GanatomyError, match="No player to average called 'C'"):
        find_recipe("mnist-cdcgan-guided").override("average.players", "C")


@pytest.mark.parametrize("assignment", ["data=Adam", "optimizers.D=Minimax", "average=Adam", "watch=Adam"])
def test_a_part_in_the_place_of_another_kind_is_refused(assignment):
    with pytest.raises(GanatomyError):
        DIGITS.overridden([assignment])


def plain() -> dict[str, object]:
    return yaml.safe_load(DIGITS.to_yaml())


PLAYER = {"use": "DCGANGenerator"}
FILES = {
    "python tag": (
        "!!python/object/apply:os.system ['touch {mark}']",
        "is not YAML: could not determine a constructor",
    ),
    "nested tag": (
        DIGITS.to_yaml().replace("seed: 0", "seed: !!python/object/apply:os.system ['touch {mark}']"),
        "is not YAML",
    ),
    "python name": (DIGITS.to_yaml().replace("seed: 0", "seed: !!python/name:os.system"), "is not YAML"),
    "import path": (yaml.safe_dump({**plain(), "game": {"use": "os.system"}}), "No part called 'os.system'."),
    "unknown part": (yaml.safe_dump({**plain(), "game": {"use": "Advresarial"}}), "Did you mean 'Adversarial'?"),
    "list as part": (yaml.safe_dump({**plain(), "game": {"use": ["Adam"]}}), "'use' names a part by a word"),
    "unknown field": (yaml.safe_dump({**plain(), "batsh": 3}), "a recipe has no field 'batsh'. Did you mean 'batch'?"),
    "unknown setting": (
        yaml.safe_dump({**plain(), "data": {"use": "Images", "source": "x", "colour": 1}}),
        "Images has no setting 'colour'.",
    ),
    "number as game": (yaml.safe_dump({**plain(), "game": 3}), "digits-dcgan.game=3"),
    "number as player": (yaml.safe_dump({**plain(), "players": {"G": 3, "D": PLAYER}}), "digits-dcgan.players.G=3"),
    "player 1": (
        yaml.safe_dump({**plain(), "players": {"G": PLAYER, 1: PLAYER}}),
        "Settings have names, not numbers: G, 1.",
    ),
    "missing": ("name: x\n", "lacks data, game, players, optimizers, images, watch."),
    "empty": ("", "holds no recipe."),
    "list": ("- 1", "holds no recipe."),
    "broken": ("a: [", "is not YAML"),
}


@pytest.mark.parametrize(("text", "said"), FILES.values(), ids=FILES)
def test_a_bad_recipe_file_is_one_line_and_runs_nothing(text, said, tmp_path):
    mark = tmp_path / "mark"
    (tmp_path / "recipe.yaml").write_text(text.replace("{mark}", str(mark)))
    with pytest.raises(GanatomyError) as raised:
        find_recipe(str(tmp_path / "recipe.yaml"))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not mark.exists()


def test_a_recipe_is_found_by_name_by_file_and_by_folder(tmp_path):
    (tmp_path / "recipe.yaml").write_text(DIGITS.to_yaml())
    assert find_recipe(str(tmp_path)) == find_recipe(str(tmp_path / "recipe.yaml")) == DIGITS


@pytest.mark.parametrize(
    ("name", "said"),
    [("digits-dcgna", "No recipe called 'digits-dcgna'. Did you mean 'digits-dcgan'?"), ("a/b.yaml", "No recipe file")],
)
def test_a_recipe_that_is_not_there_is_told(name, said):
    with pytest.raises(GanatomyError) as raised:
        find_recipe(name)
    assert str(raised.value).startswith(said)


def test_differences_name_every_field_that_decides_the_run():
    other = DIGITS.overridden(["optimizers.D.lr=2e-4", "average=none", "seed=4"]).replace(name="y", paper="z")
    listed = DIGITS.differences(other)
    assert "optimizers.D.lr: 0.001 -> 0.0002" in listed
    assert "seed: 0 -> 4" in listed
    assert "average.half_life: 10000 -> (absent)" in listed
    assert not any(line.startswith(("name", "paper")) for line in listed)
    assert "average.half_life: (absent) -> 10000" in other.differences(DIGITS)
    assert DIGITS.differences(DIGITS) == []


def test_differences_can_ignore_one_field_of_a_part():
    other = DIGITS.override("data.source", "elsewhere")
    assert DIGITS.differences(other) == ["data.source: digits -> elsewhere"]
    assert DIGITS.differences(other, ignoring={"data.source"}) == []


def test_a_recipe_is_named_after_its_function_and_cannot_take_anothers_name():
    def digits_dcgan() -> Recipe:
        return DIGITS

    with pytest.raises(GanatomyError, match="Two things want to be the recipe 'digits-dcgan'"):
        recipe(digits_dcgan)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"players": {"G": DIGITS.players["G"]}}, "Adversarial is played by G, D, not by G."),
        ({"optimizers": {"G": Spec(Adam)}}, "optimizers are needed for G, D, not for G."),
        ({"players": {**DIGITS.players, "G": Spec(DCGANDiscriminator)}}, "not a Generator"),
        ({"batch": 10, "accumulate": 3}, "a batch of 10 cannot be cut into 3 equal parts."),
        ({"images": 0}, "images=0"),
        ({"data": Images(source="digits", size=16), "batch": -1}, "batch=-1"),
    ],
)
def test_an_impossible_recipe_cannot_be_declared(change, said):
    with pytest.raises(GanatomyError) as raised:
        DIGITS.replace(**change)
    assert said in str(raised.value)


def test_a_file_that_is_no_text_is_told_in_one_line(tmp_path: Path):
    (tmp_path / "recipe.yaml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(GanatomyError, match="is not YAML"):
        find_recipe(str(tmp_path / "recipe.yaml"))


def test_a_setting_called_on_is_no_boolean(tmp_path):
    """In YAML 1.1 it would be; who writes a part by hand, on the command line or in a file, means the name."""
    said = "game.consistency={use: Consistency, on: fake, flip: false}"
    recipe = find_recipe("digits-cyclegan").overridden([said])
    part = recipe.game.settings["consistency"]
    assert part.settings["on"] == "fake" and part.settings["flip"] is False
    file = tmp_path / "mine.yaml"
    file.write_text(recipe.to_yaml().replace("'on'", "on"))
    assert "  on: fake" in file.read_text() and find_recipe(str(file)) == recipe
