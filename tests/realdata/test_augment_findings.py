"""Blur and noise that are put on real pictures are told from the pictures as they are."""

import cv2
import numpy as np
import pytest
from PIL import Image

from balancekit import read
from balancekit.augment.findings import area_shares_of, measure_pictures, tiny_object_findings
from balancekit.augment.findings.blur_and_noise import blur_sigma_px, noise_std_share, plane_of

SETS = {"magnetic_tile": 40, "coco128_train": 40, "bccd_voc": 40}


def some_pictures(folder, n):
    paths = sorted(path for path in folder.rglob("*.jpg") if path.is_file())
    chosen = np.random.default_rng(0).choice(len(paths), n, replace=False)
    return [np.asarray(Image.open(paths[i]).convert("RGB")) for i in sorted(chosen)]


@pytest.fixture(scope="module", params=SETS)
def pictures(request, data_root):
    return some_pictures(data_root / request.param, SETS[request.param])


def blurred(image, sigma_px):
    return cv2.GaussianBlur(image, (0, 0), sigma_px)


def noisy(image, std, seed=0):
    noise = std * np.random.default_rng(seed).standard_normal(image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)


def noise_of(image):
    return noise_std_share(plane_of(image))


def blur_of(image):
    plane = plane_of(image)
    return blur_sigma_px(plane, noise_std_share(plane))


def auc(measure, without, with_it):
    """Share of all pairs in which the measure is higher with it."""
    low, high = ([measure(image) for image in images] for images in (without, with_it))
    differences = np.subtract.outer(high, low)
    return float(np.mean(differences > 0) + np.mean(differences == 0) / 2)


# What facts/augmentation.md reports for the variance of the Laplacian begins at .87.
def test_blur_is_told(pictures):
    assert auc(blur_of, pictures, [blurred(image, 2) for image in pictures]) > 0.95


def test_blur_is_told_on_noisy_pictures_where_the_plain_laplacian_fails(pictures):
    plain = [noisy(image, 10) for image in pictures]
    both = [noisy(blurred(image, 2), 10) for image in pictures]
    assert auc(blur_of, plain, both) > 0.95
    # Against clean pictures noise hides the blur from the plain measure.
    naive = auc(lambda image: -cv2.Laplacian(image, cv2.CV_32F).var(), pictures, both)
    assert auc(blur_of, pictures, both) > max(0.95, naive)
    assert naive < 0.6


def test_noise_is_told_and_read_in_its_own_unit(pictures):
    spoilt = [noisy(image, 10) for image in pictures]
    # Grass and leaves read as noise, so it is not told from all photographs.
    assert auc(noise_of, pictures, spoilt) > 0.92
    # Texture and noise of the camera come on top of the 10.
    assert 9.5 < 255 * np.median([noise_of(image) for image in spoilt]) < 12


def test_findings_follow_what_was_done_to_the_pictures(pictures):
    softened = measure_pictures([blurred(image, 2.5) for image in pictures])
    grainy = measure_pictures([noisy(image, 12) for image in pictures])
    assert softened.share_blurred > 0.9 > 0.1 > softened.share_noisy
    assert grainy.share_noisy > 0.9
    assert softened.bad == grainy.bad == ()


def test_photographs_of_coco_are_sharp(data_root):
    found = measure_pictures(some_pictures(data_root / "coco128_train", 40))
    assert found.share_blurred < 0.1
    # Grass and leaves read as noise, which must not become a verdict on the whole set.
    assert {finding.verdict for finding in found.findings()} <= {"cautious"}


def test_bad_files_are_told_and_none_ends_the_run(data_root):
    folder = data_root / "broken_pillow"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = measure_pictures(files)
    assert len(found.indices) + len(found.bad) == len(files)
    assert len(found.bad) >= len([path for path in files if path.suffix in (".json", "")])


def test_cells_are_no_tiny_objects(data_root):
    labels = read(data_root / "bccd_voc")
    assert tiny_object_findings(area_shares_of(labels, [640, 480]), labels) == ()
