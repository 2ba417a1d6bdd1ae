"""The layout holds: what may import what, where packages come from, what files look like."""

import ast
import functools
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("search", "trainables", "spaces", "analysis")
PUBLIC = ROOT / "fairfront.py"  # for scripts and notebooks, above all of the packages
SOURCES = [
    PUBLIC,
    *sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")),
]
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# All that these packages may import beside themselves and the standard library.
LIGHT = {
    "spaces": {"optuna"},
    "analysis": {"numpy", "pandas", "scipy", "plotly", "matplotlib"},
}


# What may import what inside a package: a room imports from itself and from lower floors. A room
# is a folder, or a file that lies flat in the package.
FLOORS = {
    "search": (
        ("errors", "units"),
        ("journal", "cluster", "toml_file"),
        ("samplers", "schedulers", "front"),
        ("config",),
        ("problem", "runs"),
        ("tracking",),
        ("engine",),
        ("results", "replay"),
        ("reproduce",),
        ("cli",),
        ("__main__",),
    ),
    "trainables": (
        ("names", "files", "registry", "modules", "lazily"),
        ("methods", "live_units", "evaluation", "compiling", "optimizers"),
        ("fused",),
        ("masks", "user_code", "corrections"),
        ("data",),
        ("stage", "models", "references"),
        ("learning",),
        ("dense", "pruners", "recoveries"),
        ("trial",),
    ),
    "analysis": (
        ("events", "front_json", "notation", "palette", "pareto"),
        ("front_table", "hypervolume", "over_compute"),
        ("against_references", "claims", "weakest_group"),
        ("words", "trials"),
        ("figures",),
        ("methods", "price", "importance"),
        ("parts",),
        ("report",),
    ),
}
MOST_FILES = 20  # that lie flat in a folder
MOST_LINES = 400  # of a file


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in SOURCES}


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(nodes: Iterator[ast.AST] | list[ast.AST]) -> Iterator[str]:
    """Full names that import statements among `nodes` mention; no import here is relative."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            assert node.module is not None
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


def on_import(tree: ast.Module) -> Iterator[ast.AST]:
    """What runs when the module is imported: not functions' bodies, not `if TYPE_CHECKING`."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        yield node
        waiting += ast.iter_child_nodes(node)


@functools.cache
def everywhere(path: Path) -> list[str]:
    """Full names of all that a file imports, wherever in it."""
    return list(imported(ast.walk(tree_of(path))))


def tops(path: Path) -> set[str]:
    """Top-level names of all that a file imports, wherever in it."""
    return {name.split(".")[0] for name in everywhere(path)}


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_the_one_of_this_checkout(package):
    module = importlib.import_module(package)

    assert module.__file__ is not None
    assert Path(module.__file__).resolve() == ROOT / package / "__init__.py"


def test_ground_packages_know_nothing_of_each_other():
    wrong = {
        relative(path): strangers
        for path in SOURCES
        if (own := path.relative_to(ROOT).parts[0]) not in ("search", PUBLIC.name)
        and (strangers := tops(path) & (set(PACKAGES) - {own}))
    }

    assert wrong == {}


def test_the_public_module_stands_above_all_and_nothing_of_ours_imports_it():
    users = [relative(path) for path in SOURCES if path != PUBLIC and "fairfront" in tops(path)]

    assert users == []
    assert tops(PUBLIC) & set(PACKAGES) == {"search", "trainables", "analysis"}
    assert Path(importlib.import_module("fairfront").__file__ or "").resolve() == PUBLIC


def test_ray_and_mlflow_are_imported_where_the_design_says():
    of_ray = {relative(path) for path in SOURCES if "ray" in tops(path)}
    of_mlflow = {relative(path) for path in SOURCES if "mlflow" in tops(path)}

    assert {p for p in of_ray if not p.startswith("search/")} == {"trainables/trial/trainable.py"}
    assert of_mlflow == {"search/tracking/mlflow_runs.py"}


@pytest.mark.parametrize("package", LIGHT)
def test_light_packages_import_only_what_they_may(package):
    allowed = {package} | LIGHT[package] | set(sys.stdlib_module_names)
    wrong = {
        relative(path): strangers
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] == package and (strangers := tops(path) - allowed)
    }

    assert wrong == {}


def test_no_module_imports_itself_over_others():
    arrows: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        names = imported(on_import(tree_of(path)))
        arrows[name] = {other for other in names if other in MODULES}
    while free := [name for name, onto in arrows.items() if not onto & arrows.keys() - {name}]:
        for name in free:
            del arrows[name]

    assert not arrows, f"circular: {sorted(arrows)}"


def in_fresh_python(code: str) -> object:
    """What `code` assigns to `result`, run by a Python that has imported nothing of ours yet."""
    code = f"import json\n{code}\nprint(json.dumps(result))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("package", LIGHT)
def test_importing_a_light_package_does_not_bring_torch_or_ray(package):
    names = [name for name in MODULES if name.split(".")[0] == package]
    loaded = in_fresh_python(
        f"import sys\nfor name in {names}: __import__(name)\n"
        "result = [name for name in ('torch', 'ray', 'mlflow', 'sklearn') if name in sys.modules]"
    )

    assert loaded == []


def test_importing_anything_starts_and_sets_nothing():
    names = [name for name in MODULES if not name.endswith("__main__")]
    code = (
        # Ray and sklearn mark the environment when they are imported; that is their own affair.
        "import os, logging, threading, warnings, ray, sklearn, torch\n"
        "before = dict(os.environ), torch.get_rng_state().tolist(), threading.active_count()\n"
        "folder = os.getcwd()\n"
        f"for name in {names}: __import__(name)\n"
        "after = dict(os.environ), torch.get_rng_state().tolist(), threading.active_count()\n"
        "result = [before == after, os.getcwd() == folder, ray.is_initialized(),"
        " len(logging.getLogger().handlers)]"
    )

    assert in_fresh_python(code) == [True, True, False, 0]


def room(name: str) -> tuple[str, str]:
    """Package and room of a module: ("search", "journal") of `search.journal.record`."""
    package, _, rest = name.partition(".")
    return package, rest.partition(".")[0]


@pytest.mark.parametrize("package", FLOORS)
def test_every_room_of_a_package_has_a_floor_and_every_floor_its_rooms(package):
    rooms = {room(name)[1] for name in MODULES if room(name)[0] == package} - {""}

    assert sorted(rooms - {"presets"}) == sorted(r for floor in FLOORS[package] for r in floor)


@pytest.mark.parametrize("package", FLOORS)
def test_a_room_imports_only_from_lower_floors_wherever_in_its_files(package):
    floor_of = {name: i for i, floor in enumerate(FLOORS[package]) for name in floor}
    wrong = []
    for name, path in MODULES.items():
        if room(name)[0] != package or not room(name)[1]:
            continue
        for other in everywhere(path):
            if room(other)[0] != package or room(other) == room(name) or not room(other)[1]:
                continue
            if floor_of[room(other)[1]] >= floor_of[room(name)[1]]:
                wrong.append(f"{name} -> {other}")

    assert wrong == []


def test_at_most_twenty_files_lie_flat_in_a_folder():
    crowd: dict[str, int] = {}
    for path in [*SOURCES, *TESTS]:
        if path.name != "__init__.py":
            crowd[relative(path.parent)] = crowd.get(relative(path.parent), 0) + 1

    assert {folder: count for folder, count in crowd.items() if count > MOST_FILES} == {}


def test_no_file_is_too_long_to_be_read_in_one_go():
    lines = {relative(path): path.read_text("utf-8").count("\n") for path in [*SOURCES, *TESTS]}

    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}


def test_file_names_say_what_is_in_them():
    vague = {"utils", "util", "common", "helpers", "helper", "misc"}

    assert [relative(path) for path in [*SOURCES, *TESTS] if path.stem.strip("_") in vague] == []


def test_every_module_says_what_it_is():
    trees = {relative(path): tree_of(path) for path in SOURCES}

    assert [
        path for path, tree in trees.items() if tree.body and not ast.get_docstring(tree)
    ] == []


def test_assert_is_left_to_tests():
    trees = {relative(path): tree_of(path) for path in SOURCES}
    wrong = [
        p for p, tree in trees.items() if any(isinstance(n, ast.Assert) for n in ast.walk(tree))
    ]

    assert wrong == []


def test_test_folders_are_no_packages():
    """With an `__init__.py`, pytest would import tests/search as `search`."""
    assert not [relative(path) for path in TESTS if path.name == "__init__.py"]
