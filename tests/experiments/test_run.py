"""A run that was trained: sampled and scored."""

import json
import shutil

import numpy as np
import pytest
import torch

import ganatomy
from ganatomy.core.errors import GanatomyError
from ganatomy.core.players import Discriminator, Generator
from ganatomy.experiments.observers import best_round
from ganatomy.experiments.scoring import scored
from ganatomy.report.results import ALONE, newest_evaluations, results
from ganatomy.runs.checkpoints import TENSORS


def test_samples_are_pictures_or_a_tensor_of_the_same_pixels(trained):
    run = ganatomy.load(trained.path)
    pictures, tensor = run.sample(5, seed=1), run.sample(5, seed=1, tensor=True)
    assert [picture.size for picture in pictures] == [(8, 8)] * 5
    assert tensor.shape == (5, 1, 8, 8)
    assert np.array_equal(np.asarray(pictures[3]), ((tensor[3, 0] + 1) * 127.5).round().byte().numpy())


def test_samples_depend_on_seed_weights_and_checkpoint(trained):
    usual = trained.samples(5).images
    assert np.array_equal(trained.samples(130).images[:5], usual)
    assert not np.array_equal(trained.samples(5, seed=1).images, usual)
    assert not np.array_equal(trained.samples(5, weights="raw").images, usual)
    assert trained.checkpoint("best").round != trained.checkpoint().round
    assert not np.array_equal(trained.samples(5, checkpoint="best").images, usual)


def test_so_many_of_each_class_are_exactly_so_many(conditional):
    drawn = conditional.samples(per_class=7)
    assert drawn.labels == [label for label in range(10) for _ in range(7)]
    assert len(drawn.images) == 70
    assert drawn.classes == tuple("0123456789")
    assert conditional.samples(25).labels == [i % 10 for i in range(25)]


def test_64_samples_are_drawn_unless_said(trained):
    drawn = trained.samples()
    assert len(drawn.images) == 64
    assert (drawn.labels, drawn.classes) == (None, None)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda run: run.samples(0), "At least one sample, please."),
        (lambda run: run.samples(per_class=0), "At least one sample, please."),
        (lambda run: run.samples(-1), "At least one sample, please."),
        (lambda run: run.samples(3, per_class=3), "not both."),
        (lambda run: run.samples(per_class=3), "is not conditional: it cannot draw a class on demand."),
        (lambda run: run.evaluate(1), "At least two samples, please"),
        (lambda run: run.player("Q"), "This run has no player 'Q'. There are: D, G."),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(trained, ask, said):
    with pytest.raises(GanatomyError) as raised:
        ask(trained)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_players_come_frozen_in_evaluation_mode(trained):
    G, D = trained.player("G"), trained.player("D")
    assert isinstance(G, Generator)
    assert isinstance(D, Discriminator)
    for player in (G, D):
        assert not player.training
        assert not any(p.requires_grad for p in player.parameters())
    averaged, raw = (trained.player("G", weights=w).state_dict() for w in ("average", "raw"))
    assert not torch.equal(averaged["picture.weight"], raw["picture.weight"])


def test_an_evaluation_is_never_without_floor_protocol_and_diversity(trained, copied):
    run = ganatomy.load(copied())
    before = len(run.folder.evaluations.read())
    records = run.evaluate(100, seed=3)
    assert [record["which"] for record in records] == ["last", "best"]
    assert run.folder.evaluations.read()[before:] == json.loads(json.dumps(records))
    for record in records:
        scores, floor, protocol = record["scores"], record["floor"], record["protocol"]
        assert set(scores) == set(floor) >= {"classifier_score", "frechet", "coverage", "class_shares"}
        assert scores["frechet"] > floor["frechet"] > 0
        assert floor["coverage"] > 0.5
        assert (scores["count"], floor["count"], protocol["count"]) == (100, 100, 100)
        assert (protocol["seed"], protocol["weights"]) == (3, "average")
        assert protocol["reference"] == "training images 598-1196"
        assert len(protocol["extractor_sha256"]) == 64
        assert record["images"] == record["round"] * 64
    assert records[0]["round"] > records[1]["round"] == best_round(run.folder)


def test_repeated_evaluations_have_means_deviations_and_seeds(conditional, tmp_path):
    run = ganatomy.load(shutil.copytree(conditional.path, tmp_path / "run"))
    before = results([run.folder])
    both = run.evaluate(60, repeats=2, checkpoints=("last",))[0]
    one, other = (run.evaluate(60, seed=seed, checkpoints=("last",))[0] for seed in (0, 2))
    assert both["protocol"] == {**{k: v for k, v in one["protocol"].items() if k != "seed"}, "seeds": [0, 2]}
    assert both["floor"] == one["floor"] and "deviations" not in one
    for name in ("frechet", "coverage", "classifier_score", "accuracy"):
        a, b = (record["scores"][name] for record in (one, other))
        assert both["scores"][name] == pytest.approx((a + b) / 2), name
        assert both["deviations"][name] == pytest.approx(abs(a - b) / 2**0.5), name
    assert both["scores"]["class_shares"] == pytest.approx(
        np.mean([record["scores"]["class_shares"] for record in (one, other)], axis=0)
    )
    text = results([run.folder])
    assert text.count("| ") > before.count("| "), "they have a table of their own"
    assert "60 samples of seeds 0, 2, average weights" in text and "seeds is [0, 2], not None" in text
    distance, spread = both["scores"]["frechet"], both["deviations"]["frechet"]
    assert f"| {distance:.2f} ± {spread:.2g} | " in text
    assert all(line in text for line in before.splitlines() if line.startswith(f"| {run.folder.name}"))


def test_a_run_with_repeated_draws_alone_is_scored_by_the_draw_that_others_have(copied):
    run = ganatomy.load(copied())
    run.folder.evaluations.path.unlink()
    run.evaluate(50, repeats=2)
    assert newest_evaluations(run.folder) == []
    scored(run)
    assert [record["protocol"]["seed"] for record in newest_evaluations(run.folder)] == [0, 0]


def test_the_best_alone_is_said_to_say_too_much(copied):
    run = ganatomy.load(copied())
    (alone,), beside = run.evaluate(50, checkpoints=("best",)), run.evaluate(50)
    assert alone["which"] == "best" and ALONE in alone["remarks"]
    assert not any(ALONE in record["remarks"] for record in beside)


def test_the_best_checkpoint_is_chosen_on_another_seed_than_it_is_reported_on(trained):
    chosen = {row["protocol"]["seed"] for row in trained.folder.scores.read()}
    reported = {row["protocol"]["seed"] for row in trained.folder.evaluations.read()}
    assert chosen
    assert reported
    assert not chosen & reported


def test_evaluating_twice_gives_the_same_numbers(conditional):
    first, second = conditional.evaluate(60), conditional.evaluate(60)
    assert first == second
    assert first[0]["scores"]["accuracy"] is not None


def test_a_damaged_newest_checkpoint_is_passed_over_with_a_warning(copied):
    run = ganatomy.load(copied())
    last = run.checkpoint().round
    path = run.folder.checkpoints.folder / f"round-{last:08d}" / TENSORS
    path.write_bytes(path.read_bytes()[:100])
    run.samples(2)
    assert len(run.warnings) == 1
    assert "is damaged: it holds 100 bytes instead of" in run.warnings[0]
    assert run.checkpoint().round < last


def test_a_run_without_scores_has_no_best_checkpoint(copied):
    run = ganatomy.load(copied())
    run.folder.scores.path.unlink()
    with pytest.raises(GanatomyError, match="was never scored, so it has no best checkpoint; use the last"):
        run.samples(2, checkpoint="best")
    assert [record["which"] for record in run.evaluate(50)] == ["last"]


def test_a_run_without_a_checkpoint_is_told_to_train(copied):
    folder = copied()
    shutil.rmtree(folder / "checkpoints")
    with pytest.raises(GanatomyError, match="has no checkpoint yet: train it first"):
        ganatomy.load(folder).samples(2)


def test_other_images_than_those_of_training_are_not_scored_against(copied, tmp_path):
    folder = copied()
    np.savez(tmp_path / "other.npz", images=np.zeros((40, 8, 8), np.uint8), labels=np.arange(40) % 2)
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("source: digits", f"source: {tmp_path / 'other.npz'}"))
    with pytest.raises(GanatomyError, match=r"is not what .*copied was trained on: its images differ"):
        ganatomy.load(folder).evaluate(50)


def test_loading_what_is_no_run_names_the_runs_near(trained):
    with pytest.raises(GanatomyError, match=r"dcgna is not a run: there is no such folder\. Did you mean .*dcgan"):
        ganatomy.load(trained.path.with_name("dcgna"))
