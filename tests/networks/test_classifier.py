"""The classifier: judge and pupil."""

import pytest
import torch

from ganatomy.core.errors import GanatomyError
from ganatomy.core.shape import Shape
from ganatomy.networks.classifier import ConvClassifier


@pytest.mark.parametrize("shape", [Shape(1, 8, 8), Shape(3, 28, 20), Shape(4, 3, 5), Shape(2, 1, 1)])
@pytest.mark.parametrize("channels", [(4,), (4, 5, 6), (2, 2, 2, 2, 7)])
def test_any_picture_becomes_features_and_logits(shape, channels):
    C = ConvClassifier(shape, 5, channels=channels, hidden=6).eval()
    x = torch.randn(3, *shape)
    features, logits = C.see(x)
    assert features.shape == (3, 6)
    assert logits.shape == (3, 5)
    assert torch.equal(C(x), logits)


def test_a_classifier_needs_labels():
    with pytest.raises(GanatomyError, match="needs labels, and the data has none"):
        ConvClassifier(Shape(1, 8, 8), None)


def test_what_it_sees_of_an_image_does_not_depend_on_the_others():
    C = ConvClassifier(Shape(1, 8, 8), 3, channels=(4, 8)).eval()
    x = torch.randn(4, 1, 8, 8)
    torch.testing.assert_close(C.see(x[:1]).features, C.see(x).features[:1])
