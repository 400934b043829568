"""Novel views: the camera and the renderer."""

from .camera import Camera, circle_path, parity_cameras
from .renderer import View, render

__all__ = ["Camera", "View", "circle_path", "parity_cameras", "render"]
