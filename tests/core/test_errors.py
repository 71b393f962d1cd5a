"""The caller's mistakes are told in one line."""

from hypothesis import given
from hypothesis import strategies as st

from ganatomy.core.errors import near, one_line, unknown


def test_the_nearest_name_is_offered_whatever_its_case():
    assert near("MINIMX", ["Minimax", "NonSaturating"]).startswith("Did you mean 'Minimax'?")


def test_a_name_like_no_other_gets_the_list_and_no_guess():
    assert near("xyz", ["b", "a"]) == "There are: a, b."
    assert near("xyz", []) == "There are none."


def test_a_long_list_is_cut():
    said = near("zzzz", [f"name{i:03d}" for i in range(100)])
    assert said.endswith("name039, ...."), said


@given(st.text())
def test_every_error_is_one_line(name):
    text = one_line(unknown("recipe", name, ["dcgan"]))
    assert "\n" not in text
    assert "\r" not in text
