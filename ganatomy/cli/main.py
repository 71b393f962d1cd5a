"""The front door: parses, looks up, calls. Commands import what they need, so that `--help` is quick."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from ganatomy.core.errors import GanatomyError

if TYPE_CHECKING:
    import torch

    from ganatomy.core.spec import Spec

app = typer.Typer(
    help="Train, measure and use generative adversarial networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
data_app = typer.Typer(help="Look at images before training on them.", no_args_is_help=True)
app.add_typer(data_app, name="data")

ImportFile = Annotated[
    list[Path] | None,
    typer.Option(
        "--import", metavar="FILE.py", help="Import one's own networks, games and recipes from a Python file."
    ),
]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.", show_default=False)]
WeightsFile = Annotated[
    Path | None, typer.Option("--weights-file", help="Inception's weights, where they are not in the cache.")
]
Resizing = Annotated[
    Literal["legacy", "clean"], typer.Option(help="Inception's: as TensorFlow 1 did, or antialiased bicubic.")
]
Layer = Annotated[Literal["64", "192", "768", "2048"], typer.Option(help="Inception's: which of its features.")]
Out = Annotated[Path | None, typer.Option("--out", help="The folder to write into.", show_default=False)]


@app.command()
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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
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
        console.print(
            f"Stopped by {stopped}. Continue with the same command; {stopped.run.path} holds all of it.",
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


@app.command()
def sample(
    run: RunPath,
    n: Annotated[int | None, typer.Option("-n", help="How many in all; 64 unless said.", show_default=False)] = None,
    per_class: Annotated[int | None, typer.Option(help="How many of each class, of a conditional model.")] = None,
    out: Out = None,
    format: Annotated[
        Literal["png", "npz"], typer.Option(help="png: a file each and a manifest; npz: one array.")
    ] = "png",
    seed: Annotated[int, typer.Option(help="Latent i depends on the seed and i alone.")] = 0,
    weights: Annotated[
        Literal["average", "raw"], typer.Option(help="average: the moving average; raw: the weights as trained.")
    ] = "average",
    checkpoint: Annotated[
        Literal["last", "best"], typer.Option(help="last, or best by its Fréchet distance in training.")
    ] = "last",
    truncation: Annotated[
        float | None,
        typer.Option(help="Redraw latents' numbers beyond plus or minus this, such as 0.7: typical, but more alike."),
    ] = None,
    imports: ImportFile = None,
) -> None:
    """Write samples of a run's generator."""
    prepare(imports)
    from ganatomy.experiments.run import load
    from ganatomy.experiments.writing import write_samples

    opened = load(run)
    samples = opened.samples(
        n, per_class=per_class, seed=seed, weights=weights, checkpoint=checkpoint, truncation=truncation
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


@app.command()
def translate(
    run: RunPath,
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A picture, or a folder of them.", show_default=False)
    ],
    to: Annotated[
        str, typer.Option("--to", help="The domain to translate into: its name, X or Y.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.", show_default=False)],
    weights: Annotated[
        Literal["average", "raw"], typer.Option(help="average: the moving average; raw: the weights as trained.")
    ] = "average",
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


@app.command()
def evaluate(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN] [data.KEY=VALUE ...]",
            help="The folder of a run; or how two sources are prepared, such as data.channels=rgb data.on_error=skip.",
            show_default=False,
        ),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("-n", min=2, help="How many samples; as the recipe says unless said.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="The seed of the samples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Every number with its protocol, as JSON.")] = False,
    metrics: Annotated[
        str | None,
        typer.Option(help="Of fid, kid, is, prdc, ssim, nearest, commas between; the judge's scores unless said."),
    ] = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            help="inception unless said or a file of statistics names another; judge, random, or one's own by --import."
        ),
    ] = None,
    weights_file: WeightsFile = None,
    resize: Resizing = "legacy",
    layer: Layer = "2048",
    repeats: Annotated[int, typer.Option(min=1, help="Draws of samples, for a mean and a deviation.")] = 1,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Also class by class, of a conditional run or of two labelled sources.")
    ] = False,
    weights: Annotated[
        Literal["average", "raw"], typer.Option(help="average: the moving average; raw: the weights as trained.")
    ] = "average",
    checkpoint: Annotated[
        Literal["last", "best"] | None, typer.Option(help="One of the two alone.", show_default=False)
    ] = None,
    real: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="Compare two sources instead of scoring a run: the real images."),
    ] = None,
    fake: Annotated[str | None, typer.Option(metavar="SOURCE", help="The others, or statistics in an .npz.")] = None,
    real_split: Annotated[
        Literal["train", "held-out", "all"] | None, typer.Option(help="Which of the real images; all unless said.")
    ] = None,
    fake_split: Annotated[
        Literal["train", "held-out", "all"] | None, typer.Option(help="Which of the others; all unless said.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Convert both sources to so many pixels: data.size.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps; where networks look at images.")] = "auto",
    imports: ImportFile = None,
) -> None:
    """Score a run's last and best checkpoint, or compare two sources, beside the floor that real images set."""
    prepare(imports)
    run, assignments = run_and_settings(words or [])
    if (run is None) == (real is None or fake is None) or (run is not None and (real or fake)):
        raise GanatomyError("Name a run, or two sources: ganatomy evaluate RUN; ganatomy evaluate --real A --fake B.")
    from ganatomy.cli.console import class_tables, looking, measured_table
    from ganatomy.distributed.processes import leads, together
    from ganatomy.engine.precision import find_device
    from ganatomy.experiments.run import load
    from ganatomy.experiments.translation_scores import is_translation

    inception = {"--weights-file": weights_file is not None, "--resize": resize != "legacy", "--layer": layer != "2048"}
    drawn = {"--repeats": repeats != 1, "--per-class": per_class}
    seeded = {"--seed": seed != 0}
    on_cpu = {"--device": device != "auto"}
    chosen = {"--checkpoint": checkpoint is not None}
    parts = {"--real-split": real_split is not None, "--fake-split": fake_split is not None}
    if run is None:
        refuse("samples of a run", {**seeded, **chosen, "--weights": weights != "average"})
    else:
        said = {"--size": size is not None, **parts, **dict.fromkeys(assignments, True)}
        refuse("two sources (--real A --fake B)", said)
    if run is not None and is_translation(load(run)):
        whole = "samples; translations are of all held-out pictures of the last checkpoint, and nothing is drawn"
        refuse("samples; translations are looked at on the CPU", on_cpu)
        refuse(whole, {"-n": n is not None, **seeded, **drawn, **chosen})
        with together(lambda: find_device("cpu")):
            evaluate_translation(run, metrics, extractor, weights_file, resize, layer, weights, as_json)
        return
    checkpoints: list[Literal["last", "best"]] = ["last", "best"] if checkpoint is None else [checkpoint]
    if run is not None and metrics is None:
        others = {"--per-class": per_class, **inception, "--extractor": extractor not in (None, "judge")}
        refuse("other scores than the judge's: say --metrics, such as fid,kid,prdc", others)
        with together(lambda: find_device(device)) as place:
            evaluate_by_judge(run, n, seed, repeats, weights, checkpoints, as_json, place)
        return
    from ganatomy.experiments import comparing, measuring

    asked_for = metric_names(metrics or "fid,kid,prdc")
    measuring.refuse_unknown(asked_for)
    settings = {} if real is None else image_settings(real, assignments, size)
    opened = None if run is None else load(run)
    if real is not None and fake is not None:
        comparing.refuse_absent(real, fake)
    if not measuring.needs_features(asked_for):
        refuse("scores of features; ssim compares the pictures", {"--extractor": extractor is not None, **inception})
    named = extractor is not None or any(inception.values())
    files = [] if named or real is None or fake is None else [real, fake]
    with together(lambda: find_device(device)) as place, looking(Console(stderr=True), leads()) as shown:
        if not measuring.needs_features(asked_for):
            looker: Any = measuring.Nothing()
        elif files and (of_files := comparing.extractor_in(*files, device=place)) is not None:
            looker = of_files
        elif extractor != "judge":
            looker = measuring.make_extractor(extractor or "inception", weights_file, resize, layer, place)
        else:
            refuse("Inception, not for a judge", inception)
            looker = (
                measuring.judge_of_run(opened, announced, place)
                if opened is not None
                else comparing.judge_for(str(real), settings, announced, place)
            )
        asked = measuring.Asked(looker, asked_for, n, per_class, shown)
        if opened is not None:
            records = measuring.measure_run(
                opened, asked, seed=seed, repeats=repeats, weights=weights, checkpoints=checkpoints, device=place
            )
        else:
            records = [
                comparing.measure_sources(
                    str(real),
                    str(fake),
                    asked,
                    real_part=real_split,
                    fake_part=fake_split,
                    settings=settings,
                    repeats=repeats,
                )
            ]
    if not leads():
        return
    if as_json:
        typer.echo(json.dumps(records, indent=2))
        return
    console = Console()
    console.print(measured_table(records))
    if per_class:
        for table in class_tables(records[0], console):
            console.print(table)


def run_and_settings(words: list[str]) -> tuple[Path | None, list[str]]:
    """The folder of a run, if one is named, and the `data.KEY=VALUE` beside it."""
    assignments = [word for word in words if word.startswith("data.") and "=" in word]
    runs = [word for word in words if word not in assignments]
    if len(runs) > 1:
        raise GanatomyError(f"One run, please, not {' and '.join(runs)}.")
    return (Path(runs[0]) if runs else None), assignments


def images_of(source: str, assignments: list[str]) -> "Spec":
    """A source's images, as `data.KEY=VALUE` prepare them."""
    from ganatomy.core.spec import Spec, key_and_value, overridden
    from ganatomy.data.images import Images

    images = Spec(Images, source=source)
    for key, text in map(key_and_value, assignments):
        images = overridden(key, key.removeprefix("data.").split("."), images, text)
    return images


def image_settings(source: str, said: list[str], size: int | None) -> dict[str, Any]:
    """What was said of how images are prepared to be looked at, typed and checked; --size is data.size."""
    assignments = said if size is None else [*said, f"data.size={size}"]
    names = [assignment.partition("=")[0].strip().removeprefix("data.") for assignment in assignments]
    refuse("training: images are looked at as they are", {f"data.{name}": name in names for name in ("flip", "rotate")})
    refuse("what --real and --fake name", {"data.source": "source" in names})
    settings = images_of(source, assignments).settings
    return {name: settings[name] for name in names}


def metric_names(text: str) -> tuple[str, ...]:
    """
    >>> metric_names("fid, kid")
    ('fid', 'kid')
    """
    return tuple(word.strip() for word in text.split(",") if word.strip())


def announced(text: str) -> None:
    from ganatomy.distributed.processes import leads

    if leads():
        typer.echo(text, err=True)


def refuse(what: str, options: Mapping[str, bool]) -> None:
    """Options of something else are not silently ignored; each by its name, with whether it was said."""
    for option, said in options.items():
        if said:
            raise GanatomyError(f"{option} is for {what}.")


def evaluate_translation(
    run: Path,
    metrics: str | None,
    extractor: str | None,
    weights_file: Path | None,
    resize: Literal["legacy", "clean"],
    layer: str,
    weights: Literal["average", "raw"],
    as_json: bool,
) -> None:
    from ganatomy.cli.console import translation_table
    from ganatomy.distributed.processes import leads
    from ganatomy.experiments import translation_scores as scoring
    from ganatomy.experiments.measuring import Asked, make_extractor
    from ganatomy.experiments.run import load

    opened = load(run)
    judge = scoring.judge_of_domains(opened, announce=announced)
    looker: Any = judge
    if extractor in (None, "judge"):
        inception = {"--weights-file": weights_file is not None, "--resize": resize != "legacy"}
        refuse("Inception, not for a judge", {**inception, "--layer": layer != "2048"})
    else:
        looker = make_extractor(str(extractor), weights_file, resize, layer)
    asked = Asked(looker, metric_names(metrics or "kid,fid"))
    record = scoring.measure_translation(opened, judge, asked, weights=weights)
    if not leads():
        return
    if as_json:
        typer.echo(json.dumps(record, indent=2))
        return
    console = Console()
    for name in record["directions"]:
        console.print(translation_table(record, name))
    right = record["protocol"]["judge_balanced_accuracy"]
    if right < scoring.GOOD_JUDGE:
        typer.echo(
            f"warning: the judge is right about {right:.1%} alone: what it sees as the target says little.", err=True
        )
    for what in (f"failures   {run / 'failures.png'}", f"beside     ganatomy compare {run} RUN --out both.png"):
        console.print(what, highlight=False, markup=False, soft_wrap=True)


def evaluate_by_judge(
    run: Path,
    n: int | None,
    seed: int,
    repeats: int,
    weights: Literal["average", "raw"],
    checkpoints: Sequence[Literal["last", "best"]],
    as_json: bool,
    device: "torch.device",
) -> None:
    from ganatomy.cli.console import score_table
    from ganatomy.distributed.processes import leads
    from ganatomy.experiments.run import load

    records = load(run).evaluate(
        n,
        seed=seed,
        repeats=repeats,
        weights=weights,
        checkpoints=checkpoints,
        announce=announced,
        device=device,
    )
    if not leads():
        return
    if n is not None and records[0]["protocol"]["count"] < n:
        count = records[0]["protocol"]["count"]
        announced(f"note: {count:,} samples, not {n:,}: the floor is of as many, and no more images are held out.")
    if as_json:
        typer.echo(json.dumps(records, indent=2))
    else:
        Console().print(score_table(records))


@app.command()
def judge(run: RunPath, imports: ImportFile = None) -> None:
    """Make a classifier trained as a run, such as of cifar10-judge, the judge of its data; the cache keeps it."""
    prepare(imports)
    from ganatomy.experiments.run import load
    from ganatomy.experiments.ship_judge import keep

    file, facts = keep(load(run))
    typer.echo(f"judge      {facts['sha256']}, right about {facts['accuracy']:.2%} of the held-out images")
    typer.echo(f"kept as    {file}")
    typer.echo("note: scores by another judge of these images do not compare with its scores: evaluate runs anew.")


@app.command()
def stats(
    source: Annotated[str, typer.Argument(help="What --data would be given.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="The .npz to write.", show_default=False)],
    assignments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[data.KEY=VALUE ...]", help="How images are prepared: data.channels=rgb, data.on_error=skip."
        ),
    ] = None,
    extractor: Annotated[str, typer.Option(help="inception, judge, random, or one's own by --import.")] = "inception",
    weights_file: WeightsFile = None,
    resize: Resizing = "legacy",
    layer: Layer = "2048",
    split: Annotated[
        Literal["train", "held-out", "all"] | None,
        typer.Option(help="Which of the images; all unless said, under a judge the half that it has not seen."),
    ] = None,
    size: Annotated[int | None, typer.Option(help="Convert them to so many pixels: data.size.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    imports: ImportFile = None,
) -> None:
    """Write what an extractor sees of a source, to be given to `evaluate` in the place of images."""
    prepare(imports)
    from ganatomy.cli.console import looking
    from ganatomy.core.spec import Spec
    from ganatomy.data.images import Images
    from ganatomy.distributed.processes import leads, together
    from ganatomy.engine.precision import find_device
    from ganatomy.experiments.measuring import judge_of_source, make_extractor
    from ganatomy.experiments.statistics import Part, about_images, kept_statistics, write_statistics

    if out.suffix != ".npz":
        raise GanatomyError(f"Statistics are an .npz, not '{out}'.")
    settings = image_settings(source, assignments or [], size)
    images = Spec(Images, source=source, **settings)
    with together(lambda: find_device(device)) as place, looking(Console(stderr=True), leads()) as shown:
        data = images.build().open()
        part: Part = split or "all"
        looker: Any
        if extractor == "judge":
            inception = {"--weights-file": weights_file is not None, "--resize": resize != "legacy"}
            refuse("Inception, not for a judge", {**inception, "--layer": layer != "2048"})
            looker = judge_of_source(images, announced, place)
            trained_on = "images that the judge was not trained on: leave it out, or take held-out"
            refuse(trained_on, {f"--split {split}": split in ("train", "all")})
            part = split or "second-half"
        else:
            looker = make_extractor(extractor, weights_file, resize, layer, place)
        found = kept_statistics(data, part, looker, shown=shown, metrics=("is",))
    if leads():
        write_statistics(out, found, about_images(data, part, settings))
        features = f"{len(found.moments.mean)} features of {found.facts['extractor']}"
        typer.echo(f"{found.count:,} images ({part}), {features}, in {out}")


@app.command()
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


@app.command()
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
    from ganatomy.report.page import page
    from ganatomy.runs.files import write_text
    from ganatomy.runs.folder import find_run

    found = [find_run(path) for path in runs]
    out = out or (found[0].path if len(found) == 1 else Path()) / "report.html"
    write_text(out, page(found))
    typer.echo(str(out))


@app.command()
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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
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


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN ...", help="Folders of runs.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.png", help="The picture.")] = Path("comparison.png"),
) -> None:
    """Put runs side by side, in a table and a picture; runs whose protocols differ are refused, with the field."""
    from ganatomy.report import comparison, courses, translations
    from ganatomy.report.png import write_png
    from ganatomy.runs.folder import find_run

    folders = [find_run(path) for path in runs]
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


@contextmanager
def stopping() -> Iterator[None]:
    """A signal ends a training in here; what was done is kept, and the program says how to go on."""
    from ganatomy.experiments.train import Stopped

    try:
        yield
    except Stopped as stopped:
        typer.echo(f"Stopped by {stopped}. Continue with the same command.", err=True)
        raise typer.Exit(128 + stopped.number) from None


def whole_numbers(option: str, text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise GanatomyError(f"{option} {text}: whole numbers are wanted, with commas between.") from None


@app.command()
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


@app.command()
def reproduce(
    name: Annotated[
        str | None, typer.Argument(metavar="REPORT", help="Without a name they are listed.", show_default=False)
    ] = None,
    budget: Annotated[
        str,
        typer.Option(
            help="Of all trainings and studies together, such as 30m, or full; it goes to the claims that take least "
            "time for a verdict. Readings in training are part of it, scores at their ends come on top, and studies "
            "have no clock. A larger one goes on in the same folder."
        ),
    ] = "30m",
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", help="NAME=SOURCE, or a folder of data sets; may be said again."),
    ] = None,
    seeds: Annotated[str, typer.Option(help="With commas between.")] = "0",
    out: Annotated[Path | None, typer.Option("--out", help="The folder; reproductions/REPORT unless said.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
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


@app.command()
def recipes(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[PATTERN | show NAME]", help="Part of a name; or show and a name.")
    ] = None,
    imports: ImportFile = None,
) -> None:
    """List the recipes, or show one as it would be written to a run's folder."""
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


@data_app.command("check")
def check_data(
    source: Annotated[str, typer.Argument(help="What --data would be given.", show_default=False)],
    assignments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE ...]", help="As for train: data.size=64, data.channels=rgb, data.label=Smiling."
        ),
    ] = None,
) -> None:
    """Say what is in there and what is wrong with it; exit code 1 if training would fail."""
    prepare(None)
    from ganatomy.data.check import check

    report = check(images_of(source, assignments or []).build())
    for line in report.lines():
        typer.echo(line)
    if not report.ok:
        raise typer.Exit(1)


@app.callback(invoke_without_command=True)
def version(show: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False) -> None:
    if show:
        from ganatomy import __version__

        typer.echo(__version__)
        raise typer.Exit


def prepare(files: list[Path] | None) -> None:
    """Register the package's own parts and recipes, those of installed packages, and those of the files named."""
    import ganatomy.recipes
    from ganatomy.experiments.outside import import_file, import_installed

    assert ganatomy.recipes
    import_installed()
    for file in files or []:
        import_file(file)


def main() -> None:
    """The program: a caller's mistake is one line on standard error and exit code 1."""
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
