"""Plans of real data: each task gets one that holds, its alternatives, and code that runs."""

import numpy as np
import pytest

from balancekit import Plan, analyze, read
from balancekit.cli import run
from balancekit.cli.plan_code import part_lines, weight_lines, whole_lines
from balancekit.plan import LOSSES_OF_TASK
from balancekit.recommender import alternatives

SETS = {
    "keel/abalone19.dat": ({}, "long tail"),
    "keel/iris0.dat": ({}, "mild imbalance"),
    "text_names": ({}, "long tail"),
    "hf_clinc_oos_imbalanced": ({}, "mild imbalance"),
    "magnetic_tile": ({}, "long tail of pictures"),
    "mulan/yeast": ({}, "several labels"),
    "voc2012_lt_multilabel/voc_mlt_1142.csv": ({}, "several labels"),
    "bccd_voc": ({}, "boxes"),
    "coco128_train/object_detection": ({}, "boxes"),
    "camvid": ({}, "tiny foreground"),
    "keypoints_mmpose/coco": ({"split": "test_coco"}, "keypoints"),
    "regression_agedb/agedb.csv": ({}, "rare targets of pictures"),
}


@pytest.mark.parametrize(("name", "case"), SETS.items(), ids=list(SETS))
def test_real_data_get_a_plan_and_alternatives_that_hold(name, case, data_root, tmp_path, capsys):
    options, rule = case
    path, target = data_root / name, tmp_path / "plan.toml"
    split = [] if "split" not in options else ["--split", options["split"]]
    assert run(["recommend", str(path), "--explain", *split, "-o", str(target)]) == 0
    assert f"● Rule: {rule}." in capsys.readouterr().out
    plan = Plan.load(target)
    assert plan.data.read_by == options
    assert isinstance(plan.loss, LOSSES_OF_TASK[plan.data.task])
    assert np.isfinite(plan.class_weights()).all()
    for candidate in alternatives(analyze(str(path), **options)).values():
        candidate.check()
    code = whole_lines([*part_lines(plan), *weight_lines(plan)], str(target), None)
    labels = read(str(path), **options)
    n_classes = len(plan.data.class_names)
    names = {"labels": labels, "logits": np.zeros((2, n_classes), np.float32)}
    exec("\n".join(code).replace("logits = logits + ", "shift = "), names)
    assert "criterion" in names
