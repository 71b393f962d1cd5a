"""`ganatomy evaluate`, `stats` and `judge`: scores of a run or of two sources, and what they are made with."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from ganatomy.cli.options import (
    Device,
    ImportFile,
    KeptWeights,
    Layer,
    Resizing,
    RunPath,
    WeightsFile,
    announced,
    images_of,
    prepare,
    refuse,
)
from ganatomy.core.errors import GanatomyError

if TYPE_CHECKING:
    import torch

    from ganatomy.experiments.run import Run


def evaluate(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN] [data.KEY=VALUE ...]",
            help="The folder of a run; or how to prepare two sources, such as data.channels=rgb data.on_error=skip.",
            show_default=False,
        ),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option(
            "-n",
            min=2,
            help="How many samples. Default: the recipe's number; with --metrics, as many as training images, at most "
            "50,000; of two sources, all.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The seed of the samples.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print every number with its protocol as JSON.")] = False,
    metrics: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated: fid, kid, is, prdc, ssim, nearest. Default: of a run the judge's scores, of two "
            "sources fid,kid,prdc."
        ),
    ] = None,
    extractor: Annotated[
        str | None,
        typer.Option(
            help="The network that sees the images: inception (default, unless a file of statistics names another), "
            "judge, random, or your own by --import."
        ),
    ] = None,
    weights_file: WeightsFile = None,
    resize: Resizing = "legacy",
    layer: Layer = "2048",
    repeats: Annotated[int, typer.Option(min=1, help="How many draws of samples, for means and deviations.")] = 1,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="Also score each class; of conditional runs or two labelled sources.")
    ] = False,
    weights: KeptWeights = "average",
    checkpoint: Annotated[
        Literal["last", "best"] | None, typer.Option(help="Which checkpoint; default both.", show_default=False)
    ] = None,
    real: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="To compare two sources instead of a run: the real images, or their .npz."),
    ] = None,
    fake: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="The images to compare with --real, or their .npz.")
    ] = None,
    real_split: Annotated[
        Literal["train", "held-out", "all"] | None, typer.Option(help="Which part of --real; default all.")
    ] = None,
    fake_split: Annotated[
        Literal["train", "held-out", "all"] | None, typer.Option(help="Which part of --fake; default all.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Resize both sources to so many pixels, as data.size does.")] = None,
    device: Device = "auto",
    imports: ImportFile = None,
) -> None:
    """Score a run's last and best checkpoints, or compare two sources of images; real images set the floor."""
    prepare(imports)
    from ganatomy.experiments.run import load
    from ganatomy.experiments.translation_scores import is_translation

    run, assignments = run_and_settings(words or [])
    if (run is None) == (real is None or fake is None) or (run is not None and (real or fake)):
        raise GanatomyError("Name a run, or two sources: ganatomy evaluate RUN; ganatomy evaluate --real A --fake B.")
    options = Options(
        n=n,
        seed=seed,
        as_json=as_json,
        metrics=metrics,
        extractor=ExtractorOptions(extractor, weights_file, resize, layer),
        repeats=repeats,
        per_class=per_class,
        weights=weights,
        checkpoint=checkpoint,
        real_split=real_split,
        fake_split=fake_split,
        size=size,
        device=device,
    )
    if run is None:
        evaluate_sources(str(real), str(fake), assignments, options)
        return
    refuse("two sources (--real A --fake B)", {**options.of_sources(), **dict.fromkeys(assignments, True)})
    opened = load(run)
    if is_translation(opened):
        evaluate_translation(opened, options)
    elif metrics is None:
        evaluate_by_judge(opened, options)
    else:
        evaluate_features(opened, options)


@dataclass(frozen=True)
class ExtractorOptions:
    """Which network looks at images: --extractor, and the options of Inception."""

    name: str | None
    weights_file: Path | None
    resize: Literal["legacy", "clean"]
    layer: str

    def of_inception(self) -> dict[str, bool]:
        return {
            "--weights-file": self.weights_file is not None,
            "--resize": self.resize != "legacy",
            "--layer": self.layer != "2048",
        }

    def named(self) -> bool:
        return self.name is not None or any(self.of_inception().values())

    def make(self, judge: Callable[[], Any], device: "torch.device") -> Any:
        """The extractor; Inception unless said. `judge` finds or trains that of the data."""
        from ganatomy.experiments.measuring import make_extractor

        if self.name == "judge":
            refuse("Inception, not for a judge", self.of_inception())
            return judge()
        return make_extractor(self.name or "inception", self.weights_file, self.resize, self.layer, device)


@dataclass(frozen=True)
class Options:
    """What `evaluate` was told beside a run or two sources."""

    n: int | None
    seed: int
    as_json: bool
    metrics: str | None
    extractor: ExtractorOptions
    repeats: int
    per_class: bool
    weights: Literal["average", "raw"]
    checkpoint: Literal["last", "best"] | None
    real_split: Literal["train", "held-out", "all"] | None
    fake_split: Literal["train", "held-out", "all"] | None
    size: int | None
    device: str

    def of_runs(self) -> dict[str, bool]:
        return {
            "--seed": self.seed != 0,
            "--checkpoint": self.checkpoint is not None,
            "--weights": self.weights != "average",
        }

    def of_sources(self) -> dict[str, bool]:
        return {
            "--size": self.size is not None,
            "--real-split": self.real_split is not None,
            "--fake-split": self.fake_split is not None,
        }

    def checkpoints(self) -> Sequence[Literal["last", "best"]]:
        return ("last", "best") if self.checkpoint is None else (self.checkpoint,)

    def scores(self) -> tuple[str, ...]:
        """The scores asked for; options of what looks at images are refused where none is needed."""
        from ganatomy.experiments import measuring

        names = metric_names(self.metrics or "fid,kid,prdc")
        measuring.refuse_unknown(names)
        if not measuring.needs_features(names):
            looks = {"--extractor": self.extractor.name is not None, **self.extractor.of_inception()}
            refuse("scores of features; ssim compares the pictures", looks)
        return names


def evaluate_sources(real: str, fake: str, assignments: list[str], options: Options) -> None:
    """Two sources of images, or statistics of them."""
    from ganatomy.cli.console import looking
    from ganatomy.distributed.processes import leads, together
    from ganatomy.engine.precision import find_device
    from ganatomy.experiments import comparing, measuring

    refuse("samples of a run", options.of_runs())
    scores = options.scores()
    settings = image_settings(real, assignments, options.size)
    comparing.refuse_absent(real, fake)
    with together(lambda: find_device(options.device)) as place, looking(Console(stderr=True), leads()) as shown:
        looker: Any = None
        if not measuring.needs_features(scores):
            looker = measuring.NoExtractor()
        elif not options.extractor.named():
            looker = comparing.extractor_in(real, fake, device=place)
        if looker is None:
            looker = options.extractor.make(lambda: comparing.judge_for(real, settings, announced, place), place)
        record = comparing.measure_sources(
            real,
            fake,
            measuring.Request(looker, scores, options.n, options.per_class, shown),
            real_part=options.real_split,
            fake_part=options.fake_split,
            settings=settings,
            repeats=options.repeats,
        )
    tell([record], options)


def evaluate_features(run: "Run", options: Options) -> None:
    """A run's checkpoints, by scores of an extractor's features."""
    from ganatomy.cli.console import looking
    from ganatomy.distributed.processes import leads, together
    from ganatomy.engine.precision import find_device
    from ganatomy.experiments import measuring

    scores = options.scores()
    with together(lambda: find_device(options.device)) as place, looking(Console(stderr=True), leads()) as shown:
        looker: Any = measuring.NoExtractor()
        if measuring.needs_features(scores):
            looker = options.extractor.make(lambda: measuring.judge_of_run(run, announced, place), place)
        records = measuring.measure_run(
            run,
            measuring.Request(looker, scores, options.n, options.per_class, shown),
            seed=options.seed,
            repeats=options.repeats,
            weights=options.weights,
            checkpoints=options.checkpoints(),
            device=place,
        )
    tell(records, options)


def tell(records: Sequence[Mapping[str, Any]], options: Options) -> None:
    from ganatomy.cli.console import class_tables, measured_table
    from ganatomy.distributed.processes import leads

    if not leads():
        return
    if options.as_json:
        typer.echo(json.dumps(records, indent=2))
        return
    console = Console()
    console.print(measured_table(records))
    for table in class_tables(records[0], console) if options.per_class else ():
        console.print(table)


def evaluate_by_judge(run: "Run", options: Options) -> None:
    """A run's checkpoints, by the judge of its data."""
    from ganatomy.cli.console import score_table
    from ganatomy.distributed.processes import leads, together
    from ganatomy.engine.precision import find_device

    extractor = {"--extractor": options.extractor.name not in (None, "judge")}
    others = {"--per-class": options.per_class, **options.extractor.of_inception(), **extractor}
    refuse("other scores than the judge's: say --metrics, such as fid,kid,prdc", others)
    with together(lambda: find_device(options.device)) as place:
        records = run.evaluate(
            options.n,
            seed=options.seed,
            repeats=options.repeats,
            weights=options.weights,
            checkpoints=options.checkpoints(),
            announce=announced,
            device=place,
        )
    if not leads():
        return
    count = records[0]["protocol"]["count"]
    if options.n is not None and count < options.n:
        announced(
            f"note: {count:,} samples, not {options.n:,}: the floor needs as many held-out images, and has no more."
        )
    if options.as_json:
        typer.echo(json.dumps(records, indent=2))
    else:
        Console().print(score_table(records))


def evaluate_translation(run: "Run", options: Options) -> None:
    """A translator's last checkpoint, on all held-out pictures, both ways."""
    from ganatomy.cli.console import translation_table
    from ganatomy.distributed.processes import leads, together
    from ganatomy.engine.precision import find_device
    from ganatomy.experiments import translation_scores as scoring
    from ganatomy.experiments.measuring import JudgeExtractor, Request, refuse_unknown

    refuse("samples; translations are looked at on the CPU", {"--device": options.device != "auto"})
    drawn = {
        "-n": options.n is not None,
        "--seed": options.seed != 0,
        "--repeats": options.repeats != 1,
        "--per-class": options.per_class,
        "--checkpoint": options.checkpoint is not None,
    }
    refuse("samples; translations are of all held-out pictures of the last checkpoint, and nothing is drawn", drawn)
    scores = metric_names(options.metrics or "kid,fid")
    refuse_unknown(scores)
    scoring.refuse_metrics(scores)
    with together(lambda: find_device("cpu")) as place:
        extractor = replace(options.extractor, name=options.extractor.name or "judge")
        looker = extractor.make(lambda: scoring.judge_of_domains(run, announce=announced), place)
        judge = looker if isinstance(looker, JudgeExtractor) else scoring.judge_of_domains(run, announce=announced)
        record = scoring.measure_translation(run, judge, Request(looker, scores), weights=options.weights)
    if not leads():
        return
    if options.as_json:
        typer.echo(json.dumps(record, indent=2))
        return
    console = Console()
    for name in record["directions"]:
        console.print(translation_table(record, name))
    right = record["protocol"]["judge_balanced_accuracy"]
    if right < scoring.GOOD_JUDGE:
        typer.echo(
            f"warning: the judge is right about {right:.1%} only, so 'seen as the target' says little.", err=True
        )
    path = run.folder.path
    for what in (f"failures   {path / 'failures.png'}", f"beside     ganatomy compare {path} RUN --out both.png"):
        console.print(what, highlight=False, markup=False, soft_wrap=True)


def run_and_settings(words: list[str]) -> tuple[Path | None, list[str]]:
    """The folder of a run, if one is named, and the `data.KEY=VALUE` beside it."""
    assignments = [word for word in words if word.startswith("data.") and "=" in word]
    runs = [word for word in words if word not in assignments]
    if len(runs) > 1:
        raise GanatomyError(f"One run, please, not {' and '.join(runs)}.")
    return (Path(runs[0]) if runs else None), assignments


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


def judge(run: RunPath, imports: ImportFile = None) -> None:
    """Make a trained classifier, such as a run of cifar10-judge, the judge of its data; the cache keeps it."""
    prepare(imports)
    from ganatomy.experiments.run import load
    from ganatomy.experiments.ship_judge import keep

    file, facts = keep(load(run))
    typer.echo(f"judge      {facts['sha256']}, right about {facts['accuracy']:.2%} of the held-out images")
    typer.echo(f"kept as    {file}")
    typer.echo("note: scores by an earlier judge of these images are not comparable with its own: evaluate runs anew.")


def stats(
    source: Annotated[str, typer.Argument(help="A source of images, as for train --data.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="The .npz file to write.", show_default=False)],
    assignments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[data.KEY=VALUE ...]", help="How to prepare the images: data.channels=rgb, data.on_error=skip."
        ),
    ] = None,
    extractor: Annotated[str, typer.Option(help="inception, judge, random, or your own by --import.")] = "inception",
    weights_file: WeightsFile = None,
    resize: Resizing = "legacy",
    layer: Layer = "2048",
    split: Annotated[
        Literal["train", "held-out", "all"] | None,
        typer.Option(help="Which part of the images; default all, or with a judge the half that it has not seen."),
    ] = None,
    size: Annotated[int | None, typer.Option(help="Resize them to so many pixels, as data.size does.")] = None,
    device: Device = "auto",
    imports: ImportFile = None,
) -> None:
    """Write an extractor's statistics of a source; `evaluate` takes the file in place of the images."""
    prepare(imports)
    from ganatomy.cli.console import looking
    from ganatomy.core.spec import Spec
    from ganatomy.data.images import Images
    from ganatomy.distributed.processes import leads, together
    from ganatomy.engine.precision import find_device
    from ganatomy.experiments.measuring import judge_of_source
    from ganatomy.experiments.statistics import Part, about_images, kept_statistics, write_statistics
    from ganatomy.runs.files import refuse_unwritable

    if out.suffix != ".npz":
        raise GanatomyError(f"Statistics are an .npz, not '{out}'.")
    refuse_unwritable(out.parent)
    settings = image_settings(source, assignments or [], size)
    images = Spec(Images, source=source, **settings)
    part: Part = split or ("second-half" if extractor == "judge" else "all")
    if part in ("train", "all"):
        trained_on = "images that the judge was not trained on: leave it out, or take held-out"
        refuse(trained_on, {f"--split {part}": extractor == "judge"})
    with together(lambda: find_device(device)) as place, looking(Console(stderr=True), leads()) as shown:
        data = images.build().open()
        looker = ExtractorOptions(extractor, weights_file, resize, layer).make(
            lambda: judge_of_source(images, announced, place), place
        )
        found = kept_statistics(data, part, looker, progress=shown, metrics=("is",))
    if leads():
        write_statistics(out, found, about_images(data, part, settings))
        features = f"{len(found.moments.mean)} features of {found.facts['extractor']}"
        typer.echo(f"{found.count:,} images ({part}), {features}, in {out}")
