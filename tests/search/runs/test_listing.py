"""`list runs`: what it says of made-up run folders, and how long it takes to say it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from search.cli.app import app
from search.errors import UserError
from search.journal.journal import Journal
from search.runs.listing import run_line, run_lines
from tests.search.made_front import front, point
from tests.search.made_journal import begin, write_trial

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def interrupted(tmp_path):
    """Two trials finished, one stopped, one failed, one under way."""
    journal = begin(tmp_path / "adult")
    for trial, status in (("t1", "finished"), ("t2", "stopped"), ("t3", "finished")):
        write_trial(journal, trial, status, epochs=2)
    write_trial(journal, "t4", "failed", epochs=1)
    journal.append({"event": "trial_start", "trial": "t5", "method": "adv_ft", "spec": {}})
    journal.close()
    return tmp_path / "adult"


def test_trials_are_counted_by_how_they_ended(interrupted):
    line = run_line(interrupted)

    assert line.trials == {"finished": 2, "stopped": 1, "failed": 1}
    assert (line.name, line.state, line.chosen) == ("adult", "interrupted", (None, None))
    assert line.journal == (interrupted / "journal.jsonl").stat().st_size


def test_a_run_is_running_while_it_is_written_and_complete_when_its_search_ended(
    interrupted,
):
    journal = Journal(interrupted)
    assert run_line(interrupted).state == "running"
    journal.append({"event": "search_end", "left": 0})
    journal.close()

    assert run_line(interrupted).state == "complete"


def test_what_trials_took_and_what_was_processed_is_known_once_the_search_has_ended(interrupted):
    assert run_line(interrupted).compute is None
    assert run_line(interrupted).cells()[5:7] == ("-", "-")
    journal = Journal(interrupted)
    journal.append({"event": "search_end", "left": 0, "charged": 1_234_567, "spent": 420})
    journal.close()

    assert run_line(interrupted).compute == (1_234_567, 420)
    assert run_line(interrupted).cells()[5:7] == ("1.2M", "420")


def test_a_search_that_was_resumed_and_interrupted_again_is_not_complete(interrupted):
    journal = Journal(interrupted)
    journal.append({"event": "search_end", "left": 0})
    journal.append({"event": "trial_start", "trial": "t6", "method": "adv_ft", "spec": {}})
    journal.close()

    assert run_line(interrupted).state == "interrupted"


def test_a_confirmed_run_shows_what_was_chosen_as_test_saw_it(interrupted):
    test = {"performance": 0.81, "bias": 0.04, "sparsity": 0.5, "measures": {}}
    on_tune = front(point("aa", "adv_ft"), point("bb", "adv_ft", chosen=True))
    (interrupted / "front.json").write_text(json.dumps(on_tune))
    assert run_line(interrupted).chosen == (0.9, 0.01)
    on_test = front(point("bb", "adv_ft", chosen=True, test=test))
    (interrupted / "confirmed.json").write_text(json.dumps(on_test))

    assert run_line(interrupted).chosen == (0.81, 0.04)
    assert run_line(interrupted).state == "confirmed"


def test_a_bias_that_test_cannot_tell_is_shown_as_unknown(interrupted):
    test = {"performance": 0.81, "bias": None, "sparsity": 0.5, "measures": {}}
    on_test = front(point("bb", "adv_ft", chosen=True, test=test))
    (interrupted / "confirmed.json").write_text(json.dumps(on_test))

    assert run_line(interrupted).cells()[7:9] == ("0.810", "-")


def test_listing_runs_loads_neither_torch_nor_pandas():
    code = (
        "import sys, search.runs.listing; print({'torch', 'pandas', 'pydantic'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)

    assert done.stdout.strip() == b"set()"


def test_sizes_are_those_of_the_files(interrupted):
    sizes = {"candidates/aa.safetensors": 700, "candidates/bb.safetensors": 500}
    sizes |= {"checkpoints/t5.pt": 30, "mlflow.db": 40, "mlartifacts/1/front.png": 2}
    sizes |= {"stages/ab.safetensors": 60}
    for name, size in sizes.items():
        (interrupted / name).parent.mkdir(parents=True, exist_ok=True)
        (interrupted / name).write_bytes(bytes(size))

    line = run_line(interrupted)

    assert line.candidates == (2, 1200)
    assert (line.checkpoints, line.shared, line.mlflow) == (30, 60, 42)


def test_the_command_prints_one_line_for_each_run(interrupted):
    shown = CliRunner().invoke(app, ["list", "runs", str(interrupted.parent)])

    heading, line = shown.output.splitlines()
    assert heading.split()[:5] == ["run", "state", "finished", "stopped", "failed"]
    assert line.split()[:5] == ["adult", "interrupted", "2", "1", "1"]
    assert run_lines(interrupted) == run_lines(interrupted.parent)


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no runs"):
        run_lines(tmp_path)


def test_a_journal_of_200_megabytes_takes_less_than_a_second(tmp_path):
    journal = begin(tmp_path / "big")
    write_trial(journal, "t1", epochs=1)
    journal.close()
    path = tmp_path / "big" / "journal.jsonl"
    text = path.read_bytes()
    report = next(line for line in text.splitlines() if line.startswith(b'{"event":"report"'))
    long = report[:-1] + b',"counts":"' + b"x" * 100_000 + b'"}\n'
    with path.open("ab") as file:
        for _ in range(2000):
            file.write(long)

    begun = time.process_time()
    line = run_line(tmp_path / "big")
    spent = time.process_time() - begun

    assert line.trials == {"finished": 1}
    assert line.journal > 200_000_000
    assert spent < 1.0


@pytest.mark.parametrize("damage", ["journal.jsonl", "front.json", "confirmed.json"])
def test_a_damaged_run_hides_no_other_and_what_to_do_is_said(interrupted, damage):
    for name in ("a", "z"):
        journal = begin(interrupted.parent / name)
        write_trial(journal, "t1", "finished", epochs=1)
        journal.close()
    file = interrupted / damage
    if damage == "journal.jsonl":
        file.write_bytes(file.read_bytes().replace(b'"status":"stopped"', b'"status":"stoppeD"'))
    else:
        file.write_text(json.dumps(front(point("aa", "adv_ft", chosen=True)))[:200])

    heading, *rows, said = run_lines(interrupted.parent)

    assert [row.split()[0] for row in rows] == ["a", "adult", "z"]
    state = "confirmed" if damage == "confirmed.json" else "interrupted"
    cells = dict(zip(heading.split(), rows[1].split(), strict=False))
    assert cells["state"] == ("damaged" if damage == "journal.jsonl" else state)
    assert cells["finished"] == ("-" if damage == "journal.jsonl" else "2")
    remedy = {
        "journal.jsonl": f"`fairfront resume {interrupted} --repair`",
        "front.json": f"remove it: `fairfront report {interrupted}`",
        "confirmed.json": f"remove it: `fairfront confirm {interrupted}`",
    }
    assert f"{file}" in said
    assert remedy[damage] in said
