"""A front as MLflow shows it: a table, a figure, metrics and texts. No MLflow in here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from analysis.claims import WORDS, verdict_of
from analysis.front_json import SPLITS, Front, FrontPoint, PointValues, Reference, Split
from analysis.front_table import (
    front_frame,
    marks_of_references,
    one_per_trial,
    reference_label,
    rows_of_front,
)
from analysis.notation import beside_bias, with_interval
from analysis.words import unbeaten_reference, verdict
from search.tracking.updates import numbers

FIRST_COLUMNS = (
    *("trial", "method", "chosen", "tune performance", "tune bias", "tune sparsity"),
    *("test performance", "test bias", "claim verdict", "claim certified_at"),
    *("feasible", "needs_group"),
)
# What is sent in other ways; whatever else a front holds becomes metrics under its own keys.
SENT_OTHERWISE = (
    *("name", "objective", "hypervolume", "hypervolume_with_group", "opening", "changed"),
    *("candidates", "methods", "left_out", "without_group", "dense", "references", "points"),
    *("beside", "no_ops", "handed_over"),
)
ROWS_OF_A_NOTE = 12
_MARKUP = "&<>|[]`*"  # what of markdown and HTML could become a link, a script or another column
FILTERS = """Filters for the list of runs:
- the front: `tags."fairfront.front" = 'true'`
- the chosen trial: `tags."fairfront.chosen" = 'true'`
- trials of one method: `tags."fairfront.method" = 'adv_ft'`

Metrics were measured on tune, those under `test/` on test. Those under `front/` belong to a
trial's point on the front, those without a prefix to its epochs; the front with all that is known
of it is in `front_table.json`, as a figure in `front.png`."""


def front_table(front: Front) -> str:
    """The points of a front, one row each, as MLflow stores tables; telling columns first."""
    frame = front_frame(front).dropna(axis="columns", how="all")
    frame.columns = frame.columns.str.replace(".", " ")  # MLflow's page takes dots for paths
    telling = list(FIRST_COLUMNS)
    for name, split in product(beside_bias(front["objective"]), SPLITS):
        telling.insert(telling.index(f"{split} bias") + 1, f"{split} measures {name}")
    first = [name for name in telling if name in frame]
    rest = [name for name in frame if name not in first]
    return str(frame[[*first, *rest]].to_json(orient="split", index=False))


def references_table(front: Front) -> str:
    """What a front is compared with, one row each, as MLflow stores tables."""
    frame = rows_of_front({**front, "points": []}).dropna(axis="columns", how="all")
    frame = frame.drop(columns=["reference", "chosen"]).rename(columns={"method": "label"})
    frame.columns = frame.columns.str.replace(".", " ")
    return str(frame.to_json(orient="split", index=False))


def metrics_of_references(front: Front) -> dict[str, float]:
    """Performance and bias of each reference, with their intervals, and what stands beside the
    bias, on each split."""
    metrics: dict[str, float] = {}
    beside = beside_bias(front["objective"])
    for reference in front["references"]:
        name = re.sub(r"[^\w\-. /:]", "", reference["label"])
        for split in SPLITS:
            values = reference[split]
            if values is not None:
                every = values.get("measures", {})
                kept = {measure: every.get(measure) for measure in beside}
                own: PointValues = {**values, "measures": kept}
                metrics |= metrics_of(own, f"reference/{name}/{split}/")
    return {key: value for key, value in metrics.items() if not key.endswith("/sparsity")}


def draw_front(front: Front, path: Path) -> None:
    """The front as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from analysis.figures.front_png import front_figure

    front_figure(front, marks_of_references(front)).savefig(path, dpi=160)


def metrics_of(values: PointValues | None, prefix: str) -> dict[str, float]:
    """One split's values of a point as metrics: performance and bias, intervals, measures.

    They are rounded to what fits MLflow's columns; front_table.json has them as they are.
    """
    if values is None:
        return {}
    metrics = {name: values.get(name) for name in ("performance", "bias", "sparsity")}
    for name, interval in (
        ("performance", values.get("performance_interval")),
        ("bias", values.get("bias_interval")),
    ):
        low, high = interval or (None, None)
        metrics |= {f"{name}_low": low, f"{name}_high": high}
    metrics |= {f"measure/{name}": value for name, value in values.get("measures", {}).items()}
    known = numbers({f"{prefix}{name}": value for name, value in metrics.items()})
    return {name: round(value, 6) for name, value in known.items()}


def series(value: Any, name: str, step: int | None = None) -> Iterator[tuple[str, float, int]]:
    """All numbers of a nested value as (metric, value, step); the entries of a list are steps.

    Intervals become two metrics; other lists within a list are left out.
    """
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from series(part, f"{name}/{key}", step)
    elif isinstance(value, list) and name.endswith("_interval"):
        for end, part in zip(("low", "high"), value, strict=False):
            yield from series(part, f"{name.removesuffix('_interval')}_{end}", step)
    elif isinstance(value, list):
        for place, part in enumerate(value if step is None else ()):
            yield from series(part, name, place)
    else:
        for metric, number in numbers({name: value}).items():
            yield re.sub(r"[^\w\-. /:]", "_", metric), number, step or 0


def other_metrics(front: Front) -> list[tuple[str, float, int]]:
    """What a confirmed front holds besides points and references, as metrics with steps."""
    others = {key: value for key, value in front.items() if key not in SENT_OTHERWISE}
    return [entry for key, value in others.items() for entry in series(value, key)]


def as_it_is(text: str) -> str:
    """A text, which may hold names out of data or a run's folder, so that MLflow's pages show it
    as it is: nothing in it is markup."""
    return "".join(
        f"&#{ord(char)};" if char in _MARKUP else char if char.isprintable() else " "
        for char in text
    )


def note_of_search(front: Front, ended: int) -> str:
    """What the page of a search's run says, as markdown; `ended` is its number of ended trials."""
    objective = front["objective"]
    aim = (
        f"Searched: {objective['performance']} up, {objective['bias']} by "
        f"{as_it_is(objective['group'])} "
        f"below {objective['tolerance']:g}" + (", sparsity up" if objective["sparsity"] else "")
    )
    rows = one_per_trial(front)
    shown = sorted(rows, key=lambda point: (not point["chosen"], -point["tune"]["sparsity"]))
    table = _table(front, shown[:ROWS_OF_A_NOTE])
    more = f"\n\n{len(rows) - ROWS_OF_A_NOTE} more: `front_table.json`."
    parts = [
        f"{aim}. {ended} trials ended; hypervolume {front['hypervolume']:.4f}.",
        f"**{as_it_is(verdict(front))}**" if rows else "Nothing feasible so far.",
        *([as_it_is(said)] if (said := unbeaten_reference(front)) is not None else []),
        *([table + (more if len(rows) > ROWS_OF_A_NOTE else "")] if rows else []),
        FILTERS,
    ]
    return "\n\n".join(parts)


def note_of_trial(points: Sequence[FrontPoint]) -> str:
    """What the page of a trial on the front says; `points` are its own, best first."""
    lines = [
        f"- candidate `{as_it_is(point['candidate'])}`, epoch {point['epoch']}: "
        f"{'; '.join(_words(point))}"
        for point in points
    ]
    return "\n".join(["On the front with:", *lines])


def _words(point: FrontPoint) -> Iterator[str]:
    for split in SPLITS:
        if (values := point[split]) is not None:
            yield f"{split}: performance {_as_text(values['performance'])}, bias {_bias(values)}"
    yield f"sparsity {_as_text(point['tune']['sparsity'])}"
    if point["chosen"]:
        yield "chosen"
    if (verdict := verdict_of(point)) is not None:
        yield f"on test {WORDS[verdict]}"
    if point["needs_group"]:
        yield "needs the group at prediction time"


def _table(front: Front, points: Sequence[FrontPoint]) -> str:
    """Reference lines, then points: one row each, with test values once there are any."""
    splits: Sequence[Split] = SPLITS if any(point["test"] for point in points) else ("tune",)
    beside = list(beside_bias(front["objective"]))
    names = ("performance", "bias", *beside)
    heads = [f"{name} ({split})" for split in splits for name in names]
    lines = ["| trial | method | sparsity | " + " | ".join(heads) + " |"]
    lines.append("|" + "---|" * (3 + len(heads)))
    for line in front["references"]:
        lines.append(_row([as_it_is(reference_label(line)), ""], line, splits, beside))
    for point in points:
        trial = as_it_is(point["trial"])
        name = f"**{trial}** (chosen)" if point["chosen"] else trial
        lines.append(_row([name, as_it_is(point["method"])], point, splits, beside))
    return "\n".join(lines)


def _row(
    first: list[str],
    network: Reference | FrontPoint,
    splits: Sequence[Split],
    beside: Sequence[str],
) -> str:
    name, method = first
    cells = []
    for split in splits:
        values = network[split]
        if values is None:
            cells += ["-"] * (2 + len(beside))
            continue
        others = [values.get("measures", {}).get(name) for name in beside]
        cells += [_as_text(values["performance"]), _bias(values), *map(_as_text, others)]
    uses_group = " (uses the group)" if network["needs_group"] else ""
    sparsity = _as_text(network["tune"]["sparsity"])
    return "| " + " | ".join([name + uses_group, method, sparsity, *cells]) + " |"


def _bias(values: PointValues) -> str:
    return with_interval(values["bias"], values.get("bias_interval"), _as_text)


def _as_text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
