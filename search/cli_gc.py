"""fairfront gc: frees the space that a run's folder no longer needs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from search.cli_folder import Folder, check_run


def gc(
    folder: Folder,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say it, remove nothing.")] = False,
    keep: Annotated[
        Literal["front", "any-tolerance"],
        typer.Option(help="any-tolerance: also what the front of another one would hold."),
    ] = "front",
    keep_stopped: Annotated[
        bool, typer.Option("--keep-stopped", help="Keep the checkpoints of stopped trials.")
    ] = False,
) -> None:
    """Removes weights that are on no front, spent checkpoints and half-written files."""
    check_run(folder)
    from search.garbage import garbage, remove, size_of
    from search.sizes import human

    with garbage(folder, keep=keep, keep_stopped=keep_stopped) as found:
        kinds = {
            "candidates": found.candidates,
            "checkpoints": found.checkpoints,
            "stages": found.stages,
            "leftovers": found.leftovers,
        }
        for what, paths in kinds.items():
            typer.echo(f"{what:11}  {len(paths):6}  {human(size_of(paths)):>9}")
        freed = size_of(found.paths)
        if not dry_run:
            remove(found)
    typer.echo(f"{'Would free' if dry_run else 'Freed'}: {human(freed)}")
    if found.judged:
        typer.echo(
            f"{found.judged} of these candidates are off the front now but could be on that of "
            f"another tolerance, measure or grouping, or were on earlier fronts (`compare`): "
            f"their counts stay, their weights {'would be' if dry_run else 'are'} gone."
        )
