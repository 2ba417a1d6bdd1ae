"""Footnotes that follow from the settings of rows, where these differ in more than methods."""

from __future__ import annotations

from search.reproduce.results_json import FairTuning, ResultRow, TableResults


def margin_note(row: ResultRow, results: TableResults) -> list[str]:
    """That a row's threshold was chosen with a margin of its own."""
    margin = row.get("correction", {}).get("margin")
    if margin is None:
        return []
    of_columns = {facts["objective"]["margin"] for facts in results["columns"].values()}
    others = " or ".join(f"{value:g}" for value in sorted(of_columns))
    return [
        f"Its network and threshold are chosen {margin:g} below the tolerance on held-back rows, "
        f"as published; those of the other rows {others} below."
    ]


def schedule_note(row: ResultRow, results: TableResults) -> list[str]:
    """Which rates and lengths the rows are fine-tuned with that share their loss; nothing where
    all have the same."""
    if not row.get("fair_tuning"):
        return []
    sentences = []
    by_column: dict[str, list[str]] = {}  # what is said -> columns
    for column in results["columns"]:
        rows_of: dict[str, list[str]] = {}
        for other in results["rows"]:
            if (tuning := other.get("fair_tuning", {}).get(column)) is not None:
                rows_of.setdefault(_words(tuning), []).append(other["name"])
        if len(rows_of) > 1:
            said = "; ".join(f"{', '.join(rows)}: {words}" for words, rows in rows_of.items())
            by_column.setdefault(said, []).append(column)
    for said, columns in by_column.items():
        where = "" if len(columns) == len(results["columns"]) else f" in {', '.join(columns)}"
        sentences.append(
            f"Fine-tuned{where} at published settings with different rates and lengths, so that "
            f"rows differ in more than their method. {said}."
        )
    return sentences


def _words(tuning: FairTuning) -> str:
    return (
        f"learning rate {tuning['lr']:g}, {tuning['schedule']}, {tuning['warmup_steps']} steps of "
        f"warm-up, {tuning['epochs']} epochs, batches of {tuning['batch_size']}"
    )
