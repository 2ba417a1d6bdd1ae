"""FairFace from a generated folder in the official format, and from a real part of it."""

import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.trainables.data.sets.faces.made_fairface import make_fairface
from trainables.data.fair_data import FairData
from trainables.data.prepare import prepare
from trainables.data.sets.faces import fairface
from trainables.data.sets.faces.fairface import AGES, GENDERS, RACES


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return folder, make_fairface(folder, per_cell=(40, 10))


@pytest.fixture
def folder(made, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(
        made[0], tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("decoded")
    )
    return tmp_path


def load(folder, **settings) -> FairData:
    return fairface.load(**{"folder": folder, "side": 16, **settings})


def lightness(data, half):
    """(n,) mean of one half of each image, without the blurred middle."""
    columns = slice(1, 6) if half == "left" else slice(10, 15)
    return data.inputs[..., columns].astype(float).mean((1, 2, 3))


def names_of(data, attribute):
    return [data.attributes[attribute].names[i] for i in data.attributes[attribute].values]


def test_both_parts_are_pooled_with_the_labels_of_their_files(made):
    folder, everyone = made
    data = load(folder)

    assert len(data) == 7 * 2 * (40 + 10)
    assert data.classes == RACES
    assert data.attribute_values == {"gender": GENDERS, "race": RACES}
    assert names_of(data, "gender") == [gender for _, _, gender, _ in everyone]
    assert names_of(data, "race") == [race for *_, race in everyone]
    assert (data.labels == data.attributes["race"].values).all()
    assert data.augment
    assert not load(folder, augment=False).augment


def test_each_row_has_its_own_image(made):
    data = load(made[0])

    assert data.inputs.shape == (700, 3, 16, 16)
    assert data.inputs.dtype == np.uint8
    assert isinstance(data.inputs, np.memmap)
    assert np.abs(lightness(data, "left") - 30 * data.attributes["race"].values - 20).max() < 8
    assert np.abs(lightness(data, "right") - 200 * data.attributes["gender"].values - 20).max() < 8


@pytest.mark.parametrize("side", [8, 32, 64])
def test_images_have_the_side_that_is_asked_for(made, side):
    assert load(made[0], side=side).inputs.shape[1:] == (3, side, side)


def test_joint_classes_are_the_groups_of_the_crossing(made):
    folder, everyone = made
    data = load(folder, target="race*gender")

    assert len(data.classes) == 14
    assert data.classes[:3] == ("White*Female", "White*Male", "Black*Female")
    assert [data.classes[label] for label in data.labels] == [
        f"{race}*{gender}" for _, _, gender, race in everyone
    ]


@pytest.mark.parametrize("years", [3, 40, 70])
def test_an_age_divides_the_bands_where_one_begins(made, years):
    folder, everyone = made
    data = load(folder, target=f"age>={years}")
    old = [int(age.split("-")[0].removeprefix("more than ")) >= years for _, age, *_ in everyone]

    assert data.classes == (f"age<{years}", f"age>={years}")
    assert data.labels.tolist() == old


def test_gender_may_be_predicted_between_races(made):
    prepared = prepare(load(made[0], target="gender"), group="race", min_cell=1)

    assert prepared.classes == GENDERS
    assert prepared.group_names == RACES
    assert prepared.augment


def test_seventy_percent_train_and_a_tenth_each_is_debias_tune_and_test(made):
    prepared = prepare(load(made[0]), group="gender", min_cell=1)
    parts = {name: len(part) for name, part in prepared.parts.items()}
    tenth = len(load(made[0])) / 10

    assert abs(parts["train"] + parts["early_stop"] - 7 * tenth) <= 1
    assert abs(parts["debias"] + parts["held_back"] - tenth) <= 1
    assert abs(parts["tune"] - tenth) <= 1
    assert abs(parts["test"] - tenth) <= 1


def test_thinned_to_utkface_races_have_its_shares_and_asians_are_one(made):
    data = load(made[0], thin="utkface")
    counts = Counter(names_of(data, "race"))

    # White is the first to have no images left: 100 / .4578 = 218.4 images in all
    assert data.classes == ("White", "Black", "Asian", "Indian")
    assert data.attribute_values["race"] == data.classes
    assert counts["White"] == 100
    for race, images in {"Black": 4_526, "Asian": 3_434, "Indian": 3_975}.items():
        assert abs(counts[race] - 100 * images / 10_078) < 1
    light = lightness(data, "left")[np.array(names_of(data, "race")) == "Asian"]
    assert {round((value - 20) / 30) for value in light} == {3, 4}  # both are among them


def test_thinning_keeps_as_many_as_the_shares_allow_and_the_mix_of_genders(made):
    data = load(made[0], thin={"Indian": 1, "Black": 3})

    assert Counter(names_of(data, "race")) == {"Black": 100, "Indian": 33}  # 100 / 3 = 33.3
    assert data.classes == ("Indian", "Black")
    assert data.attributes["gender"].values.mean() == pytest.approx(0.5, abs=0.03)
    assert data.notes[1] == "fairface: 133 of 700 images are used"


def test_merged_races_may_have_a_share_without_utkfaces(made):
    counts = Counter(names_of(load(made[0], thin={"Asian": 0.5, "White": 0.5}), "race"))

    assert counts == {"Asian": 100, "White": 100}


def test_what_is_drawn_depends_on_the_split_seed_alone(made):
    first, again, other = (load(made[0], thin="utkface", split_seed=s) for s in (0, 0, 1))

    assert (first.inputs == again.inputs).all()
    assert not (first.inputs == other.inputs).all()


def test_fewer_images_keep_the_mix(made):
    data = load(made[0], images=350)
    cells = Counter(zip(names_of(data, "race"), names_of(data, "gender"), strict=True))

    assert len(data) == 350
    assert set(cells.values()) <= {24, 25, 26}
    assert len(load(made[0], images=5_000)) == 700


def test_every_task_reads_the_same_decoded_file(folder, monkeypatch):
    load(folder)
    monkeypatch.setattr(fairface.FaceImages, "_image", lambda *_, **__: pytest.fail("again"))
    for settings in ({"target": "gender"}, {"thin": "utkface"}, {"images": 100}):
        load(folder, **settings)

    assert len(list((folder / "fairface/decoded").iterdir())) == 1


def test_notes_say_what_is_not_the_whole_official_set(made):
    assert load(made[0]).notes == ("fairface: 700 of the 97,698 official images are here",)
    assert load(made[0], side=64).notes[1:] == (
        "fairface: images of 40 pixels a side are enlarged to 64",
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "rase"}, "unknown target 'rase'; did you mean 'race'"),
        ({"target": "age>=45"}, "unknown target 'age>=45'"),
        ({"side": 4}, "side must be at least 8, got 4"),
        ({"images": 10}, "images must be at least 100, got 10"),
        ({"thin": "utk"}, "unknown thin 'utk'"),
        ({"thin": {"Wite": 1.0, "Black": 1.0}}, "unknown race 'Wite'; did you mean 'White'"),
        ({"thin": {"White": 0.0, "Black": 1.0}}, "positive shares, got White = 0.0"),
        ({"thin": {"White": 1.0}}, "at least two races, .* got White"),
        ({"thin": {"Asian": 1.0, "East Asian": 1.0}}, "either 'Asian' or its parts"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(made, settings, message):
    with pytest.raises(ValueError, match=message):
        load(made[0], **settings)


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("fairface_label_train.csv", "needs the file .*fairface_label_train.csv, which is miss"),
        ("fairface_label_val.csv", "needs the file .*fairface_label_val.csv, which is missing"),
        ("train", "needs .*fairface/train, which is missing; put it there from https://"),
        ("val", "needs .*fairface/val, which is missing"),
        ("val/3.jpg", r"fairface must hold val/3\.jpg, got none"),
    ],
)
def test_a_missing_file_or_folder_is_named(folder, lost, message):
    path = folder / "fairface" / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(FileNotFoundError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Southeast Asian", "South Asian", r"race in .*train\.csv must be one of .*'South Asian'"),
        ("Female", "female", "gender in .* must be one of Female, Male, got 'female'"),
        ("10-19", "10-20", "age in .* must be one of 0-2, .* got '10-20'"),
        ("age,gender", "age,sex", "must have the columns file, age, gender, race, .* gender"),
        ("train/2.jpg", "../2.jpg", r"files in .* must lie in train/, got '\.\./2\.jpg'"),
        ("train/2.jpg", "val/2.jpg", "files in .* must lie in train/, got 'val/2.jpg'"),
        ("train/2.jpg", "train/1.jpg", "must list each image once, got 560 rows of 559 images"),
        ("train/2.jpg", "train/2.jpg,1,2,3", "must be a table of texts"),
    ],
)
def test_a_table_that_is_not_the_official_format_is_refused(folder, old, new, message):
    path = folder / "fairface/fairface_label_train.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        load(folder)


def test_a_race_without_images_has_no_share(folder):
    for part in ("train", "val"):
        path = folder / f"fairface/fairface_label_{part}.csv"
        path.write_text(path.read_text().replace(",Indian,", ",Black,"))
    with pytest.raises(ValueError, match="thin needs images of Indian, got none"):
        load(folder, thin="utkface")


def test_a_damaged_image_is_named_and_nothing_is_left_half(folder):
    whole = (folder / "fairface/train/9.jpg").read_bytes()
    (folder / "fairface/train/9.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"fairface: train/9\.jpg must be a whole image"):
        load(folder)

    assert list((folder / "fairface/decoded").iterdir()) == []


REAL = Path(os.environ.get("FAIRFRONT_DATA", "/nowhere")) / "fairface"


@pytest.mark.data
@pytest.mark.skipif(not REAL.is_dir(), reason="FAIRFRONT_DATA has no fairface folder")
def test_real_faces_are_loaded_as_their_files_say():
    data = fairface.load(side=32, target="race*gender", folder=REAL.parent)
    lines = [
        line.split(",")
        for part in ("train", "val")
        for line in (REAL / f"fairface_label_{part}.csv").read_text().splitlines()[1:]
    ]

    assert Counter(data.classes[label] for label in data.labels) == Counter(
        f"{race}*{gender}" for _, _, gender, race, _ in lines
    )
    assert set(AGES) == {age for _, age, *_ in lines}
    for row in (0, len(lines) // 2, len(lines) - 1):
        with Image.open(REAL / lines[row][0]) as image:
            small = np.asarray(image.convert("RGB").resize((32, 32), Image.Resampling.BOX))
        shown = data.inputs[row].transpose(1, 2, 0)
        assert np.abs(shown.astype(float) - small).mean() < 6  # another filter, the same face
