"""Reasons are told as long as the choice that they were written for stands."""

import msgspec
import pytest

from balancekit import Labels, Plan, analyze, recommend
from balancekit.plan import Focal, LogitAdjusted, Reason, Uniform
from balancekit.plan.held_reasons import held_reasons

PLAN = recommend(analyze(Labels.from_names("a" * 900 + "b" * 30)))
OWN = Reason(part="loss", because="as ever", source="me", instead="none")


def parts_of(plan):
    return {reason.part for reason in held_reasons(plan)}


def test_a_recommended_plan_has_all_its_reasons_and_each_names_its_choice():
    assert held_reasons(PLAN) == PLAN.reasons
    named = {reason.part: reason.choice for reason in PLAN.reasons}
    assert named["loss"] == "logit-adjusted"
    assert named["sampling"] == "natural"
    assert named["metrics"] == PLAN.objective
    assert all(named.values())


CHANGED = {
    "another loss": ({"loss": Focal()}, {"loss"}),
    "the same loss with another number": ({"loss": LogitAdjusted(tau=0.5)}, set()),
    "other draws": ({"sampling": Uniform()}, {"sampling"}),
    "another objective": ({"objective": "accuracy"}, {"metrics"}),
    "another batch size": ({"batch_size": 7}, {"batch_size"}),
    "a reason of one's own": ({"loss": Focal(), "reasons": (OWN,)}, None),
}


@pytest.mark.parametrize(("changes", "lost"), CHANGED.values(), ids=CHANGED.keys())
def test_a_reason_of_another_choice_is_told_no_more(changes, lost):
    plan = msgspec.structs.replace(PLAN, **changes)
    if lost is None:
        assert held_reasons(plan) == plan.reasons
        return
    assert parts_of(PLAN) - parts_of(plan) == lost


def test_a_file_has_no_reason_for_a_loss_that_was_replaced(tmp_path):
    plan = recommend(analyze(Labels.from_names("a" * 900 + "b" * 30)), objective="accuracy")
    file = tmp_path / "plan.toml"
    msgspec.structs.replace(plan, loss=Focal()).save(file)
    assert {reason.part for reason in Plan.load(file).reasons} == parts_of(plan) - {"loss"}
    file.write_text(plan.to_toml().replace('kind = "cross-entropy"', 'kind = "focal"'))
    by_hand = Plan.load(file)
    assert by_hand.loss == Focal()
    assert parts_of(by_hand) == parts_of(plan) - {"loss"}
