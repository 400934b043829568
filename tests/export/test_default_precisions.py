"""What a build makes that names no precision: int8 where its recipe is at hand, and only there."""

from ldikit.export import recipes
from ldikit.reference.config import PipelineConfig


def test_the_pocket_networks_come_in_int8_too():
    assert recipes.default_precisions(PipelineConfig(), given=False) == ("fp32", "fp16", "int8")


def test_other_weights_are_not_calibrated_unasked(monkeypatch):
    monkeypatch.setattr(recipes, "current_weights", lambda config: {"depth": "0" * 64, "inpaint": "0" * 64})
    assert recipes.default_precisions(PipelineConfig(), given=False) == ("fp32", "fp16")
    assert recipes.default_precisions(PipelineConfig(), given=True) == ("fp32", "fp16", "int8")
