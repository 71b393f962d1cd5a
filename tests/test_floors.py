"""The floors of the house: imports flow downward only, and rooms on one floor do not know each other."""

import ast
import re
from pathlib import Path

import pytest

import ganatomy

HOUSE = Path(ganatomy.__file__).parent
FLOORS = [
    {"cli"},
    {"reproduce"},
    {"studies"},
    {"experiments"},
    {"recipes", "report"},
    {"games", "engine", "metrics"},
    {"networks", "objectives", "data"},
    {"runs", "distributed"},
    {"core"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0]


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a file imports, at its top or anywhere inside."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: say the whole name"
            names.append(node.module or "")
    return {name.split(".")[1] for name in names if name.startswith("ganatomy.")}


def files() -> list[Path]:
    return [path for path in sorted(HOUSE.rglob("*.py")) if path.parent != HOUSE]


def test_every_room_stands_on_a_floor() -> None:
    assert {room_of(path) for path in files()} <= set(FLOOR)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(HOUSE)))
def test_imports_flow_downward_only(path: Path) -> None:
    room = room_of(path)
    for other in imported_rooms(path) - {room}:
        assert FLOOR[other] > FLOOR[room], f"{room} imports {other}, which is not on a floor below"


def test_report_never_imports_torch() -> None:
    for path in (HOUSE / "report").glob("*.py"):
        assert not re.search(r"^\s*(import|from) torch", path.read_text(encoding="utf-8"), re.MULTILINE), path
