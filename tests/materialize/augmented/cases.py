"""Small data sets of pictures, and the content of folders."""

import hashlib
import json
from pathlib import Path

import numpy as np
from PIL import Image

COUNTS = {"rare": 3, "some": 6, "many": 12}


def picture(seed, size=(24, 20)):
    """A picture that is like no other: soft shapes of its own."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def write_classes(folder: Path, counts=None, *, seed=0, suffix=".png"):
    """An image folder with so many pictures of each class."""
    for place, (name, count) in enumerate((counts or COUNTS).items()):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            image = picture([seed, place, number])
            image.save(folder / name / f"{number}{suffix}")
    return folder


def write_coco(folder: Path):
    """COCO with three rare squares among many circles, a box each."""
    (folder / "annotations").mkdir(parents=True)
    (folder / "images").mkdir()
    images, annotations = [], []
    for number in range(8):
        picture(number, (40, 30)).save(folder / "images" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 40, "height": 30})
        classes = [1, 1] if number < 6 else [1, 2]
        for place, category in enumerate(classes):
            annotations.append(
                {
                    "id": 10 * number + place,
                    "image_id": number,
                    "category_id": category,
                    "bbox": [4 + 16 * place, 6, 10, 12],
                    "area": 120,
                    "iscrowd": 0,
                }
            )
    told = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "circle"}, {"id": 2, "name": "square"}],
    }
    (folder / "annotations" / "instances_train.json").write_text(json.dumps(told))
    return folder


def write_voc(folder: Path, boxes):
    """Pascal VOC of one picture, with a cell in each of these boxes."""
    (folder / "Annotations").mkdir(parents=True)
    (folder / "JPEGImages").mkdir()
    picture(0, (40, 30)).save(folder / "JPEGImages" / "0.png")
    objects = "".join(
        f"<object><name>cell</name><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax>"
        f"<ymax>{y2}</ymax></bndbox></object>"
        for x1, y1, x2, y2 in boxes
    )
    told = f"<annotation><filename>0.png</filename>{objects}</annotation>"
    (folder / "Annotations" / "0.xml").write_text(told)
    return folder


def content_of(folder: Path) -> dict[str, str]:
    """A digest of each file by its place, hidden ones included."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
