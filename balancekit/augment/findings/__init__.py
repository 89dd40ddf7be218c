"""What the data themselves say against operations: their pictures, objects and names."""

from balancekit.augment.findings.objects import area_shares_of, tiny_object_findings
from balancekit.augment.findings.pictures import PictureFindings, findings_in, measure_pictures
from balancekit.augment.findings.sides import left_right_pairs
from balancekit.plan.choices import Finding

__all__ = [
    "Finding",
    "PictureFindings",
    "area_shares_of",
    "findings_in",
    "left_right_pairs",
    "measure_pictures",
    "tiny_object_findings",
]
