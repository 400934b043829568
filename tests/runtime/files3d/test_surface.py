"""Triangles of a layer: every pixel once, torn exactly where the scene is, flat parts coarse, no cracks."""

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.ldi import LDI
from ldikit.runtime.files3d import Pinhole
from ldikit.runtime.files3d.corners import find_corners
from ldikit.runtime.files3d.surface import FLAT_PX, TEAR_PX, Surface, layer_surfaces, triangulate

PINHOLE = Pinhole()


def pixels_of(surface: Surface, height: int, width: int) -> np.ndarray:
    """Area of each triangle in pixels of the photo; positive where the camera sees it counter-clockwise."""
    a, b, c = (surface.uv.astype(np.float64)[surface.triangles[:, k]] * (width, height) for k in range(3))
    # v goes down, which turns the sense round.
    return -((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2


def disparity_of(surface: Surface) -> np.ndarray:
    return (1 / -surface.points[:, 2].astype(np.float64) - 1 / PINHOLE.far) / PINHOLE.inverse_span


def test_a_plane_is_two_triangles_a_large_cell_and_covers_the_frame() -> None:
    surface = triangulate(np.full((64, 96), 0.5, np.float32), np.ones((64, 96), np.float32), PINHOLE)
    assert len(surface.triangles) == 2 * 2 * 3
    area = pixels_of(surface, 64, 96)
    assert (area > 0).all()
    assert area.sum() == pytest.approx(64 * 96)
    # 1/Z = 0.1 + 0.5 · 0.9; the upper left corner of the frame is half the width off the axis.
    depth = 1 / 0.55
    corner = surface.points[np.argmin(surface.uv.sum(axis=1))]
    half = depth * np.tan(np.radians(30))
    np.testing.assert_allclose(corner, [-half, half * 64 / 96, -depth], rtol=1e-6)


@pytest.mark.parametrize("merge", [True, False])
def test_an_edge_is_torn_to_the_pixel_and_nothing_spans_it(scene: LDI, merge: bool) -> None:
    surface = triangulate(scene.disparity[0, 0], np.ones((48, 64), np.float32), PINHOLE, merge=merge)
    near = disparity_of(surface)[surface.triangles] > 0.5
    assert (near.all(axis=1) | ~near.any(axis=1)).all()
    area = pixels_of(surface, 48, 64)
    assert area[near.all(axis=1)].sum() == pytest.approx(20 * 30)
    assert area.sum() == pytest.approx(48 * 64)
    np.testing.assert_allclose(np.unique(disparity_of(surface).round(5)), [0.2, 0.8])
    # Each vertex has a pixel of its own surface to take its colour from.
    np.testing.assert_allclose(
        scene.disparity[0, 0].ravel()[surface.pixels], disparity_of(surface), atol=1e-5
    )


@pytest.mark.parametrize(("share", "torn"), [(0.99, False), (1.01, True)])
def test_a_step_tears_where_the_renderer_lets_go(share: float, torn: bool) -> None:
    disparity = np.full((8, 40), 0.3, np.float32)
    disparity[:, 20:] += share * TEAR_PX / (0.05 * 40)
    surface = triangulate(disparity, np.ones_like(disparity), PINHOLE)
    edge = surface.uv[:, 0] == 0.5
    places = len(np.unique(surface.uv[edge], axis=0))
    assert edge.sum() == places * (2 if torn else 1)


def test_a_coarser_grid_sees_a_tear_between_its_samples() -> None:
    """A line one pixel wide that no sampled pixel hits still parts the surface."""
    disparity = np.full((64, 64), 0.2, np.float32)
    disparity[:, 32] = 0.9
    surface = triangulate(disparity, np.ones_like(disparity), PINHOLE, max_triangles=300, merge=False)
    assert 0 < len(surface.triangles) <= 300
    places, counts = np.unique(surface.uv, axis=0, return_counts=True)
    assert set(np.unique(counts)) == {1, 2}
    assert len(np.unique(places[counts == 2, 0])) == 1


def test_pixels_that_are_not_occupied_are_left_out(scene: LDI) -> None:
    (first, front), (second, behind) = layer_surfaces(scene, PINHOLE)
    assert (first, second) == (0, 1)  # the third is empty
    assert pixels_of(front, 48, 64).sum() == pytest.approx(48 * 64 - 20)
    assert pixels_of(behind, 48, 64).sum() == pytest.approx(20 * 30)
    with pytest.raises(InputError, match="no layer"):
        layer_surfaces(LDI(scene.color, scene.disparity, scene.occupancy * 0), PINHOLE)


def test_merging_leaves_no_cracks_and_stays_near() -> None:
    """On a bump beside a tear: vertices on the side of a large square lie on it, and all near the surface."""
    y, x = np.mgrid[:96, :128] / 128
    disparity = (0.2 + 0.25 * np.exp(-((x - 0.6) ** 2 + (y - 0.4) ** 2) / 0.02)).astype(np.float32)
    disparity[40:, :50] = 0.9
    ones = np.ones_like(disparity)
    coarse = triangulate(disparity, ones, PINHOLE)
    fine = triangulate(disparity, ones, PINHOLE, merge=False)
    assert len(coarse.triangles) < len(fine.triangles) / 2
    assert pixels_of(coarse, 96, 128).sum() == pytest.approx(96 * 128, rel=1e-6)
    place = coarse.uv.astype(np.float64) * (128, 96)
    edges = np.concatenate([coarse.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    straight = (place[edges[:, 0]] == place[edges[:, 1]]).any(axis=1)
    long_edges = edges[straight & (np.abs(np.diff(place[edges], axis=1)).max(axis=(1, 2)) > 1.5)]
    ends = {tuple(e) for e in np.sort(long_edges, axis=1)}
    disparities = disparity_of(coarse)
    checked = 0
    for a, b in ends:
        way = place[b] - place[a]
        share = (place - place[a]) @ way / (way @ way)
        aside = np.abs((place - place[a]) @ np.array([-way[1], way[0]]))
        for vertex in np.nonzero((aside < 1e-6) & (share > 1e-6) & (share < 1 - 1e-6))[0]:
            line = disparities[a] + share[vertex] * (disparities[b] - disparities[a])
            if abs(disparities[vertex] - line) < 0.1:  # else it is of the other side of the tear
                assert abs(disparities[vertex] - line) < 1e-5
                checked += 1
    assert checked > 20
    exact = {(*p, d > 0.7): d for p, d in zip(map(tuple, fine.uv.tolist()), disparity_of(fine), strict=True)}
    worst = max(
        abs(exact[(*p, d > 0.7)] - d)
        for p, d in zip(map(tuple, coarse.uv.tolist()), disparities, strict=True)
    )
    assert worst <= FLAT_PX / (0.05 * 128) + 1e-5


def test_the_number_of_triangles_is_bounded_whatever_the_surface() -> None:
    disparity = np.random.default_rng(0).random((150, 200), np.float32)
    surface = triangulate(disparity, np.ones_like(disparity), PINHOLE, max_triangles=5000)
    assert 2500 < len(surface.triangles) <= 5000
    assert pixels_of(surface, 150, 200).sum() == pytest.approx(150 * 200)


@pytest.mark.parametrize(
    ("right", "below", "sheets"),
    [
        ([[1], [1]], [[1, 1]], [0, 0, 0, 0]),
        ([[0], [1]], [[1, 1]], [0, 0, 0, 0]),  # round the other way
        ([[0], [0]], [[1, 1]], [0, 1, 0, 1]),
        ([[1], [1]], [[0, 0]], [0, 0, 2, 2]),
        ([[1], [0]], [[0, 1]], [0, 0, 2, 0]),
        ([[0], [0]], [[0, 0]], [0, 1, 2, 3]),
    ],
)
def test_sheets_around_one_corner(right: list, below: list, sheets: list[int]) -> None:
    disparity = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
    there = np.ones((2, 2), bool)
    corners = find_corners(disparity, there, np.array(right, bool), np.array(below, bool))
    assert corners.sheet[:, 1, 1].tolist() == sheets
    for name in set(sheets):
        members = [d for d, s in zip(disparity.ravel(), sheets, strict=True) if s == name]
        assert corners.value[name, 1, 1] == pytest.approx(np.mean(members))


def test_bad_layers_are_refused() -> None:
    plane = np.full((8, 8), np.nan, np.float32)
    with pytest.raises(InputError, match="not finite"):
        triangulate(plane, np.ones_like(plane), PINHOLE)
    with pytest.raises(InputError, match="at least 2"):
        triangulate(np.ones_like(plane), np.ones_like(plane), PINHOLE, max_triangles=1)
