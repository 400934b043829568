"""Cutting a TFLite file at its int8 tensors; see `steps`."""

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...reference.errors import InputError
from ..scales.tflite_file import load_model
from .cut import MADE, Content, Cut


def cut_tflite(path: Path) -> tuple[list[Cut], Content]:
    """Find the int8 tensors that operations make.

    Returns:
        the cuts in the file's order, and what makes the files.

    Raises:
        InputError: the file cannot be read, or is damaged.
        MissingExtraError: the library that reads it is not installed.
    """
    model, schema = load_model(path)
    kinds = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    try:
        graph = model.subgraphs[0]
        codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
        places, cuts = [], []
        for operation in graph.operators:
            for index in operation.outputs:
                tensor = graph.tensors[index]
                if tensor.type == schema.TensorType.INT8:
                    kind = kinds.get(codes[operation.opcodeIndex], "CUSTOM")
                    name = (tensor.name or b"").decode("utf-8", "replace") or f"tensor {index}"
                    places.append(int(index))
                    cuts.append(Cut(name, kind, kind == "QUANTIZE"))
    except (IndexError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged: {error}") from error

    def content(shapes: Sequence[tuple[int, ...]] | None) -> bytes:
        import flatbuffers

        model, _ = load_model(path)
        model.signatureDefs = []
        graph = model.subgraphs[0]
        instead = {}
        if shapes is not None:
            for place, cut in zip(places, cuts, strict=True):
                tensor = copy.copy(graph.tensors[place])
                tensor.name = (cut.name + MADE).encode()
                instead[place] = len(graph.tensors)
                graph.tensors.append(tensor)
            for operation in graph.operators:
                operation.outputs = np.array(
                    [instead.get(int(i), int(i)) for i in operation.outputs], np.int32
                )
            graph.inputs = np.array([*graph.inputs, *places], np.int32)
        # The program's own outputs would add to what is compared.
        graph.outputs = np.array([instead.get(place, place) for place in places], np.int32)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    return cuts, content
