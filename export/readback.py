"""What is read back from an exported file's own bytes, whatever its format."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class FoundScales:
    """The int8 scales that a file holds for one network, under the recipe's names.

    Attributes:
        activations: tensor → (scale, zero point).
        weights: layer → one scale per output channel (zero points are 0).
    """

    activations: dict[str, tuple[float, int]] = field(default_factory=dict)
    weights: dict[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class OperationPrecision:
    """What one operation of a file is computed in, by the types of its tensors.

    Attributes:
        kind: as the format calls it ("Conv", "CONV_2D").
        name: of the operation or its first result, as the file has it.
        precision: "int8", "float32", "float16"; "hybrid" where float activations meet int8 weights.
    """

    kind: str
    name: str
    precision: str
