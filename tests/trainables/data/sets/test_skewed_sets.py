"""Digits and CIFAR-10S: who is shown in which domain, and what is grey."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

from trainables.data.prepare import prepare
from trainables.data.sets import cifar10s, digits
from trainables.data.sets.folder import sha256
from trainables.data.sets.skew import COLOUR, GREY, skewed_domains, to_grey


def test_grey_is_what_pil_calls_l_in_all_channels():
    colour = np.random.default_rng(0).integers(0, 256, size=(5, 3, 4, 6), dtype=np.uint8)
    grey = to_grey(colour)

    for image, copy in zip(colour, grey, strict=True):
        expected = np.asarray(Image.fromarray(image.transpose(1, 2, 0)).convert("L"))
        assert (copy == expected).all()


@pytest.mark.parametrize(("skew", "minority"), [(0.8, 20), (0.95, 5), (0.99, 1), (1.0, 0)])
def test_each_class_has_its_share_in_the_majority_domain(skew, minority):
    labels = np.tile(np.arange(4), 100)
    domains = skewed_domains(labels, {1, 3}, skew, np.random.default_rng(0))

    for label, majority in enumerate([GREY, COLOUR, GREY, COLOUR]):
        assert (domains[labels == label] != majority).sum() == minority


@pytest.mark.parametrize("skew", [0.4, 1.1])
def test_a_skew_out_of_range_is_refused(skew):
    with pytest.raises(ValueError, match=rf"skew: must lie in \[0.5, 1\], got {skew}"):
        digits.load(skew=skew)


@pytest.mark.parametrize("target", ["digit", "odd"])
def test_odd_digits_are_trained_on_mostly_in_colour(target):
    data = digits.load(target=target)
    train = data.splits["train"]
    colour = data.attributes["domain"].values[train] == COLOUR
    odd = data.labels[train] % 2 == 1

    assert colour[odd].mean() == pytest.approx(0.97, abs=0.006)
    assert colour[~odd].mean() == pytest.approx(0.03, abs=0.006)


def test_every_digit_outside_of_train_is_there_in_both_domains():
    data = digits.load()
    assert data.units is not None

    assert len(np.unique(data.units)) == 1797
    for name in ("debias", "tune", "test"):
        rows = data.splits[name]
        first, second = rows[::2], rows[1::2]
        assert (data.units[first] == data.units[second]).all()
        assert (data.attributes["domain"].values[first] == GREY).all()
        assert (data.attributes["domain"].values[second] == COLOUR).all()
        assert (to_grey(data.inputs[second]) == data.inputs[first]).all()


def test_colour_copies_have_colour_and_grey_ones_have_none():
    data = digits.load()
    spread = data.inputs.max(axis=1).astype(int) - data.inputs.min(axis=1)
    largest = spread.reshape(len(data), -1).max(axis=1)
    colour = data.attributes["domain"].values == COLOUR

    assert (largest[~colour] == 0).all()
    assert (largest[colour] > 150).all()  # 255 where the ink is full


def test_digits_depend_on_the_split_seed_and_on_nothing_else():
    first, again, other = (digits.load(split_seed=seed) for seed in (0, 0, 1))

    assert (first.inputs == again.inputs).all()
    assert first.units.tolist() != other.units.tolist()


def test_both_targets_of_digits_test_on_the_same_images():
    digit, odd = digits.load(), digits.load(target="odd")

    assert (digit.units[digit.splits["test"]] == odd.units[odd.splits["test"]]).all()


def test_an_unknown_target_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="unknown target 'od'; did you mean 'odd'"):
        digits.load(target="od")


@pytest.fixture
def small_cifar(tmp_path, monkeypatch):
    """Batches of the official form with 20 training and 4 test images of each class."""
    (tmp_path / "cifar-10-batches-py").mkdir()
    generator = np.random.default_rng(0)
    checksums = {}
    for name in cifar10s.CHECKSUMS:
        per_class = 4
        batch = {
            b"data": generator.integers(0, 256, size=(10 * per_class, 3072), dtype=np.uint8),
            b"labels": list(range(10)) * per_class,
        }
        path = tmp_path / name
        path.write_bytes(pickle.dumps(batch, protocol=4))
        checksums[name] = sha256(path)
    monkeypatch.setattr(cifar10s, "CHECKSUMS", checksums)
    monkeypatch.setattr(cifar10s, "PER_CLASS", {"training": 20, "test": 4})
    return tmp_path


def test_cifar10s_has_the_published_colour_classes_and_both_copies_in_test(small_cifar):
    data = cifar10s.load(folder=small_cifar, skew=1.0)
    train = data.splits["train"]
    colour = data.attributes["domain"].values[train] == COLOUR
    in_colour = {data.classes[label] for label in data.labels[train][colour]}

    assert in_colour == {"automobile", "cat", "dog", "horse", "truck"}
    assert len(train) == 160
    assert {name: len(rows) for name, rows in data.splits.items() if name != "train"} == {
        "debias": 40,
        "tune": 40,
        "test": 80,
    }
    assert data.inputs.shape == (320, 3, 32, 32)
    assert data.augment
    assert np.bincount(data.units[data.splits["test"]])[-40:].tolist() == [2] * 40


def test_the_animal_target_is_skewed_by_animal(small_cifar):
    data = cifar10s.load(folder=small_cifar, skew=1.0, target="animal")
    train = data.splits["train"]

    assert data.classes == ("vehicle", "animal")
    assert (data.attributes["domain"].values[train] == data.labels[train]).all()
    assert data.labels[data.splits["test"]].mean() == pytest.approx(0.6)


def test_fewer_images_are_taken_class_by_class(small_cifar, monkeypatch):
    data = cifar10s.load(folder=small_cifar, images=100)
    images, first = np.unique(data.units, return_index=True)

    assert np.bincount(data.labels[first]).tolist() == [12] * 10  # 10 of 20, and 2 of 4
    assert (images >= 200).sum() == 20
    with pytest.raises(ValueError, match=r"images must lie in 100\.\.200, got 20"):
        cifar10s.load(folder=small_cifar, images=20)


def test_a_changed_batch_is_refused_before_it_is_read(small_cifar):
    path = small_cifar / "cifar-10-batches-py/data_batch_3"
    path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(ValueError, match=r"data_batch_3 must be the official file .* got"):
        cifar10s.load(folder=small_cifar)


def test_a_batch_with_other_objects_is_not_unpickled(small_cifar, monkeypatch):
    path = small_cifar / "cifar-10-batches-py/data_batch_1"
    path.write_bytes(pickle.dumps(pytest.approx, protocol=4))
    checksums = cifar10s.CHECKSUMS | {"cifar-10-batches-py/data_batch_1": sha256(path)}
    monkeypatch.setattr(cifar10s, "CHECKSUMS", checksums)

    with pytest.raises(ValueError, match="a batch must hold arrays only, got"):
        cifar10s.load(folder=small_cifar)


def test_wrong_class_counts_are_refused_with_both_numbers(small_cifar, monkeypatch):
    monkeypatch.setattr(cifar10s, "PER_CLASS", {"training": 20, "test": 5})

    with pytest.raises(
        ValueError, match=r"test images per class .* airplane: expected 5, found 4"
    ):
        cifar10s.load(folder=small_cifar)


def test_digits_of_the_binary_target_keep_the_default_cell_size():
    prepared = prepare(digits.load(target="odd"), group="domain")

    assert prepared.group_names == ("grey", "colour")
    assert prepared.classes == ("even", "odd")
    assert len(prepared.parts["held_back"]) == 162


def test_priors_are_those_of_the_unskewed_rows_not_of_the_made_up_train():
    prepared = prepare(digits.load(target="odd"), group="domain")
    train, tune = prepared.parts["train"], prepared.parts["tune"]

    skewed = np.mean(train.labels[train.groups == 0])
    natural = np.mean(tune.labels[tune.groups == 0])
    assert skewed < 0.1 < natural
    assert prepared.priors[0, 1] / prepared.priors[0].sum() == pytest.approx(natural)
    assert prepared.priors.sum() == pytest.approx(1.0)
    assert prepared.crossing_priors == pytest.approx(prepared.priors)  # domain is all there is
