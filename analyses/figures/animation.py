"""A drawing that moves, and how it becomes a file: MP4 where ffmpeg is there to encode it, GIF otherwise."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, cast

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from spatialgraph.files import atomic

from .drawing import Drawing, style

MOMENTS_PER_SECOND = 6
"""How fast a film goes. It rests on its first moment for one second more and on its last one for two."""

_REST_FIRST, _REST_LAST = 1, 2

# Of a film, in pixels: as wide as a page of text on a screen.
_WIDTH = 1120

# The mean of a box of colours, as palettes are made, makes paper grey.
_NEARLY_WHITE = 247

_LOG = logging.getLogger(__name__)


def lay_out(figure: Figure) -> None:
    """Lay out a figure as it will be filmed: `_WIDTH` pixels wide and an even number high, as H.264 requires."""
    dpi = _WIDTH / figure.get_figwidth()
    figure.set_dpi(dpi)
    figure.set_figheight(2 * round(figure.get_figheight() * dpi / 2) / dpi)
    if engine := figure.get_layout_engine():
        engine.execute(figure)


@dataclass(frozen=True, eq=False)
class Film(Drawing):
    """A drawing that moves: its figure, which `lay_out` has seen and nothing lays out anew, changes with each moment.

    Attributes:
        moments: how many there are.
        show: changes the figure to a moment, counted from 0.
    """

    figure: Figure
    moments: int
    show: Callable[[int], None]

    def write(self, out: Path, formats: Sequence[str]) -> list[Path]:
        """Write the film: as MP4 (H.264) if ffmpeg can, as GIF if not, whatever the formats of pictures are."""
        with style():
            if ffmpeg := shutil.which("ffmpeg"):
                path = out / f"{self.name}.mp4"
                try:
                    with atomic(path) as temporary:
                        _encode(self._images(), temporary, ffmpeg)
                except subprocess.CalledProcessError as error:
                    _LOG.warning(f"{path}: a GIF instead, as ffmpeg failed: {' '.join(error.stderr.split())}")
                else:
                    return [path]
            path = out / f"{self.name}.gif"
            with atomic(path) as temporary:
                self._write_gif(temporary)
            return [path]

    def _write_gif(self, path: Path) -> None:
        palette = _palette(next(self._images(self.moments - 1)))
        images = (image.quantize(palette=palette, dither=Image.Dither.NONE) for image in self._images())
        durations = [1000 // MOMENTS_PER_SECOND] * self.moments
        durations[0] += 1000 * _REST_FIRST
        durations[-1] += 1000 * _REST_LAST
        next(images).save(path, format="GIF", save_all=True, append_images=images, duration=durations, loop=0)

    def _images(self, first: int = 0) -> Iterator[Image.Image]:
        """Yield the moments from one on as images."""
        canvas = FigureCanvasAgg(self.figure)
        for moment in range(first, self.moments):
            self.show(moment)
            canvas.draw()  # type: ignore[no-untyped-call]
            pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
            yield Image.fromarray(pixels).convert("RGB")


def _palette(image: Image.Image) -> Image.Image:
    """Return one palette for all moments, so that nothing flickers: that of one of them, with a white that is white."""
    palette = image.quantize(256, method=Image.Quantize.MEDIANCUT)
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    colours[(colours >= _NEARLY_WHITE).all(axis=1)] = 255
    palette.putpalette(colours.ravel().tolist())
    return palette


def _encode(images: Iterator[Image.Image], path: Path, ffmpeg: str) -> None:
    """Write images as a film, by ffmpeg.

    Raises:
        CalledProcessError: ffmpeg cannot encode H.264, or fails otherwise.
    """
    rest = f"tpad=start_mode=clone:start_duration={_REST_FIRST}:stop_mode=clone:stop_duration={_REST_LAST}"
    given = ["-f", "image2pipe", "-framerate", f"{MOMENTS_PER_SECOND}", "-vcodec", "ppm", "-i", "-"]
    film = ["-vf", rest, "-vcodec", "h264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", "-f", "mp4"]
    # One thread and no names of programs: the same bytes from the same ffmpeg, on machines of any number of cores.
    same = ["-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"]
    command = [ffmpeg, "-v", "error", "-y", *given, *film, *same, str(path)]
    with TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said)  # noqa: S603 - no shell
        # A pipe that breaks means that ffmpeg ended early: its status and its words say why.
        with process, suppress(BrokenPipeError), cast("IO[bytes]", process.stdin) as stream:
            for image in images:
                image.save(stream, format="PPM")
        if process.returncode:
            said.seek(0)
            words = said.read().decode(errors="replace")
            raise subprocess.CalledProcessError(process.returncode, command, stderr=words)
