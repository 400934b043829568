"""Procedural scenes with exact hidden truth: ray-traced solids and cut-outs, peeled into layers."""

from .compose import Layers, Surface, compose, full_surface
from .kinds import KINDS
from .scene import Scene, make_scene, scene_batches

__all__ = ["KINDS", "Layers", "Scene", "Surface", "compose", "full_surface", "make_scene", "scene_batches"]
