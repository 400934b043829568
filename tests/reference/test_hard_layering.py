"""The published hard rule against a link graph walked pixel by pixel with breadth-first search."""

import math
from collections import deque

import numpy as np
import pytest
from ldikit.reference.errors import InputError
from ldikit.reference.layering import hard
from ldikit.reference.layering.hard_links import find_links, join_short_edges, join_specks, surfaces
from ldikit.reference.layering.hard_snap import bilateral_median, discontinuities

WAYS = ((-1, 0), (1, 0), (0, -1), (0, 1))
OPPOSITE = (1, 0, 3, 2)


def graph(disparity, threshold):
    """Set of pairs (pixel, pixel) that are linked, both ways."""
    height, width = disparity.shape
    links = set()
    for y in range(height):
        for x in range(width):
            for dy, dx in WAYS:
                j, i = y + dy, x + dx
                if (
                    0 <= j < height
                    and 0 <= i < width
                    and abs(np.float32(disparity[y, x] - disparity[j, i])) <= threshold
                ):
                    links.add(((y, x), (j, i)))
    return links


def neighbours(pixel, shape):
    for dy, dx in WAYS:
        j, i = pixel[0] + dy, pixel[1] + dx
        if 0 <= j < shape[0] and 0 <= i < shape[1]:
            yield j, i


def walk(start, nexts):
    """Every node reached from `start`."""
    seen, queue = {start}, deque([start])
    while queue:
        for node in nexts(queue.popleft()):
            if node not in seen:
                seen.add(node)
                queue.append(node)
    return seen


def graph_join_specks(links, shape, smallest):
    joined = set(links)
    for y in range(shape[0]):
        for x in range(shape[1]):
            pixel = (y, x)
            surface = walk(pixel, lambda p: (q for q in neighbours(p, shape) if (p, q) in links))
            if len(surface) < smallest:
                joined |= {(pixel, q) for q in neighbours(pixel, shape)}
                joined |= {(q, pixel) for q in neighbours(pixel, shape)}
    return joined


def ends(a, b):
    """The two corners of pixels between which the torn link (a, b) stands."""
    (y, x), (j, _) = min(a, b), max(a, b)
    return ((y + 1, x), (y + 1, x + 1)) if j > y else ((y, x + 1), (y + 1, x + 1))


def graph_join_short(links, shape, shortest):
    torn = set()
    for y in range(shape[0]):
        for x in range(shape[1]):
            for q in neighbours((y, x), shape):
                if ((y, x), q) not in links:
                    torn.add(frozenset(((y, x), q)))
    inner = {(y, x) for y in range(1, shape[0]) for x in range(1, shape[1])}
    at_corner = {}
    for link in torn:
        for corner in ends(*link):
            if corner in inner:
                at_corner.setdefault(corner, set()).add(link)
    joined = set(links)
    for link in torn:
        edge = walk(link, lambda k: (other for c in ends(*k) if c in inner for other in at_corner[c]))
        if len(edge) < shortest:
            a, b = link
            joined |= {(a, b), (b, a)}
    return joined


def graph_flood(disparity, links, threshold, steps):
    shape = disparity.shape
    hidden, queue = {}, deque()
    for y in range(shape[0]):
        for x in range(shape[1]):
            far = [
                disparity[q]
                for q in neighbours((y, x), shape)
                if ((y, x), q) not in links and disparity[q] < np.float32(disparity[y, x] - threshold)
            ]
            if far:
                hidden[y, x] = min(far)
    queue = deque(hidden)
    for _ in range(steps):
        arriving = {}
        while queue:
            p = queue.popleft()
            for q in neighbours(p, shape):
                if q not in hidden:
                    arriving[q] = min(arriving.get(q, math.inf), hidden[p])
        for q, value in arriving.items():
            if value < np.float32(disparity[q] - threshold):
                hidden[q] = value
                queue.append(q)
        # A pixel refused by one arrival may yet accept a farther one later: all hidden ones stay sources.
        queue = deque(hidden)
    return hidden


def as_array(links, shape):
    out = np.zeros((4, *shape), bool)
    for a, b in links:
        out[WAYS.index((b[0] - a[0], b[1] - a[1])), a[0], a[1]] = True
    return out


def scene(seed, height=18, width=26):
    """Boxes and discs at random depth over a slope."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    plane = 0.2 + 0.1 * y / height
    for _ in range(4):
        top, left = rng.integers(0, height - 3), rng.integers(0, width - 3)
        tall, wide = rng.integers(1, 9, 2)
        plane[top : top + tall, left : left + wide] = rng.uniform(0.1, 0.95)
        cy, cx, r = rng.integers(0, height), rng.integers(0, width), rng.uniform(1, 5)
        plane[(y - cy) ** 2 + (x - cx) ** 2 < r * r] = rng.uniform(0.1, 0.95)
    return plane.astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
def test_equals_the_graph_walked_by_hand(seed):
    plane, threshold = scene(seed), np.float32(0.08)
    links = graph(plane, threshold)
    assert np.array_equal(find_links(plane, threshold), as_array(links, plane.shape))
    links = graph_join_specks(links, plane.shape, 6)
    found = join_specks(find_links(plane, threshold), 6)
    assert np.array_equal(found, as_array(links, plane.shape))
    links = graph_join_short(links, plane.shape, 9)
    found = join_short_edges(found, 9)
    assert np.array_equal(found, as_array(links, plane.shape))
    hidden = graph_flood(plane, links, threshold, 5)
    flooded = hard.flood(plane, found, threshold, 5)
    assert {tuple(p) for p in np.argwhere(np.isfinite(flooded))} == set(hidden)
    assert all(flooded[p] == value for p, value in hidden.items())
    assert 0 < len(hidden) < plane.size


def test_threshold_is_that_of_the_publication_at_960_px():
    assert hard.threshold_for(960) == pytest.approx(0.013333, abs=1e-6)
    assert hard.threshold_for(512) == pytest.approx(0.025, abs=1e-6)


def test_a_near_stripe_hides_the_wall_behind_it():
    plane = np.full((48, 96), 0.2, np.float32)
    plane[:, 40:60] = 0.8
    made = hard.hard_layering(plane)
    # 40 px at 960 are 4 px at 96: the first column beside the cut and four more from either side.
    expected = np.zeros((48, 96), bool)
    expected[:, 40:45] = expected[:, 55:60] = True
    assert np.array_equal(made.occupancy, expected)
    assert np.all(made.hidden[expected] == np.float32(0.2))
    assert np.array_equal(made.hidden[~expected], made.disparity[~expected])
    assert not made.links[3, :, 39].any() and not made.links[2, :, 40].any()
    assert made.links[3, :, :39].all() and made.links[0, 1:].all() and not made.links[0, 0].any()
    assert made.exits[2, :, 40].all() and made.exits[3, :, 59].all() and made.exits.sum() == 2 * 48
    assert made.hidden_links[3, :, 40:44].all() and not made.hidden_links[3, :, 44].any()


def test_links_of_both_ends_agree():
    made = hard.hard_layering(scene(3, 40, 60))
    for links in (made.links, made.hidden_links):
        assert np.array_equal(links[0, 1:], links[1, :-1]) and np.array_equal(
            links[2, :, 1:], links[3, :, :-1]
        )
    assert (made.hidden[made.occupancy] < made.disparity[made.occupancy]).all()


def test_a_slope_below_the_threshold_hides_nothing():
    row = np.linspace(0, 1, 96, dtype=np.float32)  # 0.0105 a pixel; τ is 0.133 here
    made = hard.hard_layering(np.tile(row, (48, 1)))
    assert not made.occupancy.any() and made.links[3, :, :-1].all()


def test_bilateral_median_by_hand():
    row = np.array([0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0], np.float32)
    plane = np.tile(row, (7, 1))
    edges = discontinuities(plane, 0.2)
    assert np.array_equal(edges[0], [False, False, True, True, True, False, False])
    snapped = bilateral_median(plane, edges, 5)
    # Column 2 sees clean 0 at columns 0 and 1 only; column 4 clean 1 at 5 and 6 only. Column 3 sees 0 at
    # column 1 and 1 at column 5, of equal weight: the lower one is the median.
    assert np.array_equal(snapped[3], [0, 0, 0, 0, 1, 1, 1])


def test_bilateral_median_leaves_what_has_no_clean_neighbour():
    plane = np.random.default_rng(0).random((6, 6)).astype(np.float32)
    assert np.array_equal(bilateral_median(plane, np.ones((6, 6), bool), 5), plane)
    assert np.array_equal(bilateral_median(plane, np.zeros((6, 6), bool), 5), plane)


def test_surfaces_counts_connected_sets():
    plane = np.zeros((4, 5), np.float32)
    plane[:, 2] = 1
    numbers = surfaces(find_links(plane, 0.5))
    assert len(np.unique(numbers)) == 3
    assert sorted(np.bincount(numbers.ravel())[1:]) == [4, 8, 8]


@pytest.mark.parametrize("bad", [np.full((8, 8), np.nan), np.zeros((1, 8)), np.zeros((2, 8, 8))])
def test_refuses_what_is_no_disparity(bad):
    with pytest.raises(InputError, match="finite disparity"):
        hard.hard_layering(bad)
