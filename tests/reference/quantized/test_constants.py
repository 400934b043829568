import torch
from ldikit.reference.quantized.points import find_points
from ldikit.reference.quantized.trace import trace
from torch import nn


class Placed(nn.Module):
    """Two layers on a fixed plane, one on the photo, one on the sum of both."""

    rows: torch.Tensor

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.register_buffer("rows", torch.linspace(-1, 1, 32).view(1, 1, -1, 1).repeat(1, 2, 1, 32))
        self.enter, self.place, self.more = nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)
        self.head = nn.Conv2d(2, 1, 1)
        self.in_place = in_place

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        rows = self.rows.clone().mul_(0.5) if self.in_place else self.rows * 0.5
        result: torch.Tensor = self.head(self.enter(photo) + self.more(torch.relu(self.place(rows))))
        return result


def test_what_no_photo_changes_is_a_constant() -> None:
    network = Placed(in_place=False).eval()
    graph = trace(network, "depth", 32, 32)
    photo = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(graph(photo), network(photo), rtol=0, atol=1e-6)
    points = find_points(graph)
    assert (list(points.layers.values()), list(points.float_layers)) == (["enter"], ["head"])
    assert {name.split(".")[0] for name, _ in graph.named_parameters()} == {"enter", "head"}


def test_what_is_changed_in_place_is_left_alone() -> None:
    network = Placed(in_place=True).eval()
    photo, graph = torch.rand(1, 3, 32, 32), trace(network, "depth", 32, 32)
    with torch.no_grad():
        for _ in range(2):
            torch.testing.assert_close(graph(photo), network(photo), rtol=0, atol=1e-6)
    assert {name.split(".")[0] for name, _ in graph.named_parameters()} >= {"place", "more"}
