"""Every claim of every report: it says why, or names trainings and studies that exist and that can be set so."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.experiments.clock import State
from ganatomy.networks import efficientnet
from ganatomy.report.comparison import Outcome
from ganatomy.reproduce import animal_faces, dcgan_representation, mnist_conditional, unpaired_translation
from ganatomy.reproduce import plan as room
from ganatomy.reproduce.claims import (
    Claim,
    Incomparable,
    Reading,
    Report,
    Reported,
    Studying,
    Training,
    Work,
    figures_of,
    reports,
    verdict,
    works_of,
)
from ganatomy.reproduce.forecast import forecast
from ganatomy.reproduce.plan import ASIDE, Plan
from ganatomy.reproduce.reproduction import Job, Reproduction
from ganatomy.reproduce.sources import Given
from ganatomy.runs.folder import RunFolder

NAMES = ("mnist-conditional", "dcgan-representation", "cifar10-architectures", "unpaired-translation", "animal-faces")
WORKS = [(name, work) for name in NAMES for work in works_of(reports[name])]


@pytest.fixture(autouse=True)
def nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganatomy.reproduce.sources.has_classes", lambda training, source: True)


def reproduction(report: Report) -> Reproduction:
    """With all data there, under its own names."""
    return Reproduction(
        report, Given(report, {one.name: one.name for one in report.data}), "full", (0, 1), Path("nowhere")
    )


def test_there_are_five_reports() -> None:
    assert set(reports) == set(NAMES)
    for name in NAMES:
        assert reports[name].name == name and reports[name].title.endswith(".")


@pytest.mark.parametrize(("name", "work"), WORKS, ids=[f"{name}: {work.name}" for name, work in WORKS])
def test_every_work_can_be_declared(name: str, work: Work) -> None:
    place = reproduction(reports[name])
    if isinstance(work, Studying):
        assert place.study(Job(work, 1), State(60.0)).name == work.study
        return
    for training in with_stand_ins(work):
        recipe = place.recipe(training, 1)
        assert recipe.seed == 1 and (training.images is None or recipe.images == training.images)
        if training.data:
            assert str(recipe.data.settings["source"]) == training.data[0]


def with_stand_ins(training: Training) -> Iterator[Training]:
    yield training
    if training.instead is not None:
        yield from with_stand_ins(training.instead)


@pytest.mark.parametrize("name", NAMES)
def test_a_report_asks_for_no_data_that_it_does_not_name(name: str) -> None:
    known = {one.name for one in reports[name].data}
    for work in works_of(reports[name]):
        works = with_stand_ins(work) if isinstance(work, Training) else [work]
        assert all(set(one.data) <= known for one in works)


@pytest.mark.parametrize("name", NAMES)
def test_folders_of_works_do_not_clash(name: str) -> None:
    works = works_of(reports[name])
    trainings = [one for work in works if isinstance(work, Training) for one in with_stand_ins(work)]
    names = [Job(work, 0).name for work in {*trainings, *works}]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", NAMES)
def test_claims_are_whole(name: str) -> None:
    for claim in reports[name].claims:
        assert claim.said.endswith(".") or claim.said.endswith("?"), claim.id
        assert claim.reported.text, claim.id
        assert claim.measure is not None or claim.incomparable, claim.id


def test_what_the_issue_lists_is_there() -> None:
    ids = {name: {claim.id for claim in reports[name].claims} for name in NAMES}
    variants = ("cgan", "cgan-vb", "cgan-ls", "cgan-vb-ls", "cdcgan-vb", "cdcgan-ls", "cdcgan-vb-ls")
    assert {f"score-{name}" for name in variants} | {"score-real", "judge-accuracy"} <= ids["mnist-conditional"]
    assert {f"features-{epochs}" for epochs in (10, 25, 35, 45)} <= ids["dcgan-representation"]
    assert {f"labelled-{portion}" for portion in (40, 60, 80)} <= ids["dcgan-representation"]
    assert {"dcgan", "wgan", "cgan", "acgan", "acgan-biggan", "biggan", "files"} <= ids["cifar10-architectures"]
    assert {"dcgan-beats-vanilla", "minimax-or-wasserstein", "regularization-no-better"} <= ids["unpaired-translation"]
    assert {"ratios-alike", "class-loose", "interpolation", "bigan-linear", "bigan-svm"} <= ids["animal-faces"]
    assert {"two-cards", "labelled-real-efficientnet", "faces-crop", "128-longer"} <= ids["dcgan-representation"]
    assert {"80-epochs", "features-pooling", "bedrooms-odd", "discriminator-matters"} <= ids["dcgan-representation"]
    assert {"odd-shapes-longer", "odd-shapes-deeper", "virtual-norm-quality"} <= ids["mnist-conditional"]
    assert {"resembles-target", "blurry", "brown-horses", "regularization-continuity"} <= ids["unpaired-translation"]
    assert {"generator-later", "bigan-shape", "dcgan-collapses-easily"} <= ids["animal-faces"]


def claim_of(report: str, name: str) -> Claim:
    return next(claim for claim in reports[report].claims if claim.id == name)


def test_a_difference_is_no_improvement_on_no_difference() -> None:
    claim = claim_of("unpaired-translation", "minimax-or-wasserstein")
    assert verdict(claim, Reading(holds=False)).kind == "worse"


@pytest.mark.parametrize("name", ["zebras-reach", "horses-do-not", "one-way-easier"])
def test_faces_say_nothing_of_horses_and_zebras(name: str) -> None:
    found = verdict(claim_of("unpaired-translation", name), Reading(holds=True), replaced="celeba")
    assert found.kind == "not comparable"


@pytest.mark.parametrize("name", ["auxiliary-accuracy", "losses"])
def test_figures_of_a_log_of_another_model_are_not_compared(name: str) -> None:
    claim = claim_of("cifar10-architectures", name)
    assert "BigGAN" in claim.reported.protocol and verdict(claim, Reading((99.0,))).kind == "not comparable"


@pytest.mark.parametrize("step", [animal_faces.BARE, animal_faces.WIDE, animal_faces.CONVOLUTIONS])
def test_steps_on_digits_in_the_place_of_animals_are_told(step: Training) -> None:
    report = reports["animal-faces"]
    found = Given(report, {"mnist": "mnist"})
    assert found.chosen(step).data == ("mnist",)
    assert found.replaced(step) == "mnist in the place of animals"


def within(report: Report, budget: str, *there: str) -> Reproduction:
    """With the data that can simply be had, and some beside."""
    names = [one.name for one in report.data if one.unasked is not None or one.name in there]
    return Reproduction(report, Given(report, {name: name for name in names}), budget, (0,), Path("nowhere"), "cpu")


def served(plan: Plan) -> dict[str, set[str]]:
    """The works, by name, of the claims that all of them have enough time for."""
    wanted = {one.id: plan.demand(one) for one in plan.claims}
    return {
        name: {Job(work, 0).name for work in works}
        for name, works in wanted.items()
        if works and all(60 * least <= plan.time_of(work) + 1e-6 for work, least in works.items())
    }


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("mnist-conditional", {"score-real", "score-cgan", "score-cgan-vb-ls", "dcgan-beats-vanilla"}),
        ("dcgan-representation", {"two-cards", "labelled-80", "labelled-rises"}),
        ("cifar10-architectures", {"wgan-black", "files", "biggan-slowest"}),
        ("unpaired-translation", {"vanilla-longer", "adversarial-rises", "resembles-target"}),
        ("animal-faces", {"bigan-collapse", "bigan-latents", "convolutions"}),
    ],
)
def test_half_an_hour_of_two_cores_is_for_what_it_can_decide(name: str, ids: set[str]) -> None:
    assert ids <= set(served(Plan(within(reports[name], "30m"))))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("budget", ["10m", "1h", "24h"])
def test_what_is_planned_is_enough_for_its_claims_and_no_other_claim_fits(name: str, budget: str) -> None:
    plan = Plan(within(reports[name], budget, "animals"))
    assert plan.seconds is not None
    shares, rest = plan.shares, plan.seconds - sum(plan.shares.values())
    assert rest >= -1e-6 and (plan.hurried or rest < 1e-6)
    whole, begun = set().union(*served(plan).values()), {claim.id for claim in plan.claims if plan.has_time(claim)}
    assert whole <= set(shares) and begun >= set(served(plan))
    taken = plan.taken if plan.hurried else {}
    for wanted in map(plan.demand, plan.claims if plan.hurried else ()):
        lacks = 60 * sum(max(0.0, least - taken.get(work, 0.0)) for work, least in wanted.items())
        assert lacks < 1e-6 or lacks > rest, "what fits is not left out"
    lines = [line for line in forecast(plan, {}) if line.startswith(("in part", "no time"))]
    measured = [one.id for one in plan.claims if plan.demand(one)]
    assert len(lines) == len(measured) - len(served(plan))


ANIMALS, FACES, DIGITS, WAYS = animal_faces, dcgan_representation, mnist_conditional, unpaired_translation
ONE_CHANGE = [
    ("animal-faces", ANIMALS.LOOSE, ANIMALS.TOLD, "players.G.embedding players.D.embedding"),
    *(("animal-faces", ANIMALS.CONVOLUTIONS, other, "game.constraint.window") for other in ANIMALS.WINDOWS.values()),
    *(("animal-faces", ANIMALS.BY_RATE[1], other, "optimizers.D.lr") for other in ANIMALS.BY_RATE.values()),
    ("animal-faces", ANIMALS.BY_RATE[1], ANIMALS.BY_STEPS, "game.g_steps"),
    ("mnist-conditional", DIGITS.MEDIUM, DIGITS.SHALLOW, "players.G.channels"),
    ("mnist-conditional", DIGITS.MEDIUM, DIGITS.DEEP, "players.G.channels"),
    ("mnist-conditional", DIGITS.MEDIUM, DIGITS.MEDIUM_VB, "players.G.normalization"),
    ("mnist-conditional", DIGITS.MEDIUM, DIGITS.WITHOUT_DROPOUT, "players.D.dropout"),
    *(("mnist-conditional", DIGITS.MEDIUM, other, "players.D.dropout") for other in DIGITS.BY_DROPOUT.values()),
    ("mnist-conditional", DIGITS.PLAIN, DIGITS.GUIDED, "game players.C"),
    ("dcgan-representation", FACES.FACES_32, FACES.FAST_32, "game.order"),
    ("dcgan-representation", FACES.SLOW_64, FACES.FAST_64, "game.order"),
    ("dcgan-representation", FACES.FACES_32, FACES.WHOLE, "data.crop"),
    ("dcgan-representation", FACES.FACES_32, FACES.DROPOUT, "players.D.dropout"),
    ("dcgan-representation", FACES.FACES_32, FACES.NOISE, "players.D.noise"),
    ("dcgan-representation", FACES.FACES_32, FACES.SMOOTHED, "game.loss.smoothing"),
    *(("dcgan-representation", FACES.FACES_32, other, "players.G.latent") for other in FACES.BY_LATENTS.values()),
    *(("dcgan-representation", FACES.START, other, "players.G") for other in (FACES.DEEP, FACES.STRIDE, FACES.SELU)),
    ("dcgan-representation", FACES.DEEP, FACES.DEEP_DROPOUT, "players.D.dropout"),
    ("dcgan-representation", FACES.DEEP, FACES.DEEP_NOISE, "players.D.noise"),
    ("dcgan-representation", FACES.LEAKY, FACES.RELU, "players.G.activation"),
    ("dcgan-representation", FACES.LEAKY, FACES.DEEPER, "players.G.channels"),
    ("unpaired-translation", WAYS.WASSERSTEIN, WAYS.MINIMAX, "game.loss"),
    ("unpaired-translation", WAYS.PLAIN, WAYS.CR, "game.consistency images optimizers"),  # for 180 and 220 epochs
    ("unpaired-translation", WAYS.CR, WAYS.CR_100, "game.consistency.weight"),
]


@pytest.mark.parametrize(
    ("name", "one", "other", "change"), ONE_CHANGE, ids=[f"{one.name}, {other.name}" for _, one, other, _ in ONE_CHANGE]
)
def test_what_a_claim_compares_differs_in_what_it_is_about(
    name: str, one: Training, other: Training, change: str
) -> None:
    place = reproduction(reports[name])
    for first, second in zip(with_stand_ins(one), with_stand_ins(other), strict=True):
        told = place.recipe(first, 0).differences(place.recipe(second, 0))
        assert bool(told) is (first != second), "a comparison with itself tells nothing"
        assert all(line.startswith(tuple(change.split())) for line in told), told


def test_runs_that_are_compared_come_to_the_same_part_of_their_recipes() -> None:
    plan, found = Plan(within(reports["mnist-conditional"], "2h")), mnist_conditional
    parts = {plan.time_of(one) / one.minutes for one in (found.SHALLOW, found.DEEP, found.WITHOUT_DROPOUT)}
    assert max(parts) == pytest.approx(min(parts))


def test_what_can_have_no_verdict_is_worth_less(monkeypatch: pytest.MonkeyPatch) -> None:
    def worth(report: str, name: str, seeds: tuple[int, ...] = (0,), **data: str) -> float:
        there = {one.name: one.name for one in reports[report].data if one.unasked is not None} | data
        place = Reproduction(reports[report], Given(reports[report], there), "1h", seeds, Path("nowhere"))
        return Plan(place).worth(claim_of(report, name))

    assert worth("mnist-conditional", "dcgan-beats-vanilla") == 1, "distances of one seed may lie far apart"
    assert worth("mnist-conditional", "pca") == ASIDE, "the report gives no number"
    assert worth("mnist-conditional", "vanilla-balance") == ASIDE, "it can only be refuted after 12,800,000 images"
    assert worth("mnist-conditional", "score-order") == ASIDE, "one seed tells nothing of shares"
    assert worth("mnist-conditional", "score-order", (0, 1)) == 1
    assert worth("animal-faces", "bigan-svm") == ASIDE, "of digits"
    assert worth("animal-faces", "bigan-svm", animals="animals") == 1
    monkeypatch.setattr(room, "inception_is_there", lambda: False)
    assert worth("cifar10-architectures", "biggan") == ASIDE
    monkeypatch.setattr(room, "inception_is_there", lambda: True)
    assert worth("cifar10-architectures", "biggan") == 1


REPORTED = {  # read from shared/reports, not from the claims
    "mnist-conditional": {
        "score-real": (9.67,),
        "score-cgan": (6.01 / 9.67,),
        "score-cgan-vb": (6.2 / 9.67,),
        "score-cgan-ls": (6.3 / 9.67,),
        "score-cgan-vb-ls": (6.4 / 9.67,),
        "score-cdcgan-vb": (6.5 / 9.67,),
        "score-cdcgan-ls": (6.8 / 9.67,),
        "score-cdcgan-vb-ls": (7.3 / 9.67,),
    },
    "dcgan-representation": {
        "features-10": (60.3,),
        "features-25": (64.5,),
        "features-35": (68.2,),
        "features-45": (70.8,),
        "features-original": (82.8,),
        "features-400": (73.8,),
        "labelled-real": (94.38,),
        "labelled-40": (52.39,),
        "labelled-60": (85.99,),
        "labelled-80": (97.96,),
        "labelled-real-efficientnet": (94.38,),
        "labelled-40-efficientnet": (52.39,),
        "labelled-60-efficientnet": (85.99,),
        "labelled-80-efficientnet": (97.96,),
    },
    "cifar10-architectures": {
        "dcgan": (68.0, 150.0),
        "dcgan-is": (4.7, 2.7),
        "wgan": (496.0,),
        "wgan-is": (1.0,),
        "cgan": (241.0,),
        "cgan-is": (2.4,),
        "acgan": (148.0,),
        "acgan-is": (2.8,),
        "acgan-biggan": (102.0,),
        "acgan-biggan-is": (3.2,),
        "biggan": (46.0, 51.51872634887695),
        "biggan-is": (6.2, 6.74427652359088),
    },
    "unpaired-translation": {},
    "animal-faces": {"bigan-linear": (56.13,), "bigan-svm": (72.85,)},
}


@pytest.mark.parametrize("name", NAMES)
def test_reported_figures_are_those_of_the_reports(name: str) -> None:
    found = {claim.id: claim.reported.values for claim in reports[name].claims if claim.reported.values}
    assert found.keys() == REPORTED[name].keys()
    for claim, values in REPORTED[name].items():
        assert found[claim] == pytest.approx(values, rel=1e-3), claim


def test_figures_of_a_recipe_are_those_of_its_own_claims() -> None:
    assert figures_of("mnist-cgan") == ["IS 6.01 of 9.67 (share 0.622)"]
    assert figures_of("cifar10-biggan") == ["FID 46 to 51.52", "IS 6.2 to 6.74"]
    assert figures_of("mnist-dcgan") == figures_of("no-such-recipe") == []


def test_fid_is_compared_where_inception_looked(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "a")
    scores = {"frechet": 6.0, "coverage": 0.5, "classifier_score": 8.0, "accuracy": None}
    known = {"count": 10, "seed": 0, "weights": "raw", "reference": "half", "extractor_sha256": "0" * 64}
    judge = {**known, "extractor_accuracy": 0.9, "precision": "float32", "floor": "held-out images"}
    outcome = Outcome(run, None, {"last": {"scores": scores, "floor": {**scores, "frechet": 2.0}, "protocol": judge}})
    done = Logged(RunFolder(tmp_path / "b"))
    done.outcome = outcome
    fid, IS = (claim_of("cifar10-architectures", name) for name in ("biggan", "biggan-is"))
    assert fid.measure and IS.measure
    assert "not in the cache" in verdict(fid, fid.measure.read(done)).why
    run.measurements.append(
        {
            "scores": {"fid": 30.0, "is": 6.5},
            "floor": {"fid": 5.0, "is": 11.0},
            "protocol": {**known, "extractor": "inception"},
        }
    )
    assert verdict(fid, fid.measure.read(done)).kind == "better" and "real images 5" in fid.measure.read(done).beside
    assert verdict(IS, IS.measure.read(done)).kind == "equal"


def test_accuracies_of_two_networks_are_not_compared() -> None:
    ours, same = (claim_of("dcgan-representation", f"labelled-80{ending}") for ending in ("", "-efficientnet"))
    assert "ours of a small network" in verdict(ours, Reading((99.0,))).why
    assert verdict(same, Reading((99.0,))).kind == "better"


class Logged:
    """One run of given losses."""

    def __init__(self, run: RunFolder, **losses: float) -> None:
        run.metrics.append({name.replace("_", "/"): value for name, value in losses.items()})
        self.outcome = Outcome(run)

    def runs(self, training: Training) -> list[Outcome]:
        return [self.outcome]

    ended = runs

    def results(self, studying: Studying) -> list[Mapping[str, Any]]:
        return []


@pytest.mark.parametrize(("accuracy", "kind"), [(0.99, "better"), (0.9, "not comparable")])
def test_a_network_that_was_taught_less_is_not_called_worse(accuracy: float, kind: str, tmp_path: Path) -> None:
    class Taught(Logged):
        def results(self, studying: Studying) -> list[Mapping[str, Any]]:
            return [{"accuracy": {"80% generated": {"mean": accuracy}}, "protocol": {}}]

    claim = claim_of("dcgan-representation", "labelled-80-efficientnet")
    assert claim.measure
    found = verdict(claim, claim.measure.read(Taught(RunFolder(tmp_path), D_real=1.0)))
    assert found.kind == kind and ("theirs 40 times" in found.why) is (kind == "not comparable")


@pytest.mark.parametrize(
    ("D", "G", "holds"),
    [(0.01, [1, 1, 1.1, 1.2, 2, 2.1], True), (0.5, [1, 1, 1.1, 1.2, 2, 2.1], False), (0.01, [1, 1, 3, 2, 2, 3], None)],
)
def test_d_outruns_g_where_its_loss_nears_zero_and_gs_rises(
    D: float, G: list[float], holds: bool | None, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path)
    done = Logged(run, G_adversarial=G[0], D_real=D, D_fake=D)
    for number, loss in enumerate(G[1:], start=1):
        run.metrics.append({"images": 100 * number, "G/adversarial": loss, "D/real": D, "D/fake": D})
    found = mnist_conditional.outruns(mnist_conditional.VANILLA, by=500).read(done)
    assert found.holds is holds and found.why.startswith("undecided") is (holds is None) and not found.short
    early = mnist_conditional.outruns(mnist_conditional.VANILLA, by=501).read(done)
    assert early.short == ("" if holds else "too short: it is said to take 501 images"), "it may still do so"


@pytest.mark.parametrize(("half", "holds"), [(0.6, True), (0.1, False)])
def test_both_players_losses_settle_after_so_many_iterations(half: float, holds: bool, tmp_path: Path) -> None:
    done = Logged(run := RunFolder(tmp_path), G_adversarial=9.0, D_real=9.0, D_fake=9.0)
    run.metrics.truncate(0)
    for number, loss in ((4_999, 9.0), (5_001, 1.0)):
        run.metrics.append({"round": number, "G/adversarial": loss, "D/real": half, "D/fake": half})
    found = mnist_conditional.settles(mnist_conditional.MEDIUM, after=5_000).read(done)
    assert found.holds is holds and f"G 1, D {2 * half:g}" in found.seen and not found.short
    found = mnist_conditional.settles(mnist_conditional.MEDIUM, after=6_000).read(done)
    assert "G 5, " in found.seen and found.short.startswith("too short: it is said of what comes after 6,000")


class Overfitted:
    """D's accuracy on real images that it trained on is 1; on others what is given by the training's name."""

    def __init__(self, folder: Path, **unseen: float) -> None:
        self.folder, self.unseen = folder, unseen

    def runs(self, training: Training) -> list[Outcome]:
        run = RunFolder(self.folder / f"{training.name}-seed0")
        if not run.metrics.read():
            for number in range(1, 5):
                line = {
                    "D/accuracy_real": 1.0,
                    "D/accuracy_fake": 0.9,
                    "held_out/accuracy_real": self.unseen[training.name],
                }
                run.metrics.append({"images": 100 * number, "round": 8 * number, **line})
        return [Outcome(run)]

    ended = runs

    def results(self, studying: Studying) -> list[Mapping[str, Any]]:
        return []


@pytest.mark.parametrize(
    ("plain", "steps", "rate", "kind"),
    [
        (0.6, 0.95, 0.97, "equal"),
        (0.6, 0.95, 0.7, "worse"),
        (0.95, 0.95, 0.97, "not comparable"),
    ],
)
def test_more_moves_of_g_help_where_d_then_knows_held_out_images_as_well(
    plain: float, steps: float, rate: float, kind: str, tmp_path: Path
) -> None:
    claim = claim_of("animal-faces", "ratio-helps")
    assert claim.measure
    names = (animal_faces.BY_RATE[1].name, animal_faces.BY_STEPS.name, animal_faces.BY_RATE[10].name)
    done = Overfitted(tmp_path, **dict(zip(names, (plain, steps, rate), strict=True)))
    found = verdict(claim, claim.measure.read(done))
    assert found.kind == kind and ("nothing to remedy" in found.why) is (kind == "not comparable")


@pytest.mark.parametrize(("unseen", "kind"), [(0.95, "equal"), (0.85, "worse")])
def test_digits_are_overfitted_where_d_knows_held_out_ones_less_often(unseen: float, kind: str, tmp_path: Path) -> None:
    claim = claim_of("dcgan-representation", "80-epochs")
    assert claim.measure and claim.measure.part == 1, "of 80 epochs, and no fewer"
    found = claim.measure.read(Overfitted(tmp_path, **{dcgan_representation.LEAKY.name: unseen}))
    assert verdict(claim, found).kind == kind and "limit: below 10" in found.beside


def test_d_fits_the_data_in_some_of_its_first_lines_or_it_may_yet(tmp_path: Path) -> None:
    plain = animal_faces.BY_RATE[1]

    def found(images: int, *rights: float) -> Reading:
        done = Logged(run := RunFolder(tmp_path / "-".join(map(str, rights))))
        run.metrics.truncate(0)
        for number, right in enumerate(rights, start=1):
            run.metrics.append({"images": 100 * number, "D/accuracy_real": right, "D/accuracy_fake": 1.0})
        return animal_faces.fits_within(plain, images).read(done)

    fits = found(1_000, 0.5, 0.9, 0.8)
    assert fits.holds and not fits.short and fits.seen == "right most often in 95.0 % at 200 images"
    assert found(1_000, 0.5, 0.7).short == "too short: it is said to take 1,000 images"
    late = found(200, 0.5, 0.7, 0.9)
    assert not late.holds and not late.short, "what comes later is no matter"


def test_an_svm_is_better_beyond_what_chance_makes_of_so_many_images() -> None:
    def found(svm: float, count: int) -> bool:
        return animal_faces.probe_seen({"latents": {"linear": 0.5, "svm": svm}, "protocol": {"held_out": count}})[1]

    assert found(0.6, 1_000) and not found(0.6, 100) and not found(0.5, 10**6)
    settings = dict(word.split("=") for word in animal_faces.PROBE.settings)
    assert settings["linear_images"] == settings["svm_images"], "both learn from as many"


def test_a_walk_is_even_between_classes_where_there_are_classes() -> None:
    even, jumps = {"smoothness": 0.8}, {"smoothness": 0.3}
    assert animal_faces.walk_seen({"latents": jumps, "classes": even})[1]
    assert not animal_faces.walk_seen({"latents": even, "classes": jumps})[1]
    assert animal_faces.WALK.of == (animal_faces.LOOSE,), "the report walks in its own WGAN"


def test_a_class_is_followed_as_well_as_real_images_show_theirs(tmp_path: Path) -> None:
    """A judge that is right about 80 % of real images sees no more of generated ones."""
    record = {"scores": {"accuracy": 0.76}, "protocol": {"extractor_accuracy": 0.8}}
    assert animal_faces.as_real_ones(Outcome(RunFolder(tmp_path), None, {"last": record})) == pytest.approx(95)


def test_one_lucky_seed_is_no_training() -> None:
    assert not mnist_conditional.trains([[40.0, 400.0], [3.0, 3.0]])
    assert mnist_conditional.trains([[40.0, 45.0], [3.0, 3.0]])


def test_efficientnet_is_taught_where_it_is_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = claim_of("dcgan-representation", "labelled-80-efficientnet")
    place, report = reproduction, reports["dcgan-representation"]
    assert claim.measure and claim.measure.needs == (dcgan_representation.EFFICIENT,)
    (work,) = claim.measure.needs
    monkeypatch.setattr(dcgan_representation, "find_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(efficientnet, "find_spec", lambda name: None)
    assert place(report).missing[work].endswith("pip install 'ganatomy[efficientnet]'")
    monkeypatch.setattr(dcgan_representation, "what_lacks", lambda weights: "")
    assert work not in place(report).missing and Job(work, 0) in place(report).jobs
    monkeypatch.setattr(dcgan_representation, "find_device", lambda: torch.device("cpu"))
    assert "days without a GPU" in place(report).missing[work]


def test_translators_are_read_in_training_for_the_verdict_on_their_health() -> None:
    report = reports["unpaired-translation"]
    trainings = [one for work in works_of(report) if isinstance(work, Training) for one in with_stand_ins(work)]
    recipes = [reproduction(report).recipe(training, 0) for training in trainings]
    found = [recipe.watch.settings["score"] for recipe in recipes if "D_Y" in recipe.players]
    assert len(found) == 6 and all(found)


def test_the_row_of_two_losses_says_how_often_g_moves() -> None:
    claim, report = claim_of("unpaired-translation", "minimax-or-wasserstein"), reports["unpaired-translation"]
    assert claim.measure
    for training in claim.measure.needs:
        assert isinstance(training, Training)
        assert reproduction(report).recipe(training, 0).game.settings["g_steps"] == 2
    assert "two steps of G for one of D" in claim.reported.protocol


@pytest.mark.parametrize(
    ("report", "name"),
    [
        ("cifar10-architectures", "files"),
        ("cifar10-architectures", "biggan-slowest"),
        ("dcgan-representation", "features-size"),
        ("mnist-conditional", "score-real"),
    ],
)
def test_what_is_no_matter_of_training_is_judged_of_short_runs_too(report: str, name: str) -> None:
    measure = claim_of(report, name).measure
    assert measure is not None and measure.part == 0


def test_a_range_of_several_runs_is_told_as_one() -> None:
    claim = claim_of("cifar10-architectures", "dcgan")
    assert claim.reported.text == "FID 68 to 150" and verdict(claim, Reading((100.0,))).kind == "equal"
    assert claim_of("cifar10-architectures", "dcgan-is").reported.text == "IS 2.7 to 4.7"


def test_a_claim_that_is_not_measured_says_why() -> None:
    with pytest.raises(GanatomyError, match="must say why"):
        Claim(id="a", said="It is good.", reported=Reported(text="good"))
    with pytest.raises(GanatomyError, match="higher than what"):
        Claim(id="a", said="It is good.", reported=Reported(text="good"), better="higher", incomparable="by eye")


def test_what_is_for_the_eye_alone_is_not_run_before_there_is_something_to_see(tmp_path: Path) -> None:
    claim = claim_of("animal-faces", "bigan-shape")
    assert claim.measure is not None and claim.measure.needs == (animal_faces.BIGAN,)
    assert verdict(claim, None, missing="budget").kind == "not run"
    reading = claim.measure.read(Logged(RunFolder(tmp_path), D_real=1.0))
    assert reading.seen == "on the page" and reading.beside.endswith("images")
    assert str(verdict(claim, reading)) == "not comparable: by eye, and no number"


def test_a_reports_names_are_its_own() -> None:
    claim = Claim(id="a", said="It is good.", reported=Reported(text="good"), incomparable="by eye")
    with pytest.raises(GanatomyError, match="two claims are called a"):
        Report(name="r", title="T.", data=(), claims=(claim, claim))


@pytest.mark.parametrize(("count", "holds"), [(1_000, None), (100_000, True)])
def test_generated_digits_teach_better_beyond_what_chance_makes(count: int, holds: bool | None) -> None:
    accuracy = {"80% generated": {"mean": 0.95}, "100% real, turned": {"mean": 0.945}}
    found = {"accuracy": accuracy, "protocol": {"held_out": count}}
    assert dcgan_representation.order_seen(found)[1] is holds
    turned = {**accuracy, "80% generated": {"mean": 0.94}}
    assert dcgan_representation.order_seen({**found, "accuracy": turned})[1] is (None if holds is None else False)


def test_results_of_before_the_exam_was_told_are_said_to_be_older() -> None:
    accuracy = {"80% generated": {"mean": 0.95}, "100% real, turned": {"mean": 0.945}}
    with pytest.raises(Incomparable, match="of an older version, which does not say how many images"):
        dcgan_representation.order_seen({"accuracy": accuracy, "protocol": {"exam": "held-out images"}})


class Probed(Logged):
    """Accuracies of D's features on 10,000 images, by the study's name."""

    accuracies: Mapping[str, float] = {}

    def results(self, studying: Studying) -> list[Mapping[str, Any]]:
        trials = {"all": {"accuracy": self.accuracies[studying.name]}}
        return [{"discriminator": {"trials": trials}, "protocol": {"held_out": 10_000}}]


@pytest.mark.parametrize(
    ("accuracies", "holds"),
    [((0.5, 0.499, 0.6, 0.7), True), ((0.5, 0.4, 0.6, 0.7), False), ((0.5, 0.5, 0.501, 0.502), None)],
)
def test_features_rise_with_what_the_gan_was_shown_beyond_chance(
    accuracies: tuple[float, ...], holds: bool | None, tmp_path: Path
) -> None:
    done = Probed(RunFolder(tmp_path), D_real=1.0)
    studies = dcgan_representation.BY_EPOCHS.values()
    done.accuracies = {study.name: share for study, share in zip(studies, accuracies, strict=True)}
    found = dcgan_representation.rising_features().read(done)
    assert found.holds is holds and bool(found.why) is (holds is None)


@pytest.mark.parametrize(("halved", "holds"), [(0.6, True), (0.8, False), (0.701, None)])
def test_pooling_lower_layers_more_is_better_beyond_chance(halved: float, holds: bool | None, tmp_path: Path) -> None:
    found, done = dcgan_representation, Probed(RunFolder(tmp_path), D_real=1.0)
    done.accuracies = {found.BY_EPOCHS[45].name: 0.7, found.HALVED.name: halved}
    reading = found.pooled_by_layer().read(done)
    assert reading.holds is holds and reading.seen.startswith("pooled to 4x4 70.00 %")
    assert found.HALVED.of == found.BY_EPOCHS[45].of, "of one D"
