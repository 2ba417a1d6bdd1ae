"""A report that is all the copy lacks is put into the run's own store without MLflow."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from search.tracking import mirror
from search.tracking.own_store import completed
from search.tracking.stores import default_uri
from tests.search.made_journal import begin, look, write_front, write_trial


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A run whose copy is complete, report included; one mirror is enough for all tests here."""
    folder = tmp_path_factory.mktemp("own") / "run"
    with closing(begin(folder)) as journal:
        write_trial(journal, "t0000")
        journal.append({"event": "search_end"})
    write_front(folder, ["t0000"], chosen=None)
    (folder / "config.toml").write_text('name = "made"\n')
    (folder / "report.html").write_text("first")
    assert mirror.sync(folder, timeout=300)
    return folder


@pytest.fixture
def no_mirror(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a mirror was started")

    monkeypatch.setattr(mirror, "start_mirror", refuse)


def stored(folder):
    now = look(default_uri(folder))
    return now, now.client.download_artifacts(now.parent.info.run_id, "report.html")


def test_a_new_report_is_stored_without_a_mirror_and_mlflow_reads_it(copied, no_mirror):
    (copied / "report.html").write_text("second")

    assert mirror.sync(copied)
    now, path = stored(copied)
    with open(path) as file:
        assert file.read() == "second"
    assert sorted(now.trials) == ["t0000"]
    assert mirror.sync(copied)  # nothing is new


def changed_front(folder):
    (folder / "front.json").write_text((folder / "front.json").read_text() + "\n")


def longer_journal(folder):
    with (folder / "journal.jsonl").open("a") as file:
        file.write("\n")


def deleted_run(folder):
    with closing(sqlite3.connect(folder / "mlflow.db")) as opened, opened:
        opened.execute("UPDATE runs SET lifecycle_stage = 'deleted'")


def no_store(folder):
    (folder / "mlflow.db").unlink()


def no_copy(folder):
    (folder / "mirror.json").unlink()


def led_elsewhere(folder):
    (folder / "mlartifacts").rename(folder / "other")
    (folder / "mlartifacts").symlink_to(folder / "other")
    (folder / "report.html").write_text("third")


@pytest.mark.parametrize(
    "change", [changed_front, longer_journal, deleted_run, no_store, no_copy, led_elsewhere]
)
def test_where_anything_else_is_new_or_odd_it_is_left_to_mlflow(change, copied):
    kept = {path: path.read_bytes() for path in copied.iterdir() if path.is_file()}
    assert completed(copied)
    try:
        change(copied)
        assert not completed(copied)
        assert (copied / "mlflow.db").exists() == (change is not no_store)
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
        if (copied / "other").exists():
            (copied / "mlartifacts").unlink()
            (copied / "other").rename(copied / "mlartifacts")


def test_a_copied_run_is_left_to_mlflow_which_corrects_its_place(copied, tmp_path):
    shutil.copytree(copied, tmp_path / "copy")

    assert not completed(tmp_path / "copy")
