"""Boxes in images: non_maximum_suppression and crop_resize of the MIL definitions."""

import torch
from torch import Tensor

from ...reference.errors import InputError
from .registry import Call, operation
from .sample import bilinear


def _overlap(boxes: Tensor, one: Tensor) -> Tensor:
    """Area of intersection over area of union of boxes (centre x, y, width, height) with one of them."""

    def ends(box: Tensor) -> tuple[Tensor, Tensor]:
        return box[..., :2] - box[..., 2:] / 2, box[..., :2] + box[..., 2:] / 2

    (low, high), (low_one, high_one) = ends(boxes), ends(one)
    sides = (torch.minimum(high, high_one) - torch.maximum(low, low_one)).clamp(min=0)
    shared = sides[..., 0] * sides[..., 1]
    union = boxes[..., 2] * boxes[..., 3] + one[2] * one[3] - shared
    return torch.where(union > 0, shared / union, torch.zeros_like(union))


def _suppress(boxes: Tensor, scores: Tensor, iou: float, limit: int, per_class: bool) -> list[int]:
    """Which boxes stay, in descending order of their best score."""
    best, kind = scores.max(-1)
    order = torch.argsort(best, descending=True, stable=True)
    alive = torch.isfinite(best)
    kept: list[int] = []
    for index in order.tolist():
        if len(kept) == limit:
            break
        if not alive[index]:
            continue
        kept.append(index)
        rivals = _overlap(boxes, boxes[index]) > iou
        alive &= ~(rivals & (kind == kind[index])) if per_class else ~rivals
    return kept


@operation("non_maximum_suppression")
def non_maximum_suppression(
    call: Call,
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float,
    max_boxes: int,
    score_threshold: float | None = None,
    per_class_suppression: bool = False,
) -> tuple[Tensor, ...]:
    """Boxes in descending order of score, without those that overlap a better one.

    iOS15: boxes n×B×4 and scores n×B×K, and the number of boxes that stay as a fourth output. iOS17: boxes
    n×4×B and scores n×K×B, no score threshold. What is left over is filled with zeros, indices with -1.
    """
    old = len(call.outputs) == 4
    if not old:
        boxes, scores = boxes.transpose(1, 2), scores.transpose(1, 2)
    if boxes.ndim != 3 or boxes.shape[2] != 4 or scores.shape[:2] != boxes.shape[:2] or max_boxes < 0:
        raise InputError(f"has boxes {list(boxes.shape)} and scores {list(scores.shape)}")
    call.allocate((boxes.shape[0], max_boxes, max(4, scores.shape[2])))
    batch = boxes.shape[0]
    out_boxes = torch.zeros(batch, max_boxes, 4)
    out_scores = torch.zeros(batch, max_boxes, scores.shape[2])
    indices = torch.full((batch, max_boxes), -1, dtype=torch.int32)
    counts = torch.zeros(batch, dtype=torch.int32)
    for n in range(batch):
        rated = scores[n]
        if score_threshold is not None:
            keep = rated.max(-1).values >= score_threshold
            rated = torch.where(keep[:, None], rated, torch.full_like(rated, -torch.inf))
        kept = _suppress(boxes[n], rated, iou_threshold, max_boxes, per_class_suppression)
        out_boxes[n, : len(kept)], out_scores[n, : len(kept)] = boxes[n, kept], scores[n, kept]
        indices[n, : len(kept)] = torch.tensor(kept, dtype=torch.int32)
        counts[n] = len(kept)
    if old:
        return out_boxes, out_scores, indices, counts
    return out_boxes.transpose(1, 2), out_scores.transpose(1, 2), indices


def _crop_points(start: Tensor, end: Tensor, target: int, mode: str) -> Tensor:
    """Where between two positions, a box's edges, `target` samples are taken: boxes × target.

    As the grid of resize_bilinear, with the box in the place of the axis.
    """
    i = torch.arange(target, dtype=torch.float32)
    start, reach = start[:, None], (end - start)[:, None]
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        if target == 1:
            return start + (reach / 2 if mode == "ALIGN_CORNERS" else 0 * reach)
        return start + i * reach / (target - 1)
    if mode == "DEFAULT":
        return start + i * (reach + 1) / target
    if mode == "OFFSET_CORNERS":
        return start + (i + 0.5) * reach.clamp(min=1) / target
    if mode == "UNALIGN_CORNERS":
        return start + (i + 0.5) * (reach + 1) / target - 0.5
    raise InputError(f"unknown sampling mode {mode!r}")


_EDGES = {
    "CORNERS_HEIGHT_FIRST": (0, 1, 2, 3),
    "CORNERS_WIDTH_FIRST": (1, 0, 3, 2),
    "CENTER_SIZE_HEIGHT_FIRST": (0, 1, 2, 3),
    "CENTER_SIZE_WIDTH_FIRST": (1, 0, 3, 2),
}


@operation("crop_resize")
def crop_resize(
    call: Call,
    x: Tensor,
    roi: Tensor | None = None,
    boxes: Tensor | None = None,
    box_indices: Tensor | None = None,
    target_height: int = 1,
    target_width: int = 1,
    normalized_coordinates: bool = False,
    spatial_scale: float = 1.0,
    box_coordinate_mode: str = "CORNERS_HEIGHT_FIRST",
    sampling_mode: str = "DEFAULT",
    pad_value: float = 0.0,
) -> Tensor:
    """Cut boxes out of images and resize them.

    iOS15 and iOS16: roi N×1×4×1×1 takes every box out of every image (N×B×C×h×w), N×1×5×1×1 names an image in
    front of each box (N×1×C×h×w). iOS17: boxes N×4 and the image of each, N×C×h×w.
    """
    source = boxes if boxes is not None else roi
    if source is None:
        raise InputError("has neither roi nor boxes")
    if x.ndim != 4 or box_coordinate_mode not in _EDGES:
        raise InputError(f"has x of shape {list(x.shape)} and box_coordinate_mode {box_coordinate_mode!r}")
    rows = source.to(torch.float32).reshape(source.shape[0], -1)
    count, batch = len(rows), x.shape[0]
    named = boxes is None and rows.shape[1] == 5
    if named:
        images, rows = rows[:, 0].to(torch.int64), rows[:, 1:]
    elif boxes is None:
        images, rows = torch.arange(batch).repeat(count), rows.repeat_interleave(batch, 0)
    else:
        images = torch.arange(count) if box_indices is None else box_indices.to(torch.int64)
    if rows.shape[1] != 4 or len(images) != len(rows):
        raise InputError(f"has boxes of shape {list(source.shape)} for {len(images)} images")
    if len(images) and not 0 <= int(images.min()) <= int(images.max()) < batch:
        raise InputError(f"takes a box out of an image that is none of {batch}")
    call.allocate((len(rows), x.shape[1], target_height, target_width))
    height, width = x.shape[2:]
    rows = rows[:, _EDGES[box_coordinate_mode]] * spatial_scale
    if box_coordinate_mode.startswith("CENTER"):
        middle, half = rows[:, :2], rows[:, 2:] / 2
        rows = torch.cat([middle - half, middle + half], 1)
    if normalized_coordinates:
        rows = rows * torch.tensor([height - 1, width - 1, height - 1, width - 1])
    down = _crop_points(rows[:, 0], rows[:, 2], target_height, sampling_mode)
    right = _crop_points(rows[:, 1], rows[:, 3], target_width, sampling_mode)
    grid_y = down[:, :, None].expand(-1, -1, target_width)
    grid_x = right[:, None, :].expand(-1, target_height, -1)
    within_y, within_x = grid_y.clamp(0, height - 1), grid_x.clamp(0, width - 1)
    result = bilinear(x[images], within_x, within_y, None)
    # A point outside the image is padding altogether, as in tf.image.crop_and_resize.
    inside = ((within_y == grid_y) & (within_x == grid_x))[:, None]
    result = torch.where(inside, result, torch.full_like(result, pad_value))
    if boxes is not None:
        return result
    return result.reshape(count, 1 if named else batch, *result.shape[1:])
