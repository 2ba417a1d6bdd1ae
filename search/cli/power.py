"""fairfront power: which tolerances can be certified with how many rows of test?"""

from __future__ import annotations

from typing import Annotated

import typer

from search.cli.say import cells, say, show_table


def power(
    experiment: Annotated[str, typer.Argument(metavar="PRESET|FILE")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="K=V", help="As in the file: a.b=value.")
    ] = None,
) -> None:
    """Which tolerances can be certified with how many rows of test? Nothing is trained."""
    from rich.table import Table

    from search.config.config import Config
    from search.problem.power import NAMED, cells_of_test, power_table, power_words
    from search.problem.problem import open_problem

    problem = open_problem(Config.load(experiment, overrides or []))
    prepared, found = problem.prepared, problem.power()
    say(f"test: {found.rows:,} rows")
    for group, rows in zip(prepared.group_names, cells_of_test(prepared), strict=True):
        of_labels = zip(prepared.classes, rows, strict=True)
        say(f"  {group}: {', '.join(f'{label} {count}' for label, count in of_labels)}")
    words = power_words(problem)
    say(f"At worst, with decisions that are right half the time: {words}.")
    shown = Table(box=None, padding=(0, 1, 0, 0), title_justify="left")
    shown.title = f"Probability that a perfectly fair network is certified, one of {NAMED} named"
    shown.add_column("tolerance", justify="right")
    table = power_table(problem)
    for count in next(iter(table.values())):
        shown.add_column(f"{count:,} rows", justify="right")
    for tolerance, chances in table.items():
        each = (f"{chance:.0%}" for chance in chances.values())
        shown.add_row(*cells(f"{tolerance:g}", *each))
    show_table(shown)
