"""`ganatomy results`, `report` and `compare`: what run folders hold, as tables, a page and a picture."""

from pathlib import Path
from typing import Annotated

import typer

from ganatomy.cli.options import refuse_another_kind


def results(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN ...", help="Folders of runs and of studies.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option("--out", help="The file to write; default: print it.")] = None,
) -> None:
    """Tabulate runs and studies as Markdown, best and last checkpoints; each protocol has its own table."""
    from ganatomy.report.results import results as tabulated
    from ganatomy.report.results import studied
    from ganatomy.runs.files import write_text
    from ganatomy.runs.folder import find_run

    refuse_another_kind(out, "A table", ".md", ".txt")
    studies = [path for path in folders if (path / "result.json").is_file()]
    named = {path.resolve(): path for path in folders if path not in studies}
    runs = [find_run(path) for path in named.values()]
    text = "\n".join([*([tabulated(runs)] if runs or not studies else []), *([studied(studies)] if studies else [])])
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN ...", help="Folders of runs.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE.html",
            help="Default: report.html in the run's folder; of several runs, in the current folder.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write one self-contained HTML page about runs: health, samples, scores, curves, plan, environment."""
    from ganatomy.report.page import SIGNED, page
    from ganatomy.runs.files import ours_or_new, write_text
    from ganatomy.runs.folder import find_run

    refuse_another_kind(out, "A page", ".html", ".htm")
    found = [find_run(path) for path in runs]
    if out is None:
        here = Path("report.html")
        out = found[0].path / here if len(found) == 1 else ours_or_new(here, SIGNED)
    write_text(out, page(found))
    typer.echo(str(out))


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN ...", help="Folders of runs.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.png", help="The picture; default comparison.png here.", show_default=False),
    ] = None,
) -> None:
    """Put runs side by side in a table and a picture. Runs of different protocols are refused."""
    from ganatomy.report import comparison, courses, translations
    from ganatomy.report.png import SIGNED, write_png
    from ganatomy.runs.files import ours_or_new
    from ganatomy.runs.folder import find_run

    refuse_another_kind(out, "The picture", ".png")
    folders = [find_run(path) for path in runs]
    out = out or ours_or_new(Path("comparison.png"), SIGNED)
    if any(translations.by_protocol(folder) for folder in folders):
        found = translations.translations(folders)
        typer.echo(comparison.markdown(translations.rows(found)))
        image = translations.picture(found)
    else:
        groups = comparison.compared(folders)
        typer.echo(comparison.markdown(comparison.rows(groups)))
        image = courses.picture(groups)
    write_png(out, image)
    typer.echo(f"picture    {out}")
