"""The front door: parses, looks up, calls. Commands import what they need, so that `--help` is quick."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console

from ganatomy.cli.draw import sample, translate
from ganatomy.cli.evaluate import evaluate, judge, stats
from ganatomy.cli.options import ImportFile, images_of, prepare
from ganatomy.cli.show import compare, report, results
from ganatomy.cli.study import ablate, reproduce, study
from ganatomy.cli.train import train
from ganatomy.core.errors import GanatomyError

app = typer.Typer(
    help="Train, measure and use generative adversarial networks. To begin: ganatomy train digits-dcgan",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
data_app = typer.Typer(help="Check images before training on them.", no_args_is_help=True)


def recipes(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATTERN | show NAME]", help="A part of the names to list; or show and a full name."),
    ] = None,
    imports: ImportFile = None,
) -> None:
    """List the recipes with the scores to expect, or show every field of one."""
    prepare(imports)
    from ganatomy.core.recipe import find_recipe
    from ganatomy.core.recipe import recipes as known

    words = words or []
    if words[:1] == ["show"]:
        if len(words) != 2:
            raise GanatomyError("Which recipe? For instance: ganatomy recipes show digits-dcgan")
        typer.echo(find_recipe(words[1]).to_yaml(), nl=False)
        return
    if len(words) > 1:
        raise GanatomyError(f"One pattern, please, not {len(words)}; or: ganatomy recipes show NAME")
    found = [known[name]() for name in known if not words or words[0].lower() in name]
    if not found:
        raise GanatomyError(f"No recipe's name contains '{words[0]}'. There are: {', '.join(known)}.")
    import ganatomy.reproduce
    from ganatomy.cli.console import recipe_table
    from ganatomy.reproduce.claims import figures_of

    assert ganatomy.reproduce
    console, reported = Console(), {recipe.name: figures_of(recipe.name) for recipe in found}
    console.print(recipe_table(found, reported, wide=console.width >= 120))


def check_data(
    source: Annotated[str, typer.Argument(help="A source of images, as for train --data.", show_default=False)],
    assignments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE ...]", help="As for train, such as data.size=64 data.channels=rgb data.label=Smiling."
        ),
    ] = None,
) -> None:
    """Report what a source holds and what is wrong with it. Exit code 1 if training would fail."""
    prepare(None)
    from ganatomy.data.check import check

    report = check(images_of(source, assignments or []).build())
    for line in report.lines():
        typer.echo(line)
    if not report.ok:
        raise typer.Exit(1)


PANELS: Mapping[str, Sequence[Callable[..., None]]] = {
    "Train": (recipes, train),
    "Use what was trained": (sample, translate, study),
    "Measure and compare": (evaluate, stats, judge, report, results, compare, ablate, reproduce),
}
for panel, commands in PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
data_app.command("check")(check_data)
app.add_typer(data_app, name="data", rich_help_panel="Train")


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if show:
        from ganatomy import __version__

        typer.echo(__version__)
        raise typer.Exit


def terminated(number: int, frame: object) -> None:
    """As an interrupt ends the program: what is half written is removed on the way out."""
    print("Terminated.", file=sys.stderr)
    raise SystemExit(128 + number)


def main() -> None:
    """The program: a caller's mistake is one line on standard error and exit code 1, a signal one line and 128 + it."""
    if "WORLD_SIZE" not in os.environ:  # of several processes, those that wait for a lost one have to be killed
        signal.signal(signal.SIGTERM, terminated)
    try:
        app()
    except GanatomyError as error:
        from ganatomy.distributed.processes import leads

        if leads():  # of several processes, each has the same to say
            print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except (MemoryError, RuntimeError) as error:
        from ganatomy.engine.precision import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        print(
            "error: Out of memory outside of training; close other programs or use a smaller recipe.", file=sys.stderr
        )
        raise SystemExit(1) from None
    except SystemExit as ending:  # typer makes an exit code of an interrupt, and says nothing
        if isinstance(getattr(ending.__context__, "__cause__", None), KeyboardInterrupt):
            print("Interrupted.", file=sys.stderr)
        raise
