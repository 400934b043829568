"""Novel views: the camera and the renderer."""

from .camera import Camera, circle_path, parity_cameras
from .fill import fill_holes
from .renderer import View, render

__all__ = ["Camera", "View", "circle_path", "fill_holes", "parity_cameras", "render"]
