"""Models for those who bring none: small, quickly trained, one for each kind of samples."""

from balancekit.models.default import ScaledModel, default_model, model_for
from balancekit.models.pictures import PictureModel
from balancekit.models.settings import Settings, recommended_settings
from balancekit.models.tables import TableModel
from balancekit.models.texts import NGramModel

__all__ = [
    "NGramModel",
    "PictureModel",
    "ScaledModel",
    "Settings",
    "TableModel",
    "default_model",
    "model_for",
    "recommended_settings",
]
