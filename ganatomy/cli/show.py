"""`ganatomy results`, `report` and `compare`: what run folders hold, as tables, a page and a picture."""

from pathlib import Path
from typing import Annotated

import typer


def results(
    folders: Annotated[
        list[Path], typer.Argument(metavar="RUN ...", help="Folders of runs, and of studies.", show_default=False)
    ],
    out: Annotated[Path | None, typer.Option("--out", help="A file to write into; printed unless said.")] = None,
) -> None:
    """Tabulate runs, best and final, and studies, as Markdown; different protocols never share a table."""
    from ganatomy.report.results import results as tabulated
    from ganatomy.report.results import studied
    from ganatomy.runs.files import write_text
    from ganatomy.runs.folder import find_run

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
            help="Unless said, report.html in the run's folder; of several runs, in this one.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write runs as one HTML page that needs nothing else: health, pictures, scores, curves, plan, environment."""
    from ganatomy.report.page import SIGNED, page
    from ganatomy.runs.files import ours_or_new, write_text
    from ganatomy.runs.folder import find_run

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
        typer.Option(
            "--out", metavar="FILE.png", help="The picture; comparison.png here unless said.", show_default=False
        ),
    ] = None,
) -> None:
    """Put runs side by side, in a table and a picture; runs whose protocols differ are refused, with the field."""
    from ganatomy.report import comparison, courses, translations
    from ganatomy.report.png import SIGNED, write_png
    from ganatomy.runs.files import ours_or_new
    from ganatomy.runs.folder import find_run

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
