"""Models from files and shapes, checked against triangles counted and placed by hand."""

import numpy as np
import pytest
from ldikit.calibration.rendered.ac3d import read_ac3d
from ldikit.calibration.rendered.mesh import Material, fitted, joined, mesh, part
from ldikit.calibration.rendered.objfile import read_mtl, read_obj
from ldikit.calibration.rendered.shapes import box, lathe, quad

OBJ = """mtllib a.mtl
v 0 0 0
v 2 0 0
v 2 0 -1
v 0 0 -1
v 0 3 0
vt 0 0
vt 1 0
vt 1 1
vt 0 1
usemtl wood
f 1/1 2/2 3/3 4/4
usemtl glass
f 1/1 2/2 -1/3
"""
MTL = "newmtl wood\nKd 0.5 0.25 0\nmap_Kd wood.png\nnewmtl glass\nKd 1 1 1\nd 0.2\n"

AC3D = """AC3Db
MATERIAL "" rgb 0.5 0.25 0 amb 0 0 0 emis 0 0 0 spec 0 0 0 shi 0 trans 0
OBJECT world
kids 2
OBJECT group
loc 10 0 0
kids 1
OBJECT poly
texture "road.rgb" base
loc 0 1 0
numvert 4
0 0 0
1 0 0
0 0 1
1 0 1
numsurf 1
SURF 0x14
mat 0
refs 4
0 0 0
1 1 0
2 0 1
3 1 1
kids 0
OBJECT poly
numvert 3
0 0 0
1 0 0
0 0 1
numsurf 1
SURF 0x20
mat 0
refs 3
0 0 0
1 0 0
2 0 0
kids 0
"""


def test_an_obj_file_gives_the_fan_of_its_visible_faces() -> None:
    """A square of two triangles; the glass face is left out, so the box ends at y = 0."""
    made = read_obj(OBJ, "room/chair.obj", {"room/a.mtl": MTL}.__getitem__)
    assert made.triangles == 2
    assert made.parts[0].material.texture == "room/wood.png"
    assert made.low.tolist() == [0, 0, -1]
    assert made.high.tolist() == [2, 0, 0]
    normal = made.parts[0].vertices[:, 3:6]
    np.testing.assert_allclose(normal, np.tile([0, 1, 0], (6, 1)))
    assert made.parts[0].vertices[:3, 6:].tolist() == [[0, 0], [1, 0], [1, 1]]


def test_an_obj_face_without_its_vertex_is_refused() -> None:
    """An index past the table is an error, not another vertex."""
    with pytest.raises(ValueError, match="does not have"):
        read_obj("v 0 0 0\nv 1 0 0\nf 1 2 9\n", "a.obj", {}.__getitem__)


def test_materials_without_texture_keep_their_colour() -> None:
    """Kd is the colour where there is no picture, d the opacity."""
    assert read_mtl("newmtl a\nKd 0.5 0.25 0\nd 0.7\n", "x.mtl")["a"] == Material(
        (0.5, 0.25, 0.0), opacity=0.7
    )


def test_an_ac3d_file_nests_places_and_reads_strips() -> None:
    """The strip is two triangles at (10, 1, 0); after both `kids 0` the second object is at the origin."""
    made = read_ac3d(AC3D, "track/a.ac")
    strip, fan = made.parts
    assert strip.material.texture == "track/road.rgb"
    assert strip.vertices[:, :3].min(axis=0).tolist() == [10, 1, 0]
    assert strip.vertices[:, :3].max(axis=0).tolist() == [11, 1, 1]
    # Both triangles of a strip face the same way.
    assert len({tuple(n) for n in np.round(strip.vertices[:, 3:6], 6).tolist()}) == 1
    assert fan.material.color == (0.5, 0.25, 0.0)
    assert fan.vertices[:, :3].max(axis=0).tolist() == [1, 0, 1]


def test_a_file_of_another_kind_is_no_ac3d() -> None:
    """The first word is checked."""
    with pytest.raises(ValueError, match="not an AC3D"):
        read_ac3d("solid a", "a.ac")


def test_fitted_stands_on_the_ground_in_its_size() -> None:
    """A box of 1×1×1 somewhere becomes 2×3×4 on y = 0 around the origin, normals still of length one."""
    made = fitted(box((1, 1, 1), Material(), base=7), 2, 3, 4)
    np.testing.assert_allclose(made.low, [-1, 0, -2], atol=1e-6)
    np.testing.assert_allclose(made.high, [1, 3, 2], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(made.parts[0].vertices[:, 3:6], axis=1), 1, atol=1e-6)


def test_joined_makes_one_part_of_a_material() -> None:
    """Two boxes of six parts each, all of one material: one part of 24 triangles."""
    moved = np.eye(4, dtype=np.float32)
    moved[0, 3] = 5
    made = joined(
        [(box((1, 1, 1), Material()), np.eye(4, dtype=np.float32)), (box((1, 1, 1), Material()), moved)]
    )
    assert len(made.parts) == 1
    assert made.triangles == 24
    assert made.high[0] == 5.5


def test_a_lathe_is_as_wide_as_its_profile() -> None:
    """The widest radius of the profile is half the width."""
    made = lathe(np.array([[0.1, 0], [0.5, 1], [0.2, 2]]), Material(), sides=8)
    np.testing.assert_allclose(made.size, [1, 2, 1], atol=1e-6)


def test_nothing_visible_is_refused() -> None:
    """Glass alone makes no mesh, and a vertex that is not a number none either."""
    with pytest.raises(ValueError, match="no visible"):
        quad([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], Material(opacity=0.1))
    with pytest.raises(ValueError, match="not finite"):
        mesh([part(np.full((3, 3), np.nan), None, Material())])
