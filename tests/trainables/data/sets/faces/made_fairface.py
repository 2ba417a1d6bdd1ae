"""A folder in FairFace's official format with a few generated faces."""

import numpy as np
from PIL import Image

from trainables.data.sets.faces.fairface import AGES, GENDERS, RACES


def make_fairface(folder, *, per_cell=(12, 4), side=40, seed=0):
    """`per_cell` images of each race and gender in train and val, ages in turn.

    A face's left half is as light as its race's place among the races, men have a light right
    half. So a test can read race and gender off an image. Returns the rows (file, age, gender,
    race) in the order of the files.
    """
    draw = np.random.default_rng(seed)
    place = folder / "fairface"
    everyone = []
    for part, count in zip(("train", "val"), per_cell, strict=True):
        (place / part).mkdir(parents=True)
        rows = [
            (list(AGES)[i % len(AGES)], gender, race)
            for race in RACES
            for gender in GENDERS
            for i in range(count)
        ]
        draw.shuffle(rows)
        lines = ["file,age,gender,race,service_test"]
        for number, (age, gender, race) in enumerate(rows, 1):
            name = f"{part}/{number}.jpg"
            lines.append(f"{name},{age},{gender},{race},{number % 2 == 0}")
            everyone.append((name, age, gender, race))
            _face(gender, race, side).save(place / name, quality=95)
        (place / f"fairface_label_{part}.csv").write_text("\n".join(lines) + "\n")
    return everyone


def _face(gender, race, side):
    pixels = np.zeros((side, side, 3), dtype=np.uint8)
    pixels[:, : side // 2] = 30 * RACES.index(race) + 20
    pixels[:, side // 2 :] = 200 * GENDERS.index(gender) + 20
    return Image.fromarray(pixels)
