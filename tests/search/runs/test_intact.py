"""Commands that need no data look at the files that they build on first."""

import json
import shutil
from pathlib import Path

import pytest

from search.errors import UserError
from search.journal.journal import read_events
from search.results.confirm import confirm
from search.results.report import report
from search.runs.export import export
from search.runs.folder import RunFolder
from search.runs.garbage import garbage

OLDER = Path(__file__).parent / "older_version" / "finished"


@pytest.fixture
def run(tmp_path):
    return Path(shutil.copytree(OLDER, tmp_path / "run"))


def gc(path):
    with garbage(path):
        pass


@pytest.mark.parametrize("command", [report, gc, lambda path: export(path, "chosen")])
def test_another_dense_net_than_the_journal_s_is_refused(run, command):
    say_digests(run, digest="0" * 64)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}

    with pytest.raises(
        UserError, match=r"dense.safetensors must be the one that the search began"
    ):
        command(run)
    for path, content in before.items():
        assert path.read_bytes() == content


@pytest.mark.parametrize("command", [report, gc, lambda path: export(path, "chosen")])
def test_another_encoder_than_the_journal_s_is_refused(run, command):
    say_digests(run, encoding="0" * 64)

    with pytest.raises(
        UserError, match=r"encoder.json must be the one that the search began with"
    ):
        command(run)


def say_digests(run, **said):
    """Puts what newer versions write into the two events of an older run's journal."""
    lines = (run / "journal.jsonl").read_text().splitlines()
    for number in (0, 1):
        event = json.loads(lines[number])
        event.pop("crc", None)
        lines[number] = json.dumps({**event, **said}, separators=(",", ":"))
    (run / "journal.jsonl").write_text("\n".join(lines) + "\n")
    assert next(read_events(run / "journal.jsonl"))["event"] == "experiment"


@pytest.mark.parametrize("damage", ["flipped", "gone"])
def test_a_damaged_candidate_is_named_before_it_is_exported_or_test_is_opened(
    run, damage, monkeypatch, tmp_path
):
    monkeypatch.setenv("FAIRFRONT_LEDGER", str(tmp_path / "ledger.jsonl"))
    point = next(one for one in RunFolder(run).front()["points"] if one["chosen"])
    file = run / "candidates" / f"{point['candidate']}.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.unlink()
    if damage == "flipped":
        file.write_bytes(bytes(content))

    remedy = rf"{file.name} (is damaged|does not exist).*; put back .*--warm-start {run}"
    with pytest.raises(UserError, match=f"export: .*{remedy}"):
        export(run, "chosen")
    assert not (run / "exports").exists()
    with pytest.raises(UserError, match=f"confirm: .*{remedy}"):
        confirm(run)
    assert not (tmp_path / "ledger.jsonl").exists()
    assert [e["event"] for e in read_events(run / "journal.jsonl")][-1] != "confirm_start"
