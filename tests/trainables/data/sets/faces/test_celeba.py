"""CelebA from a generated folder in the official format."""

import shutil

import numpy as np
import pytest
from PIL import Image

from tests.trainables.data.sets.faces.made_celeba import make_celeba, zip_images
from trainables.data.fair_data import FairData
from trainables.data.mapped import PackedData
from trainables.data.prepare import prepare
from trainables.data.sets.faces import celeba
from trainables.data.sets.faces.images import FaceImages


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return folder, *make_celeba(folder)


@pytest.fixture
def folder(made, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(
        made[0], tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("decoded")
    )
    return tmp_path


def load(folder, **settings) -> FairData:
    return celeba.load(**{"folder": folder, "official": False, "size": 16, **settings})


def test_labels_groups_and_parts_are_those_of_the_text_files(made):
    folder, values, _ = made
    data = load(folder, groups=["Male", "Smiling"])

    used = np.r_[0:300, 320:380]  # the validation part is not used
    assert data.classes == ("not Young", "Young")
    assert (data.labels == values[used, 2]).all()
    assert data.attribute_values == {
        "Male": ("Female", "Male"),
        "Smiling": ("not Smiling", "Smiling"),
    }
    assert (data.attributes["Male"].values == values[used, 0]).all()
    assert data.splits["test"].tolist() == list(range(300, 360))
    assert data.notes == ("celeba: 300 of 300 training and 60 of 60 test images are used",)


def test_an_image_is_its_middle_square_made_smaller(made):
    data = load(made[0])
    top, bottom = data.inputs[:, :, :6].mean((1, 2, 3)), data.inputs[:, :, 10:].mean((1, 2, 3))
    left, right = data.inputs[..., :6].mean((1, 2, 3)), data.inputs[..., 10:].mean((1, 2, 3))

    assert data.inputs.shape == (360, 3, 16, 16)
    assert data.inputs.dtype == np.uint8
    assert ((top - bottom > 50) == (data.labels == 1)).all()
    assert ((left - right > 25) == (data.attributes["Male"].values == 1)).all()


def test_the_square_is_cut_from_the_middle_and_not_squeezed(folder):
    pixels = np.zeros((218, 178, 3), dtype=np.uint8)
    pixels[20:198] = 200  # exactly the middle square
    Image.fromarray(pixels).save(folder / "celeba/img_align_celeba/000001.jpg", quality=100)

    assert load(folder).inputs[0].min() > 150


def test_decoded_images_are_mapped_from_a_file_and_decoded_once(folder, monkeypatch):
    first = load(folder)
    monkeypatch.setattr(FaceImages, "_image", lambda *_, **__: pytest.fail("decoded again"))
    second = load(folder)
    files = list((folder / "celeba/decoded").iterdir())

    assert isinstance(second.inputs, np.memmap)
    assert (first.inputs == second.inputs).all()
    assert [file.suffix for file in files] == [".npy"]


def test_an_interrupted_decoding_leaves_nothing_behind(folder):
    (folder / "celeba/img_align_celeba/000007.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"000007\.jpg must be a whole image"):
        load(folder)

    assert not list((folder / "celeba/decoded").glob("*.partial*"))


def test_where_nothing_can_be_written_images_are_mapped_from_the_users_cache(folder, monkeypatch):
    monkeypatch.setenv("FAIRFRONT_CACHE", str(folder / "cache"))
    (folder / "celeba").chmod(0o555)
    data = load(folder)
    (folder / "celeba").chmod(0o755)

    assert isinstance(data.inputs, np.memmap)
    assert not (folder / "celeba/decoded").exists()
    assert len(list((folder / "cache/celeba/decoded").iterdir())) == 1
    assert (data.inputs == load(folder).inputs).all()


def test_the_archive_gives_the_same_as_the_folder(folder):
    unpacked = load(folder)
    zip_images(folder)

    assert (load(folder).inputs == unpacked.inputs).all()


def test_fewer_images_are_drawn_by_the_split_seed(made):
    one, again, other = (
        load(made[0], images=100, test_images=30, split_seed=seed) for seed in (0, 0, 1)
    )

    assert len(one) == 130
    assert len(one.splits["test"]) == 30
    assert (one.inputs == again.inputs).all()
    assert not (one.inputs == other.inputs).all()


def test_groups_by_skin_tone_leave_out_unclear_images(made):
    folder, _, dark = made
    data = load(folder, skin=True)
    used = np.r_[0:300, 320:380]
    clear = used[dark[used] != 0.6]

    assert data.attribute_values["skin"] == ("dark", "light")
    assert (data.attributes["skin"].values == (dark[clear] < 0.5)).all()
    assert data.notes[1] == "celeba: 127 of 380 images have no clear skin tone"


def test_sixty_percent_of_the_training_part_train_the_network(made):
    prepared = prepare(load(made[0]), group="Male", min_cell=1)
    rows = {name: len(part) for name, part in prepared.parts.items()}

    assert rows["train"] + rows["early_stop"] == 180
    assert rows["tune"] == rows["test"] == 60
    assert prepared.group_names == ("Female", "Male")
    assert prepared.augment


def test_prepared_images_travel_in_files(made, tmp_path):
    prepared = prepare(load(made[0]), group="Male", min_cell=1)
    opened = PackedData.pack(prepared, tmp_path / "packed", above=0).open()

    assert isinstance(opened.parts["train"].inputs, np.memmap)
    assert (opened.parts["train"].inputs == prepared.parts["train"].inputs).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target": "Yong"}, "unknown target 'Yong'; did you mean 'Young'"),
        ({"groups": ["male"]}, "unknown group 'male'; did you mean 'Male'"),
        ({"groups": "Male"}, "groups must be a list of attributes, got 'Male'"),
        ({"groups": ["Young"]}, "target must not be one of the groups, got 'Young'"),
        ({"size": 4}, "size must be at least 8, got 4"),
        ({"images": 10}, "images must be at least 100, got 10"),
        ({"test_images": 0}, "test_images must be at least 1, got 0"),
        ({"official": True}, "images of each part .* training: expected 162770, found 300"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(made, settings, message):
    with pytest.raises(ValueError, match=message):
        load(made[0], **settings)


def test_the_official_number_of_columns_is_checked(made, monkeypatch):
    monkeypatch.setattr(celeba, "PARTS", {"training": 300, "validation": 20, "test": 60})
    with pytest.raises(ValueError, match="attributes: expected 40, found 3"):
        load(made[0], official=True)


def test_official_images_have_the_official_size(folder, monkeypatch):
    monkeypatch.setattr(celeba, "PARTS", {"training": 300, "validation": 20, "test": 60})
    monkeypatch.setattr(celeba, "N_ATTRIBUTES", 3)
    assert len(load(folder, official=True)) == 360
    Image.new("RGB", (178, 200)).save(folder / "celeba/img_align_celeba/000002.jpg")
    with pytest.raises(ValueError, match=r"000002\.jpg must have 178 x 218 .* got 178 x 200"):
        load(folder, official=True)


@pytest.mark.parametrize(
    ("lost", "skin", "message"),
    [
        ("list_attr_celeba.txt", False, "needs the file .*list_attr_celeba.txt, which is missing"),
        ("list_eval_partition.txt", False, "needs the file .*list_eval_partition.txt, which is"),
        ("fitz_light.npy", True, "needs the file .*fitz_light.npy, which is missing"),
        (
            "img_align_celeba",
            False,
            "needs .*img_align_celeba or .*img_align_celeba.zip, which is",
        ),
        ("img_align_celeba/000003.jpg", False, "img_align_celeba must hold 000003.jpg, got none"),
    ],
)
def test_a_missing_file_says_which_where_and_from_where(folder, lost, skin, message):
    path = folder / "celeba" / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(FileNotFoundError, match=message) as raised:
        load(folder, skin=skin)

    assert "data get celeba" not in str(raised.value)
    assert lost.endswith("jpg") or "put " in str(raised.value)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("list_attr_celeba.txt", lambda text: text[4:], "must begin with the number of images"),
        ("list_attr_celeba.txt", lambda text: text[:-20], "must hold 1 or -1 for each"),
        ("list_attr_celeba.txt", lambda text: text.replace(" -1", "  0"), "must hold 1 or -1"),
        ("list_eval_partition.txt", lambda text: text[:-20], "must list the same images"),
    ],
)
def test_a_damaged_text_file_is_refused(folder, file, change, message):
    path = folder / "celeba" / file
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=message):
        load(folder)


@pytest.mark.parametrize("scores", [np.zeros(7), np.full(380, 1.5), np.full(380, np.nan)])
def test_wrong_skin_scores_are_refused(folder, scores):
    np.save(folder / "celeba/fitz_dark.npy", scores)
    with pytest.raises(ValueError, match=r"fitz_dark\.npy must hold a score in .* of 380 images"):
        load(folder, skin=True)
