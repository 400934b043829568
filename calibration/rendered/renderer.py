"""Draws models with light, shadow and texture, and the exact inverse depth of every pixel (OpenGL 3.3)."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...reference.errors import BackendUnavailableError, MissingExtraError
from . import shaders
from .camera import Camera
from .mesh import Array, Material, Mesh

_SHADOW = 1024
Color = tuple[float, float, float]


@dataclass(frozen=True)
class Light:
    """What lights a scene; colours are linear, in units of what a white surface then gives back.

    Attributes:
        sun: direction to it, or with `lamp` its place.
        lamp: whether `sun` is a lamp that shines downwards from a place.
        sun_color, sky_color, ground_color: of the sun, and of the light from above and below.
        side, side_color: soft light from one direction, as a window gives.
        lamps: further lamps without shadows: places and colours, at most three.
        center, reach: ball (metres) in which the sun casts shadows.
        softness: blur of the shadow's edge, share of the shadow map's width.
        fog: share of light lost a metre; fog_color of it.
        occlusion: strength of the darkening in corners; occlusion_reach in metres.
    """

    sun: Color = (0.4, 0.8, 0.3)
    lamp: bool = False
    sun_color: Color = (2.0, 1.9, 1.7)
    sky_color: Color = (0.6, 0.7, 0.9)
    ground_color: Color = (0.25, 0.22, 0.2)
    side: Color = (0.0, 0.0, 1.0)
    side_color: Color = (0.0, 0.0, 0.0)
    lamps: tuple[tuple[Color, Color], ...] = ()
    center: Color = (0.0, 0.0, 0.0)
    reach: float = 5.0
    softness: float = 0.003
    fog: float = 0.0
    fog_color: Color = (0.7, 0.75, 0.8)
    occlusion: float = 0.6
    occlusion_reach: float = 0.4


@dataclass(frozen=True)
class Sky:
    """What is seen where nothing is: a gradient with clouds, or a picture wrapped around (disparity 0)."""

    zenith: Color = (0.25, 0.45, 0.9)
    horizon: Color = (0.8, 0.85, 0.95)
    glow: Color = (0.0, 0.0, 0.0)
    cloud_color: Color = (1.1, 1.1, 1.1)
    clouds: float = 0.3
    seed: float = 0.0
    picture: str = ""
    crop: tuple[float, float, float, float] = (2.0, 0.0, 0.8, 0.4)


@dataclass(frozen=True)
class Item:
    """A model in the scene: name for the cache, 4×4 placing matrix and a tint of its colours.

    Attributes:
        material: replaces the materials of the parts that have no texture of their own, if given.
    """

    mesh: Mesh
    matrix: Array
    tint: Color = (1.0, 1.0, 1.0)
    material: Material | None = None
    casts: bool = True


@dataclass(frozen=True)
class View:
    """A drawn picture: linear RGB H×W×3, and inverse depth H×W in 1/metre (0: sky)."""

    color: Array
    disparity: Array


@dataclass
class _Kept:
    """Buffers of a mesh on the device."""

    buffers: tuple[Any, Any]
    surface: Any
    shadow: Any
    ranges: list[tuple[int, int, Material]] = field(default_factory=list)


class Renderer:
    """Draws scenes without a window; one thread of one process uses it.

    Args:
        pictures: gives a texture's pixels (H×W×4 uint8, first row at the bottom) by its name.
        kept: how many meshes and textures stay on the device.

    Raises:
        MissingExtraError: moderngl is not installed.
        BackendUnavailableError: there is no OpenGL 3.3.
    """

    def __init__(self, pictures: Callable[[str], Array], kept: int = 1500) -> None:
        try:
            import moderngl
        except ModuleNotFoundError as error:
            raise MissingExtraError("moderngl", "train", "drawing training scenes") from error
        try:
            # Its own types take the name of a back end for a dictionary.
            options: dict[str, Any] = {"backend": "egl"}
            self._gl: Any = moderngl.create_context(standalone=True, require=330, **options)
        except Exception as error:  # moderngl raises bare Exception
            raise BackendUnavailableError(
                f"no OpenGL 3.3 without a window ({error}): install EGL, as libegl1 and libgl1-mesa-dri"
            ) from error
        gl = self._gl
        self._pictures, self._limit = pictures, kept
        self._meshes: OrderedDict[int, tuple[Mesh, _Kept]] = OrderedDict()
        self._textures: OrderedDict[str, Any] = OrderedDict()
        self._surface = gl.program(vertex_shader=shaders.VERTEX, fragment_shader=shaders.SURFACE)
        self._shadow = gl.program(vertex_shader=shaders.VERTEX, fragment_shader=shaders.SHADOW)
        self._sky = gl.program(vertex_shader=shaders.SCREEN, fragment_shader=shaders.SKY)
        self._finish = gl.program(vertex_shader=shaders.SCREEN, fragment_shader=shaders.FINISH)
        screen = gl.buffer(np.array([-1, -1, 3, -1, -1, 3], np.float32).tobytes())
        self._sky_pass = gl.vertex_array(self._sky, [(screen, "2f", "in_place")])
        self._finish_pass = gl.vertex_array(self._finish, [(screen, "2f", "in_place")])
        self._shadow_map = gl.depth_texture((_SHADOW, _SHADOW))
        self._shadow_map.compare_func = "<="
        self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
        self._shadow_frame = gl.framebuffer(depth_attachment=self._shadow_map)
        self._blank = gl.texture((1, 1), 4, b"\xff\xff\xff\xff")
        self._shadowed: Any = None
        self._frames: dict[tuple[int, int], tuple[Any, Any, Any, Any]] = {}

    def draw(
        self, items: list[Item], camera: Camera, light: Light, sky: Sky, height: int, width: int
    ) -> View:
        """The view of a camera, antialiased (2×2 samples); truth is taken of one sample, never blended."""
        gl = self._gl
        gl.enable(gl.DEPTH_TEST)
        shadow_matrix = _shadow_matrix(light)
        casting = [item for item in items if item.casts]
        key = (shadow_matrix.tobytes(), tuple((id(i.mesh), i.matrix.tobytes()) for i in casting))
        if key != self._shadowed:
            self._draw_shadow([i for i in casting if _meets(i, shadow_matrix, _SHADOW, 4.0)], shadow_matrix)
            self._shadowed = key
        frame, color, disparity, final = self._frame(height, width)
        frame.use()
        frame.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        projection = camera.projection(height, width)
        view_projection = projection @ camera.view()
        program = self._surface
        _set(program, view_projection=view_projection, shadow_matrix=shadow_matrix)
        _set(
            program,
            eye=camera.position,
            ahead=tuple(camera.ahead),
            sun=(*(light.sun if light.lamp else _unit(light.sun)), float(light.lamp)),
            **{
                name: getattr(light, name)
                for name in ("sun_color", "sky_color", "ground_color", "side_color")
            },
            side=_unit(light.side),
            fog=light.fog,
            fog_color=light.fog_color,
            softness=light.softness,
            shadow=1,
            picture=0,
        )
        lamps = [*light.lamps, *[((0.0, 1e6, 0.0), (0.0, 0.0, 0.0))] * 3][:3]
        _set(program, lamp_place=[p for p, _ in lamps], lamp_color=[c for _, c in lamps])
        self._shadow_map.use(1)
        for item in items:
            if _meets(item, view_projection, max(height, width), 1.5):
                self._draw_item(item, program, lambda kept: kept.surface)
        self._draw_sky(sky, light, np.linalg.inv(projection @ _rotation(camera.view())))
        final.use()
        color.use(0)
        disparity.use(1)
        gl.disable(gl.DEPTH_TEST)
        _set(self._finish, picture=0, disparities=1, size=(width, height), focal=camera.focal(height, width))
        _set(self._finish, reach=light.occlusion_reach, strength=light.occlusion)
        self._finish_pass.render()
        read = np.frombuffer(final.read(components=4, dtype="f4"), np.float32)
        picture = read.reshape(height, width, 4)[::-1]
        return View(np.ascontiguousarray(picture[..., :3]), np.ascontiguousarray(picture[..., 3]))

    def _draw_shadow(self, items: list[Item], matrix: Array) -> None:
        self._shadow_frame.use()
        self._shadow_frame.clear(depth=1.0)
        gl = self._gl
        gl.polygon_offset = (2.0, 4.0)
        _set(self._shadow, view_projection=matrix, picture=0)
        for item in items:
            self._draw_item(item, self._shadow, lambda kept: kept.shadow)
        gl.polygon_offset = (0.0, 0.0)

    def _draw_item(self, item: Item, program: Any, array: Callable[[_Kept], Any]) -> None:
        kept = self._kept(item.mesh)
        _set(program, model=item.matrix)
        for first, count, own in kept.ranges:
            material = item.material if item.material is not None and not own.texture else own
            textured = bool(material.texture)
            texture = self._texture(material.texture) if textured else None
            texture = texture or self._blank
            texture.use(0)
            r, g, b = (min(c * t, 1.0) for c, t in zip(material.color, item.tint, strict=True))
            _set(
                program,
                mode=0 if not textured else 2 if material.tile else 1,
                cutoff=0.5 if material.cutout else 0.0,
                tint=(r, g, b),
                gloss=material.gloss,
                emission=material.emission,
                bump=material.bump,
                tile=material.tile or 1.0,
            )
            array(kept).render(vertices=count, first=first)

    def _draw_sky(self, sky: Sky, light: Light, to_world: Array) -> None:
        if sky.picture:
            (self._texture(sky.picture) or self._blank).use(0)
        _set(
            self._sky,
            to_world=to_world,
            zenith=sky.zenith,
            horizon=sky.horizon,
            sun_side=_unit(light.sun),
            sun_glow=sky.glow,
            cloud_color=sky.cloud_color,
            clouds=sky.clouds,
            seed=sky.seed,
            picture=0,
            mode=int(bool(sky.picture)),
            crop=sky.crop,
        )
        self._gl.depth_func = "<="
        self._sky_pass.render()
        self._gl.depth_func = "<"

    def _kept(self, mesh: Mesh) -> _Kept:
        held = self._meshes.get(id(mesh))
        if held is not None:
            self._meshes.move_to_end(id(mesh))
            return held[1]
        gl = self._gl
        ranges, first = [], 0
        for part in mesh.parts:
            ranges.append((first, len(part.vertices), part.material))
            first += len(part.vertices)
        # Corners that triangles share are stored, and worked on by the driver, once.
        corners = np.concatenate([part.vertices for part in mesh.parts])
        row = np.dtype((np.void, corners.dtype.itemsize * corners.shape[1]))
        _, once, index = np.unique(
            np.ascontiguousarray(corners).view(row)[:, 0], return_index=True, return_inverse=True
        )
        # In the order of first use, so that neighbours stay together.
        order = np.argsort(once)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        buffer = gl.buffer(corners[once[order]].tobytes())
        indices = gl.buffer(rank[index.reshape(-1)].astype(np.uint32).tobytes())
        names = ("in_position", "in_normal", "in_uv")
        kept = _Kept(
            (buffer, indices),
            gl.vertex_array(self._surface, [(buffer, "3f 3f 2f", *names)], indices),
            gl.vertex_array(self._shadow, [(buffer, "3f 3x4 2f", "in_position", "in_uv")], indices),
            ranges,
        )
        # The mesh is held too, so that its id stays its own.
        self._meshes[id(mesh)] = (mesh, kept)
        if len(self._meshes) > self._limit:
            _, (_, old) = self._meshes.popitem(last=False)
            for thing in (old.surface, old.shadow, *old.buffers):
                thing.release()
        return kept

    def _texture(self, name: str) -> Any:
        if name in self._textures:
            self._textures.move_to_end(name)
            return self._textures[name]
        try:
            pixels = self._pictures(name)
        except (KeyError, OSError, ValueError):
            self._textures[name] = None
            return None
        made = self._gl.texture((pixels.shape[1], pixels.shape[0]), 4, np.ascontiguousarray(pixels).tobytes())
        made.build_mipmaps()
        made.filter = (self._gl.LINEAR_MIPMAP_LINEAR, self._gl.LINEAR)
        self._textures[name] = made
        if len(self._textures) > self._limit:
            _, old = self._textures.popitem(last=False)
            if old is not None:
                old.release()
        return made

    def _frame(self, height: int, width: int) -> tuple[Any, Any, Any, Any]:
        if (height, width) not in self._frames:
            gl, size = self._gl, (2 * width, 2 * height)
            color, disparity = gl.texture(size, 4, dtype="f2"), gl.texture(size, 1, dtype="f4")
            for texture in (color, disparity):
                texture.filter = (gl.NEAREST, gl.NEAREST)
            frame = gl.framebuffer([color, disparity], gl.depth_renderbuffer(size))
            final = gl.framebuffer([gl.texture((width, height), 4, dtype="f4")])
            self._frames[height, width] = (frame, color, disparity, final)
        return self._frames[height, width]


def _meets(item: Item, matrix: Array, size: int, smallest: float) -> bool:
    """Whether the box of an item can show inside a clip space, larger than some pixels."""
    low, high = item.mesh.low, item.mesh.high
    corners = np.array(
        [[x, y, z, 1] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    )
    clip = corners @ (matrix @ item.matrix).T
    w = clip[:, 3]
    for axis in range(3):
        if (clip[:, axis] > w).all() or (clip[:, axis] < -w).all():
            return False
    if (w <= 1e-6).any():
        return True
    spread = np.ptp(clip[:, :2] / w[:, None], axis=0).max() * size / 2
    return bool(spread >= smallest)


def _set(program: Any, **values: Any) -> None:
    """Give a program its values; those that the driver found unused are passed over."""
    for name, value in values.items():
        if name in program:
            if isinstance(value, np.ndarray):
                program[name].write(np.ascontiguousarray(value.T, np.float32).tobytes())
            else:
                program[name].value = value


def _unit(vector: Color) -> Color:
    x, y, z = np.asarray(vector) / max(float(np.linalg.norm(vector)), 1e-9)
    return float(x), float(y), float(z)


def _rotation(view: Array) -> Array:
    made = view.copy()
    made[:3, 3] = 0
    return made


def _shadow_matrix(light: Light) -> Array:
    """4×4 from the world to the shadow map: a box along the sun's rays, or a wide cone below a lamp."""
    if light.lamp:
        down = Camera(light.sun, 0.0, -np.pi / 2 + 1e-3, 0.0, 2.5)
        return down.projection(_SHADOW, _SHADOW) @ down.view()
    x, y, z = _unit(light.sun)
    yaw, pitch = float(np.arctan2(x, z)), float(np.arcsin(np.clip(-y, -1, 1)))
    view = Camera(light.center, yaw, pitch, 0.0, 1.0).view()
    reach = light.reach
    depth = max(4 * reach, 60.0)
    made = np.diag([1 / reach, 1 / reach, -1 / depth, 1.0]).astype(np.float32)
    return made @ view
