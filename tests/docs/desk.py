"""A folder like a reader's checkout, and how what the pages say is done in it.

A command is always parsed by the real command line, and its experiment is loaded. Where it would
take minutes it is then run shortened: two short trials in place of many long ones.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.config.config import Config
from search.reproduce.tables import load_table
from tests.docs.blocks import ROOT, Block, blocks_of
from tests.docs.typed import config_of, makes, parsed
from tests.search.made_run import made_run
from trainables.data.registry import DATASETS
from trainables.data.sets.folder import data_folder

METHODS = {
    "adv_ft": {"recovery": {"epochs": 2}},
    "magnitude_retrain": {"pruner": {"sparsity": 0.5}, "recovery": {"epochs": 2}},
}
SHORT = (
    "search.trials=2",
    f"search.methods={list(METHODS)}",
    "search.concurrent=1",
    *("space.adv_ft.recovery.epochs=2", "space.magnitude_retrain.recovery.epochs=2"),
    "space.magnitude_retrain.pruner.sparsity=0.5",
    "objective.tolerance=0.6",
)

NOT_RUN = {
    "make test": "it is what runs this test, among the others",
    "fairfront data get adult": "it downloads",
    "pip install jupyterlab": "it installs",
    "jupyter lab analysis/notebooks": "it serves until Ctrl-C; tests/notebooks runs the notebooks",
    "fairfront search cifar10s_small --set resources.gpu=0.25 --set resources.cpu=4": "wants GPUs",
    "fairfront search adult_sex_aod --address auto --out /shared/runs/adult": "wants a cluster",
    "ray job submit -- fairfront search adult_sex_aod --out /shared/runs/adult": "wants a cluster",
    "fairfront resume /shared/runs/adult --address 10.0.0.1:6379": "wants a cluster",
    "fairfront reproduce zhang2022-table5": "it takes a quarter of an hour; --quick is run",
}


def made_things(folder: Path) -> Path:
    """What pages take from the README, made without Ray: the table loans.csv, and the finished
    searches `first` and `loans`."""
    script = ROOT / "docs" / "examples" / "own_data" / "loans.py"
    table = subprocess.run([sys.executable, script], capture_output=True, check=True)
    (folder / "loans.csv").write_bytes(table.stdout)
    for name, experiment in (
        ("first", "quick"),
        ("loans", ROOT / "docs" / "examples" / "own_data" / "loans.toml"),
    ):
        smaller = ["data.args={rows=3000}", "dense.max_epochs=8"] if name == "loans" else []
        config = Config.load(experiment, [*SHORT, *smaller, "tracking.enabled=false"])
        run = made_run(folder / name, config, METHODS)
        assert any(point["chosen"] for point in run.write_front()["points"])
    return folder


class Desk:
    """Where a page is typed, block by block. `for_real`: whatever takes minutes is run too."""

    def __init__(self, folder: Path, things: Path, *, for_real: bool) -> None:
        self.folder, self.things, self.for_real = folder, things, for_real
        self.names: dict[str, Any] = {}  # that python blocks have defined
        for name in ("docs/examples", "Makefile", "cluster.yaml"):
            place = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            place(ROOT / name, folder / name)
        (folder / ".venv").symlink_to(sys.prefix)
        (block,) = [b for b in blocks_of(ROOT / "README.md") if b.file == "mine.toml"]
        self.write(block)
        shutil.copy(things / "loans.csv", folder)

    def take(self, name: str, what: str = "first") -> None:
        """Puts a copy of a finished run there, as an earlier command would have left it."""
        shutil.copytree(self.things / what, self.folder / name)

    def type(self, block: Block) -> None:
        match block.language:
            case "sh":
                for words in block.commands:
                    self.command(words)
            case "toml":
                path = self.write(block)
                if "columns" in tomllib.loads(block.text):
                    load_table(str(path))
                else:
                    Config.load(path)
            case "python":
                self.python(block)

    def write(self, block: Block) -> Path:
        """The block as a file, beside the modules that the examples' files name."""
        path = self.folder / (block.file or "block.toml")
        path.write_text(block.text, "utf-8")
        for example in (ROOT / "docs" / "examples").glob("own_*/*.py"):
            shutil.copy(example, self.folder)
        return path

    def command(self, words: list[str]) -> None:
        if words[0] == "ray":
            parsed(words[words.index("--") + 1 :])
        elif words[0] == "fairfront":
            self.fairfront_as_typed(words)
        elif words[0] == "make":
            self.make(words)
        elif " ".join(words) not in NOT_RUN:
            self.shell(words)

    def shell(self, words: list[str]) -> str:
        """What bash prints, with the environment's own python first."""
        if words[0] == "jq" and shutil.which("jq") is None:
            pytest.skip("jq is not installed")
        line = " ".join(word if word in (">", "|") else _quoted(word) for word in words)
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-ec", line],
            cwd=self.folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        return done.stdout

    def make(self, words: list[str]) -> None:
        assert makes(words[1]), words
        if self.for_real and " ".join(words) not in NOT_RUN:
            run = self.folder / "runs" / "made"
            told = {**os.environ, "DEMO": str(run)}
            subprocess.run(words, cwd=ROOT, env=told, check=True, capture_output=True)
            assert (run / "report.html").is_file()
            assert (run / "front.png").is_file()

    def fairfront(self, *arguments: str) -> str:
        """What a command says, run in this process."""
        result = CliRunner().invoke(app, list(arguments))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, f"{arguments}\n{result.output}"
        return result.output

    def fairfront_as_typed(self, words: list[str]) -> None:
        """Parsed as it stands, then run: as it is where that is quick, or shortened."""
        name, parameters = parsed(words)
        if name == "search":
            self.search(words, parameters)
        elif " ".join(words) in NOT_RUN:
            pass
        elif name == "ui":
            self.ui(words)
        elif name == "compare":
            self.and_so_on(parameters["runs"])
            self.fairfront(*words[1:])
        elif name in QUICK:
            self.fairfront(*words[1:])
        elif name == "audit" and self.for_real:
            result = CliRunner().invoke(app, words[1:])
            assert result.exit_code == 0 or "no trial of" in result.output, result.output
        elif name == "confirm":
            seeds = ["--seeds", "1"] if parameters["seeds"] and self.for_real else []
            self.fairfront("confirm", str(parameters["folder"]), *seeds)
        elif self.for_real:
            self.fairfront(*words[1:], *SHORTER.get(name, ()))

    def and_so_on(self, runs: list[Path]) -> None:
        """Where a page shows how to make runs/x-0, runs/x-1 and the others are made like it."""
        for run in runs:
            stem, _, seed = run.name.rpartition("-")
            if stem and seed.isdigit() and not run.exists():
                shutil.copytree(run.with_name(f"{stem}-0"), run)

    def search(self, words: list[str], parameters: dict[str, Any]) -> None:
        """Its experiment is loaded, and where its data are here all of it is checked, or run."""
        config = config_of(parameters)
        name, not_run = config.data.name, " ".join(words) in NOT_RUN
        data_are_here = name is None or not DATASETS[name].missing(data_folder())
        if data_are_here and not not_run and (parameters["dry_run"] or not self.for_real):
            self.fairfront(*words[1:], *(() if parameters["dry_run"] else ("--dry-run",)))
        if parameters["dry_run"] or not_run:
            return
        if self.for_real:
            if not data_are_here:
                pytest.skip(f"{name} is not in {data_folder()}")
            self.fairfront(*shortened(words))
        elif parameters["out"] is not None:
            self.take(str(parameters["out"]), "loans" if config.data.load else "first")

    def ui(self, words: list[str]) -> None:
        """Until it says that it is there; then Ctrl-C."""
        if not self.for_real:
            return
        command = [sys.executable, "-m", "search", *words[1:]]
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            said = [line for line in iter(process.stdout.readline, "Ctrl-C ends it.\n") if line]
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        assert [line.split(":")[0] for line in said] == ["The search", "Its front"]

    def python(self, block: Block) -> None:
        """Run as a script of the page: names of earlier blocks are not there."""
        code = compile(block.text, str(block), "exec")
        searches = "fairfront.search(" in block.text
        needs_database = "mlflow" in block.text
        if needs_database and not self.for_real:
            return
        self.names = {"__name__": "__main__"}
        with short_searches(started=self.for_real):
            if searches and not self.for_real:
                with pytest.raises(WouldStart):
                    exec(code, self.names)
            else:
                exec(code, self.names)


QUICK = ("report", "export", "list", "gc", "data list", "cluster check", "resume")
SHORTER = {  # what is added to a command that would take minutes
    "replay compare": ("--seeds", "1", "--share", "0.2", "--schedulers", "none,bias_tolerance"),
    "reproduce": ("--only", "published", "--rows", "Adv.Ft", "--seeds", "1", "--quick"),
}


class WouldStart(Exception):
    """All was checked; the search would begin now."""


def shortened(words: list[str]) -> list[str]:
    """The arguments of a search of two short trials that is otherwise the one of `words`."""
    typed = list(words[1:])
    if "--trials" in typed:
        typed[typed.index("--trials") + 1] = "2"
    before = [word for change in SHORT for word in ("--set", change)]
    return [*typed[:2], *before, *typed[2:], "--set", "objective.tolerance=0.6"]


@contextmanager
def short_searches(*, started: bool) -> Iterator[None]:
    """Experiments that Python code loads have two short trials; not `started`, a search checks
    all that it is given and ends in WouldStart."""
    load = Config.load

    def loaded(path: str | Path, overrides: tuple[str, ...] | list[str] = ()) -> Config:
        again = Path(path).name == "config.toml"  # of a run, which has them already
        return load(path, overrides if again else [*SHORT, *overrides])

    def checked(config: Config, *, data: Any, model: Any, **options: Any) -> None:
        from search.problem.problem import open_problem

        open_problem(config, data, model).untrained()
        raise WouldStart

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Config, "load", loaded)
        if not started:
            patch.setattr("search.engine.experiment.run", checked)
        yield


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"
