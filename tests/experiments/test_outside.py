"""One's own networks, games and recipes, from a file."""

import pytest

from ganatomy.core.errors import GanatomyError
from ganatomy.core.registry import parts
from ganatomy.experiments import outside
from ganatomy.experiments.outside import import_file


def written(tmp_path, text, name="mine.py"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_file_registers_its_parts(tmp_path):
    path = written(
        tmp_path, "from ganatomy.core.registry import part\n@part\ndef OwnPart(*, size: int = 3):\n    return size\n"
    )
    try:
        import_file(path)
        assert parts["OwnPart"]() == 3
    finally:
        parts._things.pop("OwnPart", None)


MISTAKES = {
    "missing module": (
        "\nimport no_such_module\n",
        r"mine\.py:2 cannot be imported: ModuleNotFoundError: No module named",
    ),
    "syntax": ("x = 1\ny = (\n", r"mine\.py:2 cannot be imported: SyntaxError: '\(' was never closed"),
    "exception": ("x = 1\n\n1 / 0\n", r"mine\.py:3 cannot be imported: ZeroDivisionError: division by zero"),
    "within a function": (
        "def f():\n    raise ValueError('a\\nb')\nf()\n",
        r"mine\.py:2 cannot be imported: ValueError: a b$",
    ),
    "a clash": (
        "from ganatomy.core.registry import part\n@part\nclass Adam: pass\n",
        r"^Two things want to be the part 'Adam'",
    ),
}


@pytest.mark.parametrize(("text", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_file_that_fails_is_told_in_one_line_with_its_line(tmp_path, text, said):
    with pytest.raises(GanatomyError, match=said) as raised:
        import_file(written(tmp_path, text))
    assert "\n" not in str(raised.value)


def test_a_file_that_is_missing_or_not_python_is_told(tmp_path):
    with pytest.raises(GanatomyError, match=r"^No file '.*nope\.py' to import\.$"):
        import_file(tmp_path / "nope.py")
    with pytest.raises(GanatomyError, match="is not a Python file"):
        import_file(written(tmp_path, "", "mine.txt"))


def test_an_installed_package_that_fails_is_told_in_one_line(monkeypatch):
    class Broken:
        value = "their_gans.recipes"

        def load(self) -> None:
            raise ImportError("no\nsuch thing")

    monkeypatch.setattr(outside, "entry_points", lambda group: [Broken()])
    with pytest.raises(
        GanatomyError, match=r"^The installed 'their_gans\.recipes' cannot be imported: ImportError: no such"
    ):
        outside.import_installed()
