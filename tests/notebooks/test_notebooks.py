"""The notebooks: clean as committed, on public names alone, and running from top to bottom."""

import ast
import importlib
import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "analysis" / "notebooks").glob("*.ipynb"))
OURS = ("search", "trainables", "spaces", "analysis")


def read(name):
    return nbformat.read(ROOT / "analysis" / "notebooks" / f"{name}.ipynb", as_version=4)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_is_a_tour_and_a_notebook_on_fronts():
    assert [path.stem for path in NOTEBOOKS] == ["fronts", "tour"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_valid_and_has_no_outputs(path):
    raw = json.loads(path.read_text(encoding="utf-8"))
    notebook = nbformat.from_dict(raw)

    nbformat.validate(notebook)
    assert [cell.outputs for cell in code_of(notebook)] == [[]] * len(code_of(notebook))
    assert {cell.execution_count for cell in code_of(notebook)} == {None}
    assert set(raw["metadata"]) == {"kernelspec", "language_info"}
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    assert parameters.cell_type == "code"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_only_public_names_that_are_there(path):
    sources = [cell.source for cell in code_of(nbformat.read(path, as_version=4))]
    tree = ast.parse("\n".join(sources))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in imports if node.module.split(".")[0] in OURS]

    assert ours
    for node in ours:
        module = importlib.import_module(node.module)
        for alias in node.names:
            assert not alias.name.startswith("_")
            assert alias.name in vars(module), f"{node.module} has no {alias.name}"
    private = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("_")
    }
    assert not private


def executed(name, where, **parameters):
    """The notebook after its run in the folder `where`, with `parameters` in place of its own."""
    notebook = read(name)
    (cell,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    cell.source += "".join(f"\n{key} = {value}" for key, value in parameters.items())
    resources = {"metadata": {"path": str(where)}}
    return NotebookClient(notebook, timeout=900, resources=resources).execute()


def texts(notebook):
    return "\n".join(
        output.get("text", "") + output.get("data", {}).get("text/plain", "")
        for cell in code_of(notebook)
        for output in cell.outputs
    )


@pytest.mark.slow
def test_both_notebooks_run_the_second_on_what_the_first_has_found(tmp_path):
    tour = executed(
        "tour",
        tmp_path,
        trials=4,
        seeds=1,
        folder="Path('run')",
        overrides=[
            *["objective.tolerance=0.6", "dense.max_epochs=4", "search.concurrent=2"],
            "search.time_limit='20m'",
            *["space.prune_advft.pruner.epochs=2", "space.prune_advft.recovery.epochs=2"],
            *["space.adv_ft.recovery.epochs=2", "space.magnitude_retrain.recovery.epochs=2"],
        ],
    )
    front = json.loads((tmp_path / "run" / "confirmed.json").read_text())
    assert len(front["seeds"]) == 1
    assert "The chosen network kept the promise:" in texts(tour)
    assert "predicted:" in texts(tour)

    fronts = executed("fronts", tmp_path, folder="Path('run')")

    said = texts(fronts)
    assert "run: 4 trials" in said
    assert "tags.fairfront.trial" in said  # MLflow knows the front
    assert "Too few trials to say" in said
    assert "deo_max" not in said  # digits have ten classes
