"""What the published networks are given of a gap, and what becomes of what they paint."""

import math

import numpy as np
import pytest
import torch
from ldikit.reference.config import LayeringConfig
from ldikit.reference.inpaint.framing import Border, reduction
from ldikit.reference.inpaint.shih import network as network_module
from ldikit.reference.inpaint.shih.edges import EdgePlane
from ldikit.reference.inpaint.shih.network import ShihInpaint, closed
from ldikit.reference.inpaint.shih.unet import color_unet, depth_unet
from ldikit.reference.layering.soft import Gap, SoftLayering
from ldikit.reference.pipeline import as_ldi
from ldikit.reference.program import PhotoToLDI
from ldikit.reference.quantized.points import find_points
from ldikit.reference.quantized.trace import trace
from torch import nn

H, W = 64, 96
NARROW = (4, 6, 8, 8, 8, 8, 8)


class Painter(nn.Module):
    """Keeps what it is given and paints one value everywhere."""

    def __init__(self, channels, value):
        super().__init__()
        self.channels, self.value = channels, value

    def forward(self, planes):
        self.planes = planes
        return planes.new_full((1, self.channels, *planes.shape[-2:]), self.value)


def a_gap(height=H, width=W):
    """Context left of column 40, a soft column, hole from 41 to 59, nothing known right of it."""
    source = torch.linspace(0.1, 0.5, height).view(1, 1, height, 1).expand(1, 1, height, width).clone()
    context, hole = torch.zeros(1, 1, height, width), torch.zeros(1, 1, height, width)
    context[..., :40], context[..., 40] = 1, 0.25
    hole[..., 41:60], hole[..., 40] = 1, 0.75
    return Gap(source + 0.1, source, hole, hole, context)


def test_one_recipe_names_the_tensors_of_every_size():
    # With a border, without, and with the colour on half the frame.
    sizes = (H, W), (128, 128), (768, 1024)
    tensors = []
    for height, width in sizes:
        network = ShihInpaint(height, width, depth_unet(NARROW), color_unet(NARROW)).eval()
        graph = trace(network, "inpaint", height, width)
        tensors.append(set(find_points(graph).activations.values()))
    assert tensors[0] == tensors[1] == tensors[2]
    assert {"cat", "cat.1"} <= tensors[0]


def test_depth_sees_the_far_side_as_log_depth_of_zero_mean():
    depth = Painter(1, 0.0)
    gap, color = a_gap(), torch.rand(1, 3, H, W)
    _, disparity = ShihInpaint(H, W, depth, Painter(3, 0.0))(color, gap)
    # Zeros around make 128 × 128 of 64 × 96.
    assert depth.planes.shape == (1, 4, 128, 128)
    assert depth.planes.sum() == depth.planes[..., 32:96, 16:112].sum()
    log_depth, edge, context, hole = depth.planes[0, :, 32:96, 16:112].numpy()
    far = gap.source[0, 0].numpy()
    weight = gap.context[0, 0].numpy()
    wanted = np.log(1 / (3 * far))
    mean = (wanted * weight).sum() / weight.sum()
    assert np.abs(log_depth - (wanted - mean) * weight).max() < 1e-5
    assert (edge == 0).all()
    assert np.array_equal(context, weight)
    assert np.array_equal(hole, gap.unknown[0, 0].numpy())
    # Log depth 0 about the mean is one depth everywhere: the geometric mean of the context's.
    assert np.allclose(disparity.numpy(), math.exp(-mean) / 3, atol=1e-6)


def test_what_is_painted_comes_back_as_disparity():
    gap = a_gap()
    flat = gap._replace(source=torch.full_like(gap.source, 0.2))
    for painted, wanted in ((0.0, 0.2), (math.log(2), 0.1), (-math.log(4), 0.8), (9.0, 1 / 60), (-9.0, 1.0)):
        _, disparity = ShihInpaint(H, W, Painter(1, painted), Painter(3, 0.0))(torch.rand(1, 3, H, W), flat)
        assert np.allclose(disparity.numpy(), wanted, atol=1e-6), painted


def test_farther_than_the_networks_know_stays_as_far():
    gap = a_gap()
    far = gap._replace(source=torch.full_like(gap.source, 0.004))
    _, disparity = ShihInpaint(H, W, Painter(1, 0.0), Painter(3, 0.0))(torch.rand(1, 3, H, W), far)
    assert np.allclose(disparity.numpy(), 0.004, atol=1e-6)


def test_without_any_context_the_result_is_finite():
    gap = a_gap()
    none = gap._replace(context=torch.zeros_like(gap.context), unknown=torch.zeros_like(gap.context))
    network = ShihInpaint(H, W, depth_unet(NARROW), color_unet(NARROW)).eval()
    for plane in network(torch.rand(1, 3, H, W), none):
        assert torch.isfinite(plane).all()


def test_color_sees_the_context_alone():
    painter = Painter(3, math.log(3))
    gap, color = a_gap(), torch.rand(1, 3, H, W)
    painted, _ = ShihInpaint(H, W, Painter(1, 0.0), painter)(color, gap)
    rgb, edge, context, hole = painter.planes[0, :, 32:96, 16:112].split([3, 1, 1, 1])
    assert torch.equal(rgb, color[0] * gap.context[0])
    assert (edge == 0).all()
    assert torch.equal(context, gap.context[0])
    assert torch.equal(hole, gap.unknown[0])
    # A logit of log 3 is three quarters.
    assert np.allclose(painted.numpy(), 0.75, atol=1e-6)


def test_a_frame_larger_than_in_training_is_painted_smaller(monkeypatch):
    # As 768 × 1024 is to 512 × 512.
    monkeypatch.setattr(network_module, "COLOR_SIDE", 64)
    height, width = 96, 128
    painter, gap = Painter(3, 0.0), a_gap(height, width)
    color = torch.rand(1, 3, height, width)
    network = ShihInpaint(height, width, Painter(1, 0.0), painter)
    painted, disparity = network(color, gap)
    assert painter.planes.shape == (1, 6, 128, 128)
    assert network.depth.planes.shape == (1, 4, 128, 128)
    rgb, _, context, hole = painter.planes[0, :, 40:88, 32:96].split([3, 1, 1, 1])
    # Columns 40 and 41 become one: none of it is context, all of it hole.
    assert context[0, 0, 19:22].tolist() == [1, 0, 0]
    assert hole[0, 0, 19:22].tolist() == [0, 1, 1]
    assert torch.allclose(rgb[:, 5, 19], color[0, :, 10:12, 38:40].mean((1, 2)))
    assert (rgb[..., 20:] == 0).all()
    assert painted.shape == color.shape and disparity.shape == (1, 1, height, width)


@pytest.mark.parametrize(
    ("height", "width", "side", "factor"),
    [(384, 512, 512, 1), (640, 640, 512, 1), (768, 1024, 512, 2), (2048, 2048, 512, 4), (64, 64, 512, 1)],
)
def test_reduction_is_the_nearest_power_of_two(height, width, side, factor):
    assert reduction(height, width, side) == factor


def test_border_is_put_around_and_taken_off():
    border, planes = Border(65, 96, 32), torch.rand(1, 2, 65, 96)
    larger = border.add(planes)
    assert larger.shape == (1, 2, 96, 96)
    assert torch.equal(larger[..., 15:80, :], planes)
    assert torch.equal(border.remove(larger), planes)
    assert Border(64, 96, 32).add(planes) is planes


def test_closing_fills_what_context_and_hole_enclose():
    context, hole, far = (torch.zeros(1, 1, 150, 150) for _ in range(3))
    context[..., 45:100, 45:50] = 1
    # Beside the context 40 pixels of nothing, then hole: a square of 41 does not fit between them.
    hole[..., 45:100, 90:100] = 1
    wanted = torch.zeros(1, 1, 150, 150)
    wanted[..., 45:100, 50:100] = 1
    assert torch.equal(closed(context, hole), wanted)
    # Of 41 it does; what is soft stays soft.
    far[..., 45:100, 91:100] = 0.5
    assert torch.equal(closed(context, far), far)


def narrow(seed, **more):
    torch.manual_seed(seed)
    network = ShihInpaint(H, W, depth_unet(NARROW), color_unet(NARROW), **more)
    # What fresh networks paint hardly differs from one scene to the next.
    for head in (network.depth.dec_1, network.color.dec_1A):
        nn.init.normal_(head.conv.input_conv.weight, 0, 2.0)
    return network


class Given(nn.Module):
    normalised = True

    def forward(self, photo):
        field = photo.new_full((1, 1, H, W), 0.1)
        field[..., 20:50, 30:60] = 0.8
        return field


@pytest.mark.parametrize("edges", [False, True])
def test_program_is_valid_and_nothing_of_the_foreground_bleeds_in(edges):
    network = narrow(3, edges=nn.Conv2d(7, 1, 3, padding=1)) if edges else narrow(3)
    program = PhotoToLDI(Given(), SoftLayering(LayeringConfig(), W), network, 2)
    program = program.eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(4)
    photo = torch.rand(1, 3, H, W, generator=generator)
    other = photo.clone()
    other[..., 19:51, 29:61] = torch.rand(1, 3, 32, 32, generator=generator)
    before, after = (as_ldi(program(p)) for p in (photo, other))
    assert before.violations(photo[0].numpy()) == []
    filled = before.occupancy[1, 0] == 1
    assert filled.sum() > 300
    assert before.color[1][:, filled].std() > 2e-3
    assert np.abs(before.color - after.color)[1][:, filled].max() < 1e-6
    assert np.abs(before.disparity - after.disparity)[1][:, filled].max() < 1e-6


class Logits(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, planes):
        self.planes = planes
        return torch.full_like(planes[:, :1], self.value)


@pytest.mark.parametrize(("probability", "edge"), [(0.0001, 0.0), (0.002, 0.5), (0.1, 1.0)])
def test_edges_are_steps_of_the_far_side_and_what_is_likely_in_the_hole(probability, edge):
    network = Logits(math.log(probability / (1 - probability)))
    context, hole = torch.zeros(1, 1, 8, 12), torch.zeros(1, 1, 8, 12)
    context[..., :6], hole[..., 6:] = 1, 1
    disparity = torch.full((1, 1, 8, 12), 0.2)
    disparity[..., 3:] = 0.4
    disparity[..., 5:] = 0.405
    plane = EdgePlane(network)(torch.rand(1, 3, 8, 12), disparity, context, hole)
    # The far pixel beside the step of 0.2; the step of 0.005 is none.
    assert plane[0, 0, 4, :6].tolist() == [0, 0, 1, 0, 0, 0]
    assert np.allclose(plane[..., 6:].numpy(), edge, atol=0.01)
    scaled = network.planes[0, 3, 4]
    assert np.allclose(scaled[[0, 5, 6]].numpy(), [0.2 / 0.405, 1, 0])
