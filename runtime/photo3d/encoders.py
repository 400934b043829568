"""Frames to a file that plays and repeats: MP4, GIF or WebP, a frame at a time."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
from PIL import Image

# A GIF counts in hundredths of a second, and players slow down what changes faster than every 0.04 s.
GIF_FPS = 20
GIF_CLOCK = 100
# Long sides, in pixels, for messages and pages: such files grow fast.
GIF_SIDE, WEBP_SIDE = 480, 720


class Encoder:
    """Writes frames in order; leaving the `with` block ends the file.

    Args:
        path: of the file.
        size: (height, width) of the frames given, both even.
        times: when each frame is shown, in seconds, rising from 0, and at last when the loop is over.
        rate: ticks a second that times are rounded to.
    """

    format: ClassVar[str]
    codec: ClassVar[str]
    pixels: ClassVar[str]
    side: ClassVar[int | None] = None
    options: ClassVar[dict[str, str]] = {}

    def __init__(self, path: Path, size: tuple[int, int], times: Sequence[Fraction], rate: Fraction) -> None:
        import av

        self._size = size if self.side is None else _within(*size, self.side)
        self._rate = rate
        self._ticks = [round(time * rate) for time in times]
        self._seen = 0
        self._container: Any = av.open(path, "w", format=self.format, options=self.file_options())
        stream: Any = self._container.add_stream(self.codec, rate=rate, options=dict(self.options))
        stream.width, stream.height = self._size[::-1]
        stream.pix_fmt = self.pixels
        self._stream = stream

    def file_options(self) -> dict[str, str]:
        """Return the options of the container; by default: it repeats for ever."""
        return {"loop": "0"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._end()
        finally:
            self._container.close()

    def add(self, rgb: np.ndarray) -> None:
        """Take the next frame, (H, W, 3) uint8."""
        import av

        frame = av.VideoFrame.from_ndarray(_fitted(rgb, self._size), format="rgb24")
        frame.pts, frame.time_base = self._ticks[self._seen], 1 / self._rate
        self._seen += 1
        self._take(frame)

    def _take(self, frame: Any) -> None:
        self._container.mux(self._stream.encode(frame))

    def _end(self) -> None:
        self._container.mux(self._stream.encode(None))


class Mp4(Encoder):
    """H.264, which every player knows."""

    format, codec, pixels = "mp4", "libx264", "yuv420p"
    options: ClassVar = {"crf": "18", "preset": "fast"}

    def file_options(self) -> dict[str, str]:
        """Return options by which a browser can play before all is loaded."""
        return {"movflags": "faststart"}


class WebP(Encoder):
    """An animated WebP, `WEBP_SIDE` long."""

    format, codec, pixels = "webp", "libwebp_anim", "yuv420p"
    side = WEBP_SIDE
    options: ClassVar = {"quality": "80", "compression_level": "2"}


class Gif(Encoder):
    """A GIF, `GIF_SIDE` long; one palette and ordered dithering keep what does not move still.

    Args:
        path: see `Encoder`.
        size: see `Encoder`.
        times: see `Encoder`.
        samples: frames that stand for all, to take the palette from.
    """

    format, codec, pixels = "gif", "gif", "pal8"
    side = GIF_SIDE

    def __init__(
        self, path: Path, size: tuple[int, int], times: Sequence[Fraction], samples: Sequence[np.ndarray]
    ) -> None:
        self._last = round(times[-1] * GIF_CLOCK) - round(times[-2] * GIF_CLOCK)
        super().__init__(path, size, times, Fraction(GIF_CLOCK))
        # Held here, since nodes do not keep their graph alive.
        self._graph, self._source, self._sink = _dithering(
            [_fitted(sample, self._size) for sample in samples]
        )

    def file_options(self) -> dict[str, str]:
        """Return, beside the loop, how long the last picture stays."""
        return {"loop": "0", "final_delay": str(self._last)}

    def _take(self, frame: Any) -> None:
        self._source.push(frame)
        for dithered in _pulled(self._sink):
            self._container.mux(self._stream.encode(dithered))

    def _end(self) -> None:
        self._take(None)
        super()._end()


def _dithering(samples: Sequence[np.ndarray]) -> tuple[Any, Any, Any]:
    """Return a graph, where frames go in, and where they come out in colours of a palette of `samples`."""
    import av

    height, width = samples[0].shape[:2]
    form = f"video_size={width}x{height}:pix_fmt=rgb24:time_base=1/{GIF_CLOCK}:pixel_aspect=1/1"
    first = av.filter.Graph()
    source, sink = first.add("buffer", form), first.add("buffersink")
    first.link_nodes(
        source,
        first.add("format", "pix_fmts=bgra"),
        first.add("palettegen", "reserve_transparent=0"),
        sink,
    ).configure()
    for index, sample in enumerate(samples):
        frame = av.VideoFrame.from_ndarray(sample, format="rgb24")
        frame.pts, frame.time_base = index, Fraction(1, GIF_CLOCK)
        source.push(frame)
    source.push(None)
    palette: Any = sink.pull()
    palette.pts, palette.time_base = 0, Fraction(1, GIF_CLOCK)

    graph = av.filter.Graph()
    frames, sink = graph.add("buffer", form), graph.add("buffersink")
    colors = graph.add(
        "buffer",
        f"video_size={palette.width}x{palette.height}:pix_fmt={palette.format.name}:"
        f"time_base=1/{GIF_CLOCK}:pixel_aspect=1/1",
    )
    whole, dither = (
        graph.add("format", "pix_fmts=bgra"),
        graph.add("paletteuse", "dither=bayer:bayer_scale=3"),
    )
    frames.link_to(whole)
    whole.link_to(dither, 0, 0)
    colors.link_to(dither, 0, 1)
    dither.link_to(sink)
    graph.configure()
    colors.push(palette)
    colors.push(None)
    return graph, frames, sink


def _pulled(sink: Any) -> Iterator[Any]:
    import av

    while True:
        try:
            yield sink.pull()
        except (av.BlockingIOError, av.EOFError):
            return


def _within(height: int, width: int, side: int) -> tuple[int, int]:
    """Shrink a size to a long side, both sides even."""
    share = min(1.0, side / max(height, width))
    return max(round(height * share / 2) * 2, 2), max(round(width * share / 2) * 2, 2)


def _fitted(rgb: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if rgb.shape[:2] == size:
        return np.ascontiguousarray(rgb)
    return np.asarray(Image.fromarray(rgb).resize(size[::-1], Image.Resampling.LANCZOS, reducing_gap=2.0))
