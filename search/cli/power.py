"""fairfront power: which tolerances can be certified with how many rows of test?"""

from __future__ import annotations

from typing import Annotated

import typer

from search.cli.say import cells, say, show_table

TOLERANCES = (0.5, 1.0, 1.5, 2.0, 3.0)  # of the experiment's own
ROWS = (1, 2, 4, 8, 16)  # of those that test has


def power(
    experiment: Annotated[str, typer.Argument(metavar="PRESET|FILE")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="K=V", help="As in the file: a.b=value.")
    ] = None,
) -> None:
    """Which tolerances can be certified with how many rows of test? Nothing is trained."""
    from rich.table import Table

    from search.config.config import Config
    from search.problem.power import NAMED, cells_of_test, power_on_test, power_words
    from search.problem.problem import open_problem

    problem = open_problem(Config.load(experiment, overrides or []))
    objective, prepared = problem.config.objective, problem.prepared
    on_test = cells_of_test(prepared)
    found = power_on_test(on_test, objective.bias, objective.error_rate_claims)
    say(f"test: {found.rows:,} rows")
    for group, rows in zip(prepared.group_names, on_test, strict=True):
        of_labels = zip(prepared.classes, rows, strict=True)
        say(f"  {group}: {', '.join(f'{label} {count}' for label, count in of_labels)}")
    words = power_words(found, problem.objective)
    say(f"At worst, with decisions that are right half the time: {words}.")
    shown = Table(box=None, padding=(0, 1, 0, 0), title_justify="left")
    shown.title = f"Probability that a perfectly fair network is certified, one of {NAMED} named"
    shown.add_column("tolerance", justify="right")
    for times in ROWS:
        shown.add_column(f"{times * found.rows:,} rows", justify="right")
    for share in TOLERANCES:
        tolerance = share * objective.tolerance
        chances = (found.with_rows(times * found.rows).at(tolerance) for times in ROWS)
        shown.add_row(*cells(f"{tolerance:g}", *(f"{chance:.0%}" for chance in chances)))
    show_table(shown)
