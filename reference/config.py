"""The settings of a pipeline: frozen dataclasses, one comment over every field."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class LayeringConfig:
    """How the scene is torn into layers (DESIGN §2)."""

    # Largest parallax that the camera will make, as a fraction of the long side of the program's size.
    max_parallax: float = 0.05
    # A gap of one slope s is a hidden strip of half a pixel at full parallax; half of it starts to count.
    occupancy_start: float = 0.5
    # From there occupancy ramps from 0 to 1 while the gap to the layer in front grows by this many s.
    occupancy_ramp: float = 1.5
    # Layer 0 fades where its slope on both sides is between these many s (see `visibility`).
    visibility_start: float = 2.0
    visibility_end: float = 6.0
    # Pixels this close to a tear mix both surfaces in the photo: they are not context.
    edge_margin_px: int = 1


@dataclass(frozen=True)
class PipelineConfig:
    """A whole photo → LDI pipeline."""

    # Names in the registries of depth and inpainting networks, or paths of their weights.
    depth: str = "pocket"
    inpaint: str = "pocket"
    # Layers of the LDI: the visible one and the hidden ones.
    layers: int = 3
    layering: LayeringConfig = field(default_factory=LayeringConfig)

    @property
    def name(self) -> str:
        """The pipeline's name: `pocket`, or `DEPTH+INPAINT`."""
        return self.depth if self.depth == self.inpaint else f"{self.depth}+{self.inpaint}"
