"""Where latents come from."""

import pytest
import torch

from ganatomy.core.prior import Prior
from ganatomy.core.randomness import Draws


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_latent_i_depends_on_seed_and_i_alone(distribution):
    prior = Prior(5, distribution)
    many = prior.sample(3, 0, 40)
    assert torch.equal(prior.sample(3, 17, 18)[0], many[17])
    assert torch.equal(prior.sample(3, 10, 25), many[10:25])
    assert not torch.equal(prior.sample(4, 17, 18)[0], many[17])
    assert len(many.unique(dim=0)) == 40


@pytest.mark.parametrize(("distribution", "deviation"), [("normal", 1.0), ("uniform", 3**-0.5)])
def test_latents_have_the_distribution_asked_for_in_training_and_in_sampling(distribution, deviation):
    prior = Prior(100, distribution)
    drawn = prior.draw(Draws((0, 0, 0, 0), slice(0, 200), 200))
    for z in (drawn, prior.sample(0, 0, 200)):
        assert z.shape == (200, 100)
        assert z.dtype == torch.float32
        assert abs(z.mean()) < 0.03
        assert abs(z.std() - deviation) < 0.03
        if distribution == "uniform":
            assert z.min() >= -1
            assert z.max() < 1


def test_training_draws_no_latent_of_a_sample():
    prior = Prior(4)
    trained = prior.draw(Draws((0, 0, 0, 0), slice(0, 64), 64))
    assert not set(map(tuple, trained.tolist())) & set(map(tuple, prior.sample(0, 0, 64).tolist()))
