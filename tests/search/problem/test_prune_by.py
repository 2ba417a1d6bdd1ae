"""[prune_by], from the file to what workers and the journal are told."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.models import resnet18

from search.config.config import Config
from search.engine.machines import supplies_of
from search.errors import UserError
from search.problem.problem import open_problem
from search.runs.folder import RunFolder
from tests.trainables.data.test_prepare import people
from trainables.trial.workbench import Workbench

ADULT = {"name": "adult", "group": "sex"}  # stands for the data handed over from Python
DIGITS = {"name": "digits", "group": "domain"}
DIGITS_NET = {"name": "convnet"}


def experiment(prune_by=None, *, data=ADULT, model=None, folder=None):
    given = {"prune_by": prune_by, "model": model, "folder": folder and str(folder)}
    return Config.model_validate(
        {
            "name": "by",
            "data": data,
            "objective": {"bias": "accuracy_std", "performance": "accuracy"},
            **{key: value for key, value in given.items() if value},
        }
    )


def bench_of(problem, net):
    return Workbench.open(problem.prepared, net, problem.objective, device="cpu")


def with_groups(config, data=None):
    """The problem with its groups to prune by, and an untrained net in the dense one's place."""
    problem = open_problem(config, data)
    net = problem.untrained()
    return problem.with_pruning_groups(bench_of(problem, net)), net


def test_workers_read_other_groups_than_networks_are_judged_by(tmp_path):
    problem, net = with_groups(experiment({"group": "race"}), people())
    bench = supplies_of(problem, net, tmp_path).open()

    assert bench.prepared.group_names == ("Female", "Male")
    assert bench.data.pruning_group_names == ("Black", "Rare", "White")
    expected = people().attributes["race"].values[bench.prepared.parts["train"].rows]
    assert bench.data.pruning_groups["train"].tolist() == expected.tolist()
    assert bench.data.part("train").groups.max() == 1  # what the judge sees is as it was


def test_without_the_table_nothing_is_sent_and_the_experiments_own_groups_are_read(tmp_path):
    problem, net = with_groups(experiment(), people())
    supplies = supplies_of(problem, net, tmp_path)

    assert problem.pruning is supplies.pruning is None
    assert supplies.open().data.pruning_group_names == ("Female", "Male")
    assert "prune_by" not in problem.with_reference(0.5).facts()


def test_clusters_are_of_what_the_dense_net_sees_and_differ_between_nets():
    problem, net = with_groups(experiment({"group": "clusters:3"}), people())
    another = replace(problem, config=problem.config.model_copy(update={"seed": 7})).untrained()
    other = problem.with_pruning_groups(bench_of(problem, another))

    assert len(problem.pruning.names) in (2, 3)
    assert len(problem.pruning.groups["train"]) == len(problem.prepared.parts["train"])
    assert (
        problem.pruning.digest
        == problem.with_pruning_groups(bench_of(problem, net)).pruning.digest
    )
    assert problem.pruning.digest != other.pruning.digest


def test_the_journal_has_source_names_rows_and_agreement_of_the_groups():
    problem, _ = with_groups(experiment({"group": "clusters:3"}), people())
    facts = problem.with_reference(0.5).facts()
    told = json.loads(json.dumps(facts["prune_by"]))
    train = problem.prepared.parts["train"]

    assert told["group"] == "clusters:3"
    assert told["network"] is None
    assert told["names"] == list(problem.pruning.names)
    assert sum(told["rows"]) == len(train)
    assert set(told["agreement"]) == {"sex", "race"}
    sexes = people().attributes["sex"].values[train.rows]
    first = sexes[problem.pruning.groups["train"] == 0]
    majority = max((first == 0).mean(), (first == 1).mean())
    assert told["agreement"]["sex"]["majority"][0] == pytest.approx(majority)
    notes = " ".join(facts["notes"])
    assert "pruned by clusters:3 of what the dense net sees; rows of train: cluster 1" in notes
    assert "agreement with race: adjusted Rand index" in notes


def test_a_small_group_is_told_to_count_while_pruning_unless_other_groups_are_asked_for():
    small = people(rare=0.02)
    by_race = {**ADULT, "group": "race", "min_cell": 80}
    notes = open_problem(experiment(data=by_race), small).notes()
    told = [note for note in notes if "where pruning goes by groups" in note]
    assert len(told) == 1
    assert "'Rare' (" in told[0]
    assert (
        told[0]
        in open_problem(experiment(data=by_race), small).with_reference(0.5).facts()["notes"]
    )

    asked = open_problem(experiment({"group": "sex"}, data=by_race), small).notes()
    assert not any("where pruning goes by groups" in note for note in asked)
    assert any(note.startswith("pruned by sex; rows of train: Female ") for note in asked)


@pytest.mark.parametrize(
    ("search", "space", "said"),
    [
        (["magnitude_retrain", "snip"], {}, True),
        (["magnitude_retrain", "fairgrape"], {}, False),
        (["fairgrape"], {"criterion": "taylor"}, True),
        (["fairgrape"], {"criterion": {"choices": ["taylor", "groups"]}}, False),
        (["snip"], {"minority_only": True}, False),
    ],
)
def test_groups_that_no_method_prunes_by_are_told_to_have_no_say(search, space, said):
    config = experiment({"group": "race"}).model_dump(mode="json", exclude_none=True)
    config["search"]["methods"] = search
    config["space"] = {search[-1]: {"pruner": space}}

    problem = open_problem(Config.model_validate(config), people())

    assert any("[prune_by] has no say" in note for note in problem.notes()) == said


def test_a_resumed_run_reads_the_stored_groups_and_no_others(tmp_path):
    problem, net = with_groups(experiment({"group": "clusters:3"}), people())
    problem = problem.with_reference(0.5)
    folder = RunFolder(tmp_path / "run")
    folder.create(problem.config, net, problem.prepared)
    folder.store_pruning_groups(problem.pruning)
    facts = {**problem.facts(), "event": "experiment"}

    assert folder.pruning_groups(facts).digest == problem.pruning.digest
    assert folder.pruning_groups({k: v for k, v in facts.items() if k != "prune_by"}) is None

    other, _ = with_groups(experiment({"group": "race"}), people())
    folder.store_pruning_groups(other.pruning)
    with pytest.raises(UserError, match="must hold the groups that the search began with"):
        folder.pruning_groups(facts)
    (tmp_path / "run" / "pruning_groups.npz").unlink()
    with pytest.raises(UserError, match="and is missing"):
        folder.pruning_groups(facts)


@pytest.fixture
def weights(tmp_path):
    """A file as torchvision gives it, of a network for a thousand classes."""
    torch.manual_seed(0)
    net = resnet18(num_classes=1000).eval()
    torch.save(net.state_dict(), tmp_path / "imagenet.pth")
    return net


def test_clusters_of_a_given_network_are_those_of_its_embeddings_of_resized_images(
    weights, tmp_path
):
    table = {
        "group": "clusters:2",
        "network": "imagenet.pth",
        "model": "resnet18",
        "image_size": 32,
    }
    config = experiment(
        {**table, "args": {"stem": "imagenet"}}, data=DIGITS, model=DIGITS_NET, folder=tmp_path
    )
    problem, net = with_groups(config)
    images = torch.from_numpy(problem.prepared.parts["train"].inputs[:40])
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    scaled = (images / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    large = torch.nn.functional.interpolate(scaled, (32, 32), mode="bilinear", antialias=True)
    weights.fc = torch.nn.Identity()
    with torch.no_grad():
        seen = weights(large).numpy()
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    groups = problem.pruning.groups["train"][:40]
    centres = np.stack([seen[groups == group].mean(0) for group in (0, 1)])
    nearest = ((seen[:, None] - centres) ** 2).sum(-1).argmin(1)

    assert (nearest == groups).mean() > 0.9  # centres of 40 rows stand for those of all
    assert "clusters:2 of what imagenet.pth sees" in problem.pruning_notes()[0]
    assert (
        problem.with_pruning_groups(bench_of(problem, net)).pruning.digest
        == problem.pruning.digest
    )


@pytest.mark.parametrize(
    ("prune_by", "message"),
    [
        ({"group": "clusters:1"}, "must have K of 2 or more"),
        ({"group": "clusters:x"}, "must have K of 2 or more"),
        ({"group": " "}, "must read like"),
        ({}, "group: must be given"),
        ({"group": "race", "network": "a.pth"}, 'network is for group "clusters:K"'),
        ({"group": "clusters:3", "image_size": 64}, "image_size must come with network"),
        ({"group": "clusters:3", "network": "a.bin"}, "must be a .safetensors, .pt or .pth"),
        ({"group": "clusters:3", "network": "a.pth", "model": "resnet43"}, "did you mean"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_file(prune_by, message, tmp_path):
    lines = [f"{key} = {json.dumps(value)}" for key, value in prune_by.items()]
    text = "\n".join(
        ['name = "by"', "[data]", 'name = "adult"', 'group = "sex"', "[prune_by]", *lines]
    )
    (tmp_path / "by.toml").write_text(text)

    with pytest.raises(UserError, match="prune_by") as told:
        Config.load(tmp_path / "by.toml")
    assert message in str(told.value)


@pytest.mark.parametrize(
    ("prune_by", "message"),
    [
        ({"group": "race**sex"}, r"\[prune_by\] group: must read like"),
        ({"group": "gender"}, r"\[prune_by\] group: unknown attribute 'gender'; known: race, sex"),
        (
            {"group": "race=Whit"},
            r"\[prune_by\] group: unknown value 'Whit'.*did you mean 'White'",
        ),
        ({"group": "clusters:2701"}, r"no more clusters than rows, got 2701 of 2700"),
        (
            {"group": "clusters:3", "network": "nowhere.pth", "model": "mlp"},
            r"\[prune_by\] network: must be an existing file, got .*nowhere.pth",
        ),
        (
            {"group": "clusters:3", "network": "a.pth", "model": "mlp", "image_size": 32},
            r"image_size is for images, got inputs of shape \(2,\)",
        ),
    ],
)
def test_what_the_data_or_files_lack_is_said_before_anything_starts(prune_by, message, tmp_path):
    with pytest.raises(UserError, match=message):
        open_problem(experiment(prune_by, folder=tmp_path), people())


def test_a_network_without_a_linear_layer_has_no_embeddings_to_cluster():
    def build(shape, outputs):
        return torch.nn.Sequential(
            torch.nn.Unflatten(1, (1, 2)), torch.nn.Conv1d(1, outputs, 2), torch.nn.Flatten()
        )

    with pytest.raises(
        UserError, match=r"\[prune_by\] features: the network must end in a Linear"
    ):
        open_problem(experiment({"group": "clusters:3"}), people(), build)


def test_the_file_written_to_a_run_says_the_same_again(tmp_path):
    config = experiment({"group": "clusters:3"})
    (tmp_path / "config.toml").write_text(config.to_toml())

    assert Config.load(tmp_path / "config.toml") == config
