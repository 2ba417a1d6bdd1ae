"""The notebooks: clean as committed, on public names alone, and running from top to bottom."""

import ast
import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "analysis" / "notebooks").glob("*.ipynb"))
ALLOWED = {"fairfront", "analysis"}  # of ours
OURS = ALLOWED | {"search", "trainables", "spaces"}


def cells_of(path, kind):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == kind]


def parsed(path):
    """All code of a notebook as one syntax tree."""
    return ast.parse("\n".join("".join(cell["source"]) for cell in cells_of(path, "code")))


def test_there_is_a_tour_and_a_notebook_on_fronts():
    assert [path.stem for path in NOTEBOOKS] == ["fronts", "tour"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_outputs_and_one_cell_of_parameters(path):
    code = cells_of(path, "code")

    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    assert {cell["execution_count"] for cell in code} == {None}
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert set(raw["metadata"]) == {"kernelspec", "language_info"}
    tagged = [cell for cell in raw["cells"] if "parameters" in cell["metadata"].get("tags", ())]
    assert [cell["cell_type"] for cell in tagged] == ["code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_one_that_jupyter_reads(path):
    nbformat = pytest.importorskip("nbformat", reason="pip install -e .[notebooks]")

    nbformat.validate(nbformat.read(path, as_version=4))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_the_public_module_and_analysis_and_nothing_deeper(path):
    tree = parsed(path)
    plain = [
        alias for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    ]
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    roots = {name.split(".")[0] for name in [a.name for a in plain] + [n.module for n in imports]}

    assert "fairfront" in roots
    assert roots & OURS <= ALLOWED
    for node in imports:
        if node.module.split(".")[0] in OURS:
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert not alias.name.startswith("_")
                assert alias.name in vars(module), f"{node.module} has no {alias.name}"
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    of_ours = {
        node.attr
        for node in attributes
        if isinstance(node.value, ast.Name) and node.value.id == "fairfront"
    }
    assert of_ours - {"__file__"} <= set(importlib.import_module("fairfront").__all__)
    assert [node.attr for node in attributes if node.attr.startswith("_")] == ["__file__"]


def executed(name, where, **parameters):
    """The notebook after its run in the folder `where`, with `parameters` in place of its own."""
    nbformat, client = needed("nbformat"), needed("nbclient")
    needed("ipykernel")
    path = ROOT / "analysis" / "notebooks" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    (cell,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    cell.source += "".join(f"\n{key} = {value}" for key, value in parameters.items())
    resources = {"metadata": {"path": str(where)}}
    return client.NotebookClient(notebook, timeout=900, resources=resources).execute()


def needed(module):
    """A module that only the notebooks need; the test is skipped where it is missing."""
    return pytest.importorskip(module, reason=f"{module}: pip install -e .[notebooks]")


def texts(notebook):
    return "\n".join(
        output.get("text", "") + output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
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
    assert "bias_amplification" in said
    assert "deo_max" not in said  # digits have ten classes
