"""Which data there is for a report: what `--data` says, what a folder of data sets holds, what takes whose place."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ganatomy.core.errors import GanatomyError, near
from ganatomy.data.sources import sources as named
from ganatomy.experiments.train import described, prepared
from ganatomy.reproduce.claims import NotRun, Report, Studying, Training, Wanted, Work


@dataclass(frozen=True)
class Given:
    """The sources of a report's data, by the report's names for them; those that are missing are not in it."""

    report: Report
    sources: Mapping[str, str]

    def source(self, name: str) -> str:
        if name not in self.sources:
            raise NotRun(f"no data: give --data {name}=SOURCE ({self.report.wanted(name).what})")
        return self.sources[name]

    def check(self, work: Work) -> None:
        """Raises NotRun if some of its data is not there, or what a study needs beside."""
        for name in work.data:
            self.source(name)
        if isinstance(work, Studying) and (why := work.lacks()):
            raise NotRun(why)

    def chosen(self, training: Training) -> Training:
        """The training, or what takes its place where its data is missing or has no classes."""
        try:
            self.check(training)
            if training.labelled and not has_classes(training, self.source(training.data[0])):
                raise NotRun(f"{training.recipe} needs labels of two classes or more, which {training.data[0]} lacks")
        except NotRun:
            if training.instead is None:
                raise
            return self.chosen(training.instead)
        return training

    def replaced(self, training: Training) -> str:
        """Which data takes the place of the report's; nothing where it is its own."""
        chosen = self.chosen(training)
        told = [self.in_place(name) for name in chosen.data if self.in_place(name)]
        if chosen is not training:
            told = [f"{', '.join(chosen.data)} in the place of {', '.join(training.data)}", *told]
        return "; ".join(told)

    def in_place(self, name: str) -> str:
        shown = Path(self.sources[name]).name
        return "" if self.report.wanted(name).is_own(shown) else f"{shown} in the place of {name}"


def given(report: Report, words: Iterable[str]) -> Given:
    """`NAME=SOURCE`, a folder that holds data sets under their names, or the one source of a report that has one.

    What is named counts before what lies in a folder, whichever is said first.
    """
    names, found, named_ones = [one.name for one in report.data], dict[str, str](), dict[str, str]()
    for word in words:
        name, equals, source = word.partition("=")
        if not equals:
            found |= in_folder(report, word)
        elif name not in names:
            raise GanatomyError(f"{report.name} has no data '{name}'. {near(name, names)}")
        elif name in named_ones:
            raise GanatomyError(f"--data {word}: {name} is said before, too; it has one source.")
        else:
            named_ones[name] = checked(source)
    unasked = {one.name: one.unasked for one in report.data if one.unasked is not None}
    return Given(report, unasked | found | named_ones)


def in_folder(report: Report, text: str) -> dict[str, str]:
    """The data sets in a folder, by the report's names; a folder that holds none is itself the only one."""
    if text not in named and not Path(text).is_dir():
        checked(text)
    found = {}
    for wanted in report.data:
        place = next((Path(text) / name for name in names_of(wanted) if (Path(text) / name).is_dir()), None)
        if place is not None:
            found[wanted.name] = described(place)
    if found or len(report.data) > 1:
        if not found:
            names = ", ".join(one.name for one in report.data)
            raise GanatomyError(f"--data {text} holds none of {names}: say which it is, --data NAME={text}.")
        return found
    return {report.data[0].name: checked(text)}


def names_of(wanted: Wanted) -> list[str]:
    return [wanted.name, *wanted.known_as, *wanted.stand_ins]


def checked(text: str) -> str:
    """A named source, or a path that is there, in full."""
    if text not in named and not os.path.exists(text):
        raise GanatomyError(f"--data {text}: there is no such file, folder or named source. {near(text, named)}")
    return described(text)


@cache
def has_classes(training: Training, source: str) -> bool:
    return len(prepared(training.recipe, data=source, images=None, seed=None).data.build().open().classes or ()) > 1
