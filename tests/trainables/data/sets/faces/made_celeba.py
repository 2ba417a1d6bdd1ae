"""A folder in CelebA's official format with a few generated faces."""

import zipfile

import numpy as np
from PIL import Image

NAMES = ("Male", "Smiling", "Young")


def make_celeba(folder, *, training=300, validation=20, test=60, size=(178, 218), seed=0):
    """Young ones are bright at the top, male ones at the left; skin scores of every third are
    unclear. The JPEG files, the two text files and the scores lie in `folder`/celeba."""
    draw = np.random.default_rng(seed)
    place = folder / "celeba"
    images = place / "img_align_celeba"
    images.mkdir(parents=True)
    parts = np.repeat([0, 1, 2], [training, validation, test])
    values = draw.integers(0, 2, size=(len(parts), len(NAMES)))
    attributes = [str(len(parts)), " ".join(NAMES) + " "]
    partition = []
    for index, (part, row) in enumerate(zip(parts, values, strict=True)):
        name = f"{index + 1:06}.jpg"
        attributes.append(name + "".join(f" {2 * value - 1:2}" for value in row))
        partition.append(f"{name} {part}")
        _face(row, size, draw).save(images / name)
    (place / "list_attr_celeba.txt").write_text("\n".join(attributes) + "\n")
    (place / "list_eval_partition.txt").write_text("\n".join(partition) + "\n")
    dark = np.where(np.arange(len(parts)) % 3 == 0, 0.6, draw.choice([0.1, 0.9], len(parts)))
    np.save(place / "fitz_dark.npy", dark)
    np.save(place / "fitz_light.npy", 1 - dark)
    return values, dark


def _face(row, size, draw):
    male, _, young = row
    width, height = size
    pixels = draw.integers(60, 100, size=(height, width, 3))
    pixels[: height // 2] += 100 * young
    pixels[:, : width // 2] += 50 * male
    return Image.fromarray(pixels.astype(np.uint8))


def zip_images(folder):
    """The archive in place of the folder of images."""
    images = folder / "celeba" / "img_align_celeba"
    with zipfile.ZipFile(images.with_suffix(".zip"), "w") as archive:
        for image in sorted(images.iterdir()):
            archive.write(image, f"img_align_celeba/{image.name}")
            image.unlink()
    images.rmdir()
