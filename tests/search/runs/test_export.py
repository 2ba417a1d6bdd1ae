"""What a run's folder or an exported model names is data: nothing of it runs, none of it leads
outside."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from search.errors import UserError
from search.runs.export import export, load
from trainables.models.build import build

FINISHED = Path(__file__).parent / "older_version" / "finished"
BUILDER = """
import pathlib
from trainables.models import MODELS

def net(input_shape, outputs, **args):
    pathlib.Path(__file__).with_name("ran").touch()
    return MODELS["convnet"](input_shape, outputs, **args)
"""


@pytest.fixture
def run(tmp_path):
    return Path(shutil.copytree(FINISHED, tmp_path / "finished"))


@pytest.fixture
def model(run, tmp_path):
    return export(run, "chosen", str(tmp_path / "model"))


def change(path, **entries):
    card = json.loads(path.read_text())
    path.write_text(json.dumps(card | entries))


def test_a_card_runs_no_program(model, tmp_path):
    mark = tmp_path / "ran"
    named = {"name": "subprocess:run", "args": {}, "folder": None}
    change(model / "card.json", model=named, input_shape=["touch", str(mark)])

    for trust in (False, True):  # a program is no network, whoever is trusted
        with pytest.raises(UserError, match="load: "):
            load(model, trust_code=trust)
    assert not mark.exists()


def test_the_network_handed_over_may_be_wrapped_and_stays_as_it_is(model):
    registered = load(model)
    shape, args = tuple(registered.card["input_shape"]), registered.card["model"]["args"]
    untrained = build("convnet", shape, registered.head.outputs, seed=9, **args)
    before = {name: value.clone() for name, value in untrained.state_dict().items()}
    again = load(model, net=nn.DataParallel(untrained))

    rows = np.zeros((2, *shape), np.uint8)
    assert np.array_equal(again.scores(rows), registered.scores(rows))
    assert all(torch.equal(untrained.state_dict()[name], before[name]) for name in before)
    with pytest.raises(UserError, match=r"load: .*net must accept a batch"):
        load(model, net=nn.Linear(3, 1))
    with pytest.raises(UserError, match=r"of the architecture.*size mismatch for 0\.weight"):
        load(model, net=build("convnet", shape, registered.head.outputs, seed=9))


def test_a_network_of_the_users_own_is_built_by_its_code_only_on_trust(model, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "nets_of_a_card.py").write_text(BUILDER)
    card = json.loads((model / "card.json").read_text())
    named = {"name": "nets_of_a_card:net", "folder": str(theirs)}
    registered = load(model)
    change(model / "card.json", model=card["model"] | named)

    with pytest.raises(UserError, match=r"'nets_of_a_card:net'.*net=.*trust_code=True") as refused:
        load(model)
    assert str(theirs) in str(refused.value)
    assert not (theirs / "ran").exists()
    assert load(model, net=registered.net).card["model"]["name"] == "nets_of_a_card:net"
    assert not (theirs / "ran").exists()

    try:
        trusted = load(model, trust_code=True)
    finally:
        sys.modules.pop("nets_of_a_card", None)
        sys.path[:] = [entry for entry in sys.path if entry != str(theirs)]
    assert (theirs / "ran").exists()
    assert str(trusted.net) == str(registered.net)


@pytest.mark.parametrize("shape", [["sh", "-c"], [3, 0, 8], [-1], [1.5]])
def test_a_card_with_no_shape_of_inputs_is_refused(model, shape):
    change(model / "card.json", input_shape=shape)

    with pytest.raises(UserError, match="input_shape must be sizes of 1 or more"):
        load(model)


@pytest.mark.parametrize("candidate", ["../../../mine", "/mine", "x"])
def test_an_export_writes_nothing_outside_of_its_folder(run, tmp_path, candidate):
    front = json.loads((run / "front.json").read_text())
    chosen = next(point for point in front["points"] if point["chosen"])
    weights = run / "candidates" / f"{chosen['candidate']}.safetensors"
    (run / "exports").mkdir()
    shutil.copyfile(weights, tmp_path / "mine.safetensors")  # candidates/../../mine
    chosen["candidate"] = candidate
    (run / "front.json").write_text(json.dumps(front))
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(ValueError, match="must be 16 hexadecimal digits"):
        export(run, "chosen")
    assert sorted(tmp_path.rglob("*")) == before
