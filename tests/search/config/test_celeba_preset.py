"""The CelebA preset on a generated folder in the official format."""

from typer.testing import CliRunner

from search.cli.app import app
from tests.trainables.data.sets.faces.made_celeba import make_celeba

SMALL = ["--set", "data.args.official=false", "--set", "data.min_cell=5"]


def test_a_dry_run_shows_faces_groups_and_every_method(tmp_path, monkeypatch):
    make_celeba(tmp_path, training=500, test=100)
    monkeypatch.setenv("FAIRFRONT_DATA", str(tmp_path))
    shown = CliRunner().invoke(app, ["search", "celeba_young", "--dry-run", *SMALL])

    assert shown.exit_code == 0, shown.output
    assert "network: ResNet, 11177025 parameters" in shown.output
    assert "cells on tune (Male x label):" in shown.output
    assert "method external_graft" in shown.output


def test_groups_may_be_skin_tones(tmp_path, monkeypatch):
    make_celeba(tmp_path, training=600, test=150)
    monkeypatch.setenv("FAIRFRONT_DATA", str(tmp_path))
    skin = ["--set", "data.group=skin", "--set", "data.args.skin=true"]
    shown = CliRunner().invoke(app, ["search", "celeba_young", "--dry-run", *SMALL, *skin])

    assert shown.exit_code == 0, shown.output
    assert "cells on tune (skin x label):" in shown.output


def test_what_only_people_can_fetch_is_not_downloaded_but_named(tmp_path, monkeypatch):
    monkeypatch.setenv("FAIRFRONT_DATA", str(tmp_path))
    got = CliRunner().invoke(app, ["data", "get", "celeba"])
    listed = CliRunner().invoke(app, ["data", "list"])

    assert got.exit_code != 0
    assert "fetch it by hand from https://mmlab" in str(got.exception) + got.output
    assert "img_align_celeba or celeba/img_align_celeba.zip" in listed.output
