"""What several commands ask for, and what they do with it alike."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ganatomy.core.errors import GanatomyError

if TYPE_CHECKING:
    from ganatomy.core.spec import Spec

ImportFile = Annotated[
    list[Path] | None,
    typer.Option(
        "--import", metavar="FILE.py", help="A Python file with your own networks, games or recipes; repeatable."
    ),
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.", show_default=False)]
WeightsFile = Annotated[
    Path | None, typer.Option("--weights-file", help="A file of Inception's weights, instead of the cached ones.")
]
Resizing = Annotated[
    Literal["legacy", "clean"],
    typer.Option(help="How Inception's input is resized: legacy, as TensorFlow 1 did; clean, antialiased bicubic."),
]
Layer = Annotated[Literal["64", "192", "768", "2048"], typer.Option(help="Which of Inception's features, by size.")]
KeptWeights = Annotated[
    Literal["average", "raw"], typer.Option(help="average: the moving average of the weights; raw: as trained.")
]
Device = Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda or mps.")]
Out = Annotated[Path | None, typer.Option("--out", help="The folder to write into.", show_default=False)]


def prepare(files: list[Path] | None) -> None:
    """Register the package's own parts and recipes, those of installed packages, and those of the files named."""
    import ganatomy.recipes
    from ganatomy.experiments.outside import import_file, import_installed

    assert ganatomy.recipes
    import_installed()
    for file in files or []:
        import_file(file)


def announced(text: str) -> None:
    from ganatomy.distributed.processes import leads

    if leads():
        typer.echo(text, err=True)


def refuse_another_kind(out: Path | None, what: str, *suffixes: str) -> None:
    """Raise GanatomyError for a file to write whose name is another kind's, such as a run's own recipe.yaml."""
    if out is not None and out.suffix.lower() not in suffixes:
        raise GanatomyError(f"{what} is written to a file that ends in {' or '.join(suffixes)}, not '{out}'.")


def refuse(what: str, options: Mapping[str, bool]) -> None:
    """Options of something else are not silently ignored; each by its name, with whether it was said."""
    for option, said in options.items():
        if said:
            raise GanatomyError(f"{option} is for {what}.")


def images_of(source: str, assignments: list[str]) -> "Spec":
    """A source's images, as `data.KEY=VALUE` prepare them."""
    from ganatomy.core.spec import Spec, key_and_value, overridden
    from ganatomy.data.images import Images

    images = Spec(Images, source=source)
    for key, text in map(key_and_value, assignments):
        images = overridden(key, key.removeprefix("data.").split("."), images, text)
    return images


def whole_numbers(option: str, text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise GanatomyError(f"{option} {text}: whole numbers are wanted, with commas between.") from None


@contextmanager
def stopping() -> Iterator[None]:
    """A signal ends a training in here; what was done is kept, and the program says how to go on."""
    from ganatomy.experiments.train import Stopped

    try:
        yield
    except Stopped as stopped:
        typer.echo(f"Stopped by {stopped}. Continue with the same command.", err=True)
        raise typer.Exit(128 + stopped.number) from None
