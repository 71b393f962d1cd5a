"""`ganatomy sample` and `ganatomy translate`: pictures out of a run."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from ganatomy.cli.options import Device, ImportFile, KeptWeights, Out, RunPath, prepare


def sample(
    run: RunPath,
    n: Annotated[int | None, typer.Option("-n", help="How many in all; 64 unless said.", show_default=False)] = None,
    per_class: Annotated[int | None, typer.Option(help="How many of each class, of a conditional model.")] = None,
    out: Out = None,
    format: Annotated[
        Literal["png", "npz"], typer.Option(help="png: a file each and a manifest; npz: one array.")
    ] = "png",
    seed: Annotated[int, typer.Option(help="Latent i depends on the seed and i alone.")] = 0,
    weights: KeptWeights = "average",
    checkpoint: Annotated[
        Literal["last", "best"], typer.Option(help="last, or best by its Fréchet distance in training.")
    ] = "last",
    truncation: Annotated[
        float | None,
        typer.Option(help="Redraw latents' numbers beyond plus or minus this, such as 0.7: typical, but more alike."),
    ] = None,
    device: Device = "auto",
    imports: ImportFile = None,
) -> None:
    """Write samples of a run's generator."""
    prepare(imports)
    from ganatomy.engine.precision import find_device
    from ganatomy.experiments.run import load
    from ganatomy.experiments.writing import refuse_taken, write_samples

    place, opened = find_device(device), load(run)
    if out is not None:
        refuse_taken(out)
    samples = opened.samples(
        n,
        per_class=per_class,
        seed=seed,
        weights=weights,
        checkpoint=checkpoint,
        truncation=truncation,
        device=place,
    )
    for warning in opened.warnings:
        typer.echo(f"warning: {warning}", err=True)
    kept = weights if opened.averages() else "raw"
    count = f"{per_class}-per-class" if per_class else str(len(samples.images))
    default = run / "generated" / f"{checkpoint}-{kept}-seed{seed}-{count}-{format}"
    if truncation is not None:
        default = default.with_name(f"{default.name}-truncation{truncation:g}")
    written = write_samples(samples, out or default, format)
    typer.echo(f"{len(samples.images)} samples in {written}")
    if truncation is not None:
        typer.echo(
            f"note: truncated at {truncation:g}, quality is bought with diversity: rarer kinds of image are missing, "
            "so these samples are not what the model's scores are of."
        )


def translate(
    run: RunPath,
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A picture, or a folder of them.", show_default=False)
    ],
    to: Annotated[
        str, typer.Option("--to", help="The domain to translate into: its name, X or Y.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.", show_default=False)],
    weights: KeptWeights = "average",
    tile: Annotated[
        int | None,
        typer.Option(min=16, help="Cut pictures into tiles of so many pixels; by itself, where memory is short."),
    ] = None,
    imports: ImportFile = None,
) -> None:
    """Translate pictures of any size into another domain; exit code 1 if some could not be read.

    The same command goes on where it was stopped.
    """
    prepare(imports)
    from rich.progress import track

    from ganatomy.data.labels import listed
    from ganatomy.experiments.run import load
    from ganatomy.experiments.translation import translate_files, translator_of

    opened = load(run)
    translator, name = translator_of(opened, to, weights=weights)
    console = Console(stderr=True)
    done = translate_files(
        translator,
        source,
        out,
        asked={"run": str(run.absolute()), "round": opened.checkpoint().round, "to": name, "weights": weights},
        tile=tile,
        progress=lambda files: track(files, description=f"to {name}", console=console, transient=True),
    )
    before = f", {done.before} of them from before" if done.before else ""
    typer.echo(f"{len(done.written)} {'picture' if len(done.written) == 1 else 'pictures'} in {out}{before}")
    if done.tiled:
        typer.echo(
            f"note: cut into tiles, for want of memory: {listed([file.name for file in done.tiled])}; their light and "
            "contrast are those of a smaller whole.",
            err=True,
        )
    for file, reason in done.failed:
        typer.echo(f"warning: {file} was left out: {reason}", err=True)
    if done.failed:
        raise typer.Exit(1)
