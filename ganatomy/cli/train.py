"""`ganatomy train`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ganatomy.cli.options import Device, ImportFile, prepare


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name, or a recipe.yaml.", show_default=False)],
    assignments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE ...]", help="Other values for existing fields, such as optimizers.D.lr=1e-4."
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="A named source, a folder of images, Parquet or idx files, or an .npz.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder; runs/RECIPE unless said. A run that is there is continued.")
    ] = None,
    images: Annotated[int | None, typer.Option(help="The budget: real images shown.")] = None,
    duration: Annotated[
        str | None, typer.Option("--for", help="Stop after a time, such as 20m; the budget stays.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The seed of every draw.")] = None,
    device: Device = "auto",
    init_from: Annotated[
        Path | None, typer.Option("--init-from", metavar="RUN", help="Start from a run's last weights, or RUN@best.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start anew; a run that is there is moved aside, never deleted.")
    ] = False,
    imports: ImportFile = None,
) -> None:
    """Train a recipe, or continue the run that its folder holds."""
    prepare(imports)
    from ganatomy.cli.console import Watcher
    from ganatomy.distributed.processes import leads
    from ganatomy.experiments.train import Stopped, parse_duration, prepared
    from ganatomy.experiments.train import train as train_recipe

    wanted = prepared(recipe, assignments or [], data=data, images=images, seed=seed, init_from=init_from)
    console = Console()
    watcher = Watcher(console, wanted.images, parse_duration(duration))
    try:
        run = train_recipe(
            wanted, out=out, duration=duration, device=device, fresh=fresh, show=watcher, command=sys.argv
        )
    except Stopped as stopped:
        if not leads():
            raise typer.Exit(128 + stopped.number) from None
        same = "the same command without --fresh" if fresh else "the same command"
        console.print(
            f"Stopped by {stopped}. Continue with {same}; {stopped.run.path} holds all of it.",
            highlight=False,
            markup=False,
        )
        raise typer.Exit(128 + stopped.number) from None
    if not leads():
        return
    for what, path in (
        ("grid", run.last_grid()),
        ("curves", run.path / "curves.png"),
        ("scores", run.path / "evaluations.jsonl"),
    ):
        if path is not None and path.exists():
            console.print(f"{what:<10} {path}", highlight=False, markup=False, soft_wrap=True)
