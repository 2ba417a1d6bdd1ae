"""Registries import an entry only when it is asked for, and know what it says of itself before."""

import inspect
import subprocess
import sys
from typing import get_args

import pytest

from search.config.registries import Kind, registry
from trainables.registry import Registry

LAZY = [kind for kind in get_args(Kind) if isinstance(registry(kind), Registry)]
ENTRIES = [(kind, name) for kind in LAZY for name in registry(kind)]


def test_networks_stages_corrections_samplers_and_schedulers_are_imported_late():
    stages = {"dense net", "pruner", "recovery"}

    assert set(LAZY) == {"model", *stages, "correction", "sampler", "scheduler"}


@pytest.mark.parametrize(("kind", "name"), ENTRIES)
def test_every_entry_is_where_its_registry_says_and_has_the_docstring_read_from_there(kind, name):
    known = registry(kind)

    assert callable(known[name])
    assert known[name] is known[name]
    assert known.doc(name) == inspect.getdoc(known[name])


def test_nothing_is_imported_before_it_is_asked_for():
    code = (
        "import sys; from trainables.pruners import PRUNERS\n"
        "assert 'magnitude' in PRUNERS and 'magnitud' not in PRUNERS and list(PRUNERS)\n"
        "assert PRUNERS.doc('magnitude')\n"
        "print('torch' in sys.modules); PRUNERS['magnitude']; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "True"]


def test_entries_can_be_set_and_taken_away_and_keep_their_order():
    known = Registry({"text": "json:dumps", "parts": "shlex:split"})
    known["own"] = inspect.getdoc

    assert list(known) == ["text", "parts", "own"]
    assert len(known) == 3
    assert known["own"] is inspect.getdoc
    assert known.doc("own") == inspect.getdoc(inspect.getdoc)
    del known["text"]
    assert "text" not in known
    with pytest.raises(KeyError):
        known["text"]


def test_what_is_made_otherwise_than_by_def_or_class_has_the_docstring_of_the_value():
    known = Registry({"tpe": "string:Template", "made": "json:decoder"})

    assert known.doc("tpe") == inspect.getdoc(known["tpe"])
    assert known.doc("made") == inspect.getdoc(known["made"])
