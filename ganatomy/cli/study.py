"""`ganatomy ablate`, `study` and `reproduce`: many trainings, or what follows one, by one command."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ganatomy.cli.options import Device, ImportFile, prepare, stopping, whole_numbers


def ablate(
    recipe: Annotated[str, typer.Argument(help="A recipe, or several with commas between.", show_default=False)],
    assignments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=a,b,c ...", help="Values to try of each field; a list is one value in brackets, [128,64]."
        ),
    ] = None,
    seeds: Annotated[str, typer.Option(help="With commas between.")] = "0",
    data: Annotated[str | None, typer.Option(help="As for train.")] = None,
    images: Annotated[int | None, typer.Option(help="The budget of each run.")] = None,
    duration: Annotated[
        str | None, typer.Option("--for", help="Stop each run after a time, such as 8m, over all sessions.")
    ] = None,
    shard: Annotated[str | None, typer.Option(help="Train a part, such as 1/4; the others may run elsewhere.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The folder; ablations/RECIPE unless said.")] = None,
    device: Device = "auto",
    imports: ImportFile = None,
) -> None:
    """Train a recipe over a grid of fields and seeds; failed and collapsed runs are in the table, too."""
    prepare(imports)
    from ganatomy.cli.console import Watcher
    from ganatomy.experiments.train import parse_duration
    from ganatomy.studies.ablation import ablate as carry_out
    from ganatomy.studies.ablation import cells_of, folder_of

    cells = cells_of(recipe.split(","), assignments or [], whole_numbers("--seeds", seeds), data=data, images=images)
    console = Console(stderr=True)
    with stopping():
        folder = carry_out(
            cells,
            out or folder_of(cells),
            shard=shard,
            duration=duration,
            device=device,
            show=Watcher(console, cells[0].recipe.images, parse_duration(duration)),
            announce=lambda text: typer.echo(text, err=True),
        )
    if (folder / "results.md").exists():
        typer.echo((folder / "results.md").read_text(encoding="utf-8"), nl=False)
        typer.echo(f"picture    {folder / 'picture.png'}")


def study(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME | show NAME]", help="Which study; without a name they are listed.", show_default=False
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE ...]", help="Its settings, such as run=runs/mnist-dcgan.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The study's folder; studies/NAME unless said.")] = None,
    imports: ImportFile = None,
) -> None:
    """What a trained GAN is good for. A study that was stopped goes on; result.json has the numbers."""
    prepare(imports)
    import ganatomy.studies
    from ganatomy.cli.console import study_table
    from ganatomy.studies.study import carry_out, declared, described, lacks, studies

    assert ganatomy.studies
    if name is None:
        Console().print(study_table(studies))
        return
    shown = assignments[0] if name == "show" and assignments else name
    if shown != name or (not assignments and lacks(name)):
        typer.echo(described(shown))
        return
    with stopping():
        folder = carry_out(declared(name, assignments or []), out, announce=lambda text: typer.echo(text, err=True))
    typer.echo((folder / "result.json").read_text(encoding="utf-8"))
    for file in sorted(path for path in folder.iterdir() if path.suffix in (".png", ".csv", ".md", ".html")):
        typer.echo(str(file))


def reproduce(
    name: Annotated[
        str | None, typer.Argument(metavar="REPORT", help="Without a name they are listed.", show_default=False)
    ] = None,
    budget: Annotated[
        str,
        typer.Option(
            help="Of all trainings and studies together, such as 30m, or full; it goes to the claims that take least "
            "time for a verdict. Readings in training are part of it; scores at their ends, and a judge of data "
            "that has none yet, come on top. No clock stops a study. A larger budget goes on in the same folder."
        ),
    ] = "30m",
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", help="NAME=SOURCE, or a folder of data sets; may be said again."),
    ] = None,
    seeds: Annotated[str, typer.Option(help="With commas between.")] = "0",
    out: Annotated[Path | None, typer.Option("--out", help="The folder; reproductions/REPORT unless said.")] = None,
    device: Device = "auto",
    imports: ImportFile = None,
) -> None:
    """A study report's claims beside ours: train what they need, judge each; what was stopped goes on."""
    prepare(imports)
    import ganatomy.reproduce
    import ganatomy.studies
    from ganatomy.cli.console import report_table
    from ganatomy.reproduce.claims import reports
    from ganatomy.reproduce.reproduce import reproduce as carry_out

    assert ganatomy.reproduce and ganatomy.studies
    if name is None:
        Console().print(report_table(reports))
        return
    with stopping():
        folder = carry_out(
            name,
            budget=budget,
            data=data or [],
            seeds=whole_numbers("--seeds", seeds),
            out=out,
            device=device,
            announce=lambda text: typer.echo(text, err=True),
        )
    typer.echo((folder / "claims.md").read_text(encoding="utf-8"), nl=False)
    typer.echo(f"page       {folder / 'index.html'}")
