"""The verdict on a run's health, from figures that were made to show one thing each."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganatomy.report.health import Finding, verdict
from ganatomy.report.page import page
from tests.report.made import PROTOCOL, made_run, metric_rows, score_rows, scored

HALF = [0.2, 0.2, 0.2, 0.2, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0]


def found(subject: str, metrics: list[dict[str, Any]], scores: list[dict[str, Any]]) -> Finding:
    (finding,) = [finding for finding in verdict(metrics, scores) if finding.subject == subject]
    return finding


def weighed(real: float, fake: float, loss: list[float]) -> Finding:
    return found("balance", metric_rows(D_accuracy_real=[real] * 8, D_accuracy_fake=[fake] * 8, G_adversarial=loss), [])


RISING = [2.0, 3, 4, 5, 6, 7, 8, 9]


def unlike(trained: float, unseen: float) -> Finding:
    """D's accuracy on real images that it trained on, and on others."""
    rows = metric_rows(D_accuracy_real=[trained] * 16)
    return found("overfitting", [{**row, "held_out/accuracy_real": unseen} for row in rows], [])


def covering(*coverage: float, rarest: float = 0.1) -> Finding:
    return found("diversity", [], score_rows(*(scored(9, one, [rarest, *[0.1] * 9]) for one in coverage)))


def far(distances: list[float]) -> Finding:
    return found("progress", [], score_rows(*map(scored, distances)))


def test_a_discriminator_is_too_strong_when_it_is_right_and_the_loss_of_g_rises() -> None:
    finding = weighed(0.99, 1.0, [2.0, 3, 4, 5, 6, 7, 8, 9])
    assert (finding.tone, finding.title) == ("bad", "D is too strong")
    assert "99.0% of real and 100.0% of generated" in finding.evidence
    assert "8.5, its lowest before 2." in finding.evidence
    assert "optimizers.D.lr" in finding.change


def test_the_learning_rate_to_try_is_a_quarter_of_the_logged_one() -> None:
    rows = metric_rows(D_accuracy_real=[1.0] * 8, D_accuracy_fake=[1.0] * 8, G_adversarial=list(range(8)))
    assert found("balance", [{**row, "learning_rate/D": 0.002} for row in rows], []).change[0] == (
        "optimizers.D.lr=0.0005"
    )


@pytest.mark.parametrize(("real", "fake"), [(0.99, 0.9), (0.5, 1.0), (0.7, 0.7)])
def test_a_rising_loss_alone_is_no_problem(real: float, fake: float) -> None:
    assert weighed(real, fake, [1.0, 1, 1, 2, 2, 3, 3, 3]).tone == "good"


def test_a_strong_discriminator_that_g_follows_is_not_called_a_problem() -> None:
    assert weighed(1.0, 1.0, [9.0, 8, 7, 6, 5, 4, 3, 2]).tone == "open"


@pytest.mark.parametrize("of", [("D_X/", "D_Y/"), ("D_X/D_X_", "D_X/D_Y_")])  # the latter in older runs
def test_each_discriminator_of_two_is_weighed_against_the_generator_it_judges(of: tuple[str, str]) -> None:
    names = [f"{player}accuracy_{kind}" for player in of for kind in ("real", "fake")]
    rows = [
        {**dict.fromkeys(names, 1.0), "G+F/G_adversarial": 1.0, "G+F/F_adversarial": 1.0 + n, "held_out/D_X": 0.0}
        for n in range(8)
    ]
    balance = [finding for finding in verdict(rows, []) if finding.subject == "balance"]
    assert [finding.tone for finding in balance] == ["bad", "open"]
    assert balance[0].title == "D_X is too strong" and "G+F/F_adversarial" in balance[0].evidence


def test_a_discriminator_overfits_when_it_is_worse_on_held_out_images() -> None:
    rows = metric_rows(D_accuracy_real=[0.9] * 16)
    unseen = np.random.default_rng(0).normal(0.6, 0.02, 16)
    finding = found(
        "overfitting",
        [{**row, "held_out/accuracy_real": float(held)} for row, held in zip(rows, unseen, strict=True)],
        [],
    )
    assert finding.tone == "bad" and "90.0%" in finding.evidence and "game.augment=DiffAugment" in finding.change


@pytest.mark.parametrize("of", [("D_X/", "D_Y/"), ("D_X/D_X_", "D_X/D_Y_")])
def test_each_discriminator_of_two_is_held_against_its_own_held_out_images(of: tuple[str, str]) -> None:
    own = {f"{player}accuracy_real": 0.9 for player in of}
    rows = [{**own, "held_out/D_X_accuracy_real": 0.9, "held_out/D_Y_accuracy_real": 0.3} for _ in range(16)]
    tones = {one.title: one.tone for one in verdict(rows, []) if one.subject == "overfitting"}
    assert tones == {"D_X does not overfit": "good", "D_Y overfits": "bad"}


def test_noise_of_single_batches_is_not_overfitting() -> None:
    rows = metric_rows(D_accuracy_real=[0.8] * 16)
    noisy = [{**row, "held_out/accuracy_real": 0.1 if n % 3 == 0 else 0.95} for n, row in enumerate(rows)]
    assert found("overfitting", noisy, []).tone == "good"


@pytest.mark.parametrize(
    ("scores", "tone", "title"),
    [
        ([scored(9, 0.8), scored(9, 0.5)], "bad", "G is collapsing"),
        ([scored(700, 0.01, HALF)] * 4, "bad", "5 of 10 classes are missing"),
        ([scored(700, 0.01), scored(700, 0.002)], "open", "Diversity is low"),
        ([scored(700, 0.01, HALF), scored(700, 0.002, HALF)] * 2, "bad", "5 of 10 classes are missing"),
        ([scored(700, 0.01, HALF)], "open", "Diversity is low"),
        ([scored(700, 0.01, HALF), scored(300, 0.3, HALF)], "open", "Diversity is low"),
        ([scored(700, 0.05)], "open", "Diversity is low"),
        ([scored(9, 0.6), scored(9, 0.7)], "good", "No collapse"),
        ([scored(9, None)], "open", "cannot be told"),
        ([], "open", "cannot be told"),
    ],
)
def test_diversity(scores: list[dict[str, Any]], tone: str, title: str) -> None:
    finding = found("diversity", [], score_rows(*scores))
    assert finding.tone == tone and title in finding.title


@pytest.mark.parametrize(
    ("distances", "tone", "title"),
    [
        ([40, 20, 10], "good", "Still improving"),
        ([40, 20, 20, 20.1, 19.9, 20], "open", "Converged, short of real images"),
        ([40, 2.1, 2.2, 2.1, 2.2, 2.1], "good", "Converged, as near"),
        ([40, 10, 15, 20], "bad", "Past its best"),
        ([10, 10], "open", "Not improving so far"),
        ([10], "open", "cannot be told"),
    ],
)
def test_progress(distances: list[float], tone: str, title: str) -> None:
    finding = found("progress", [], score_rows(*map(scored, distances)))
    assert finding.tone == tone and title in finding.title


CYCLES = metric_rows(**{"G+F_cycle_X": [1.0] * 8, "G+F_cycle_Y": [3.0, 2, 1, 2, 3, 3, 3, 3]})


def read_in_training(to_Y: list[float], to_X: list[float], error: float = 0.01) -> list[dict[str, Any]]:
    """Readings of two translators, real images at 0.1."""
    errors = {"kid_error_to_Y": error, "kid_error_to_X": error}
    return [
        {
            "images": 1000 * n,
            "scores": {"kid_to_Y": y, "kid_to_X": x, **errors},
            "floor": {"kid_to_Y": 0.1, "kid_error_to_Y": 0.02, "kid_to_X": 0.1, "kid_error_to_X": 0.02},
        }
        for n, (y, x) in enumerate(zip(to_Y, to_X, strict=True), 1)
    ]


def test_each_translator_is_asked_whether_it_still_improves() -> None:
    findings = verdict(CYCLES, read_in_training([9.0, 5, 2, 1], [9.0, 5, 7, 8]))
    assert [(one.tone, one.title) for one in findings[-2:]] == [
        ("good", "To Y: still improving"),
        ("bad", "To X: past its best: the distance is rising"),
    ]
    assert "kernel distance to Y of the last 1,000 images is 1" in findings[-2].evidence
    assert findings[-1].change == ("optimizers.G.schedule", "optimizers.F.schedule"), "nothing watches a patience here"


def test_translators_within_the_error_of_a_reading_neither_improve_nor_fall_back() -> None:
    findings = verdict(CYCLES, read_in_training([9.0, 5, 4.9, 4.5], [0.5, 0.12, 0.11, 0.13], error=2.0))
    assert [one.title for one in findings[-2:]] == [
        "To Y: converged, short of real images",
        "To X: converged, as near as real images are to each other",
    ]
    assert findings[-1].evidence.endswith("the latest is 0.13 ± 2, the floor 0.1.")


def test_of_translators_diversity_is_open_and_the_cycles_are_told() -> None:
    *_, collapse, progress = verdict(CYCLES, [])
    assert collapse.tone == progress.tone == "open" and "prdc" not in collapse.evidence
    assert "G+F/cycle_X is 1, its lowest 1; G+F/cycle_Y is 3, its lowest 1." in collapse.evidence
    assert progress.change == ("watch.score",)


@pytest.mark.parametrize(
    ("within", "beyond", "subject"),
    [
        (weighed(0.96, 1.0, RISING), weighed(0.98, 1.0, RISING), ("good", "bad")),  # STRONG
        (weighed(1.0, 0.96, RISING), weighed(1.0, 0.98, RISING), ("good", "bad")),
        (
            weighed(1.0, 1.0, [2.0] * 6 + [2.15] * 2),
            weighed(1.0, 1.0, [2.0] * 6 + [2.25] * 2),
            ("open", "bad"),
        ),  # RISEN
        (unlike(0.9, 0.82), unlike(0.9, 0.78), ("good", "bad")),  # BEHIND
        (covering(0.8, 0.65), covering(0.8, 0.63), ("good", "bad")),  # FALLEN
        (covering(0.23, 0.23), covering(0.22, 0.22), ("good", "open")),  # LOW, of the floor's 0.9
        (covering(*[0.5] * 4, rarest=0.006), covering(*[0.5] * 4, rarest=0.004), ("good", "bad")),  # GONE
        (
            covering(0.4, 0.41, 0.42, 0.44, rarest=0.0),
            covering(0.4, 0.41, 0.42, 0.46, rarest=0.0),
            ("bad", "open"),
        ),  # RISING
        (far([40, 40, 38.9]), far([40, 40, 38.7]), ("open", "good")),  # BETTER
        (far([40, 40, 47]), far([40, 40, 49]), ("open", "bad")),  # WORSE
        (far([2.55] * 4), far([2.45] * 4), ("open", "good")),  # NEAR, of the floor's 2
    ],
)
def test_every_limit_is_where_it_is_said_to_be(within: Finding, beyond: Finding, subject: tuple[str, str]) -> None:
    assert (within.tone, beyond.tone) == subject
    assert within.evidence and beyond.evidence


def test_scores_of_another_protocol_are_not_compared() -> None:
    other = score_rows(scored(400.0), protocol={**PROTOCOL, "count": 50})
    rows = [*other, *score_rows(scored(10.0), protocol={**PROTOCOL, "checkpoint": "best"})]
    assert "cannot be told" in found("progress", [], rows).title


def test_coverage_that_was_measured_without_a_judge_is_looked_at(tmp_path: Path) -> None:
    run = made_run(tmp_path / "a")
    for log in (run.scores, run.evaluations):
        log.truncate(0)
    open_question = "Whether G collapsed cannot be told"
    assert open_question in page([run])
    protocol = {"extractor": "random", "count": 100, "reference": "training images"}
    scores = {"fid": 9.0, "coverage": 0.6, "precision": 0.5, "recall": 0.5, "density": 0.5}
    facts = {"which": "last", "images": 8_000, "remarks": [], "protocol": protocol}
    run.measurements.append({"scores": scores, "floor": {"fid": 2.0, "coverage": 0.9}, **facts})
    text = page([run])
    assert open_question not in text and "Coverage is 0.6 where real images reach 0.9" in text


def test_a_verdict_speaks_with_one_voice() -> None:
    """Of a run whose D wins, a larger G is no remedy."""
    still = score_rows(*[scored(700, 0.8)] * 6)
    wins = metric_rows(D_accuracy_real=[1.0] * 8, D_accuracy_fake=[1.0] * 8, G_adversarial=[1.0, *range(2, 9)])
    even = metric_rows(D_accuracy_real=[0.8] * 8, D_accuracy_fake=[0.8] * 8, G_adversarial=[1.0] * 8)
    assert found("balance", wins, still).tone == "bad"
    ill, well = found("progress", wins, still), found("progress", even, still)
    assert ill.title == well.title == "Converged, short of real images"
    assert "players.G.width" in well.change
    assert ill.change == () and "above" in ill.advice


def test_what_was_not_measured_is_said_to_be_open() -> None:
    assert [finding.tone for finding in verdict([], [])] == ["open"] * 4
    assert "Nothing is logged" in verdict([], [])[0].evidence
    wasserstein = metric_rows(D_real=[1.0] * 8, D_score_real=[1.0] * 8, G_adversarial=[1.0] * 8)
    assert [finding.tone for finding in verdict(wasserstein, [])] == ["open"] * 4
    assert "under some losses" in verdict(wasserstein, [])[0].evidence


def test_without_a_coverage_it_is_said_what_was_lacking() -> None:
    assert "without labels: ganatomy evaluate" in found("diversity", [], []).evidence
    assert "enough real images" in found("diversity", [], score_rows(scored(9, None))).evidence


def test_nulls_are_passed_over() -> None:
    rows = metric_rows(D_accuracy_real=[0.8] * 8, D_accuracy_fake=[0.8] * 8, G_adversarial=[1.0] * 8)
    rows[3] = {**rows[3], "G/adversarial": None, "D/accuracy_real": None}
    assert verdict(rows, score_rows({**scored(9), "frechet": None}, scored(9)))[0].tone == "good"
