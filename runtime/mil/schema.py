"""The messages of Core ML's model format that an ML Program needs, as descriptors of our own.

The field numbers are Core ML's (Model.proto, FeatureTypes.proto, MIL.proto). Describing them here keeps the
evaluator independent of coremltools (it reads what was saved, not what the writer thinks it saved) and spares
its import, which takes seconds. Fields that are not listed are skipped by protobuf.
"""

from functools import cache
from typing import Any

from ...reference.errors import InputError, MissingExtraError

# message: "field number type", in a repeated field with a leading *, in a map with a leading % (string keys),
# in a oneof with =name behind.
_MESSAGES = {
    "Model": "specificationVersion 1 int32; description 2 ModelDescription; mlProgram 502 Program",
    "ModelDescription": "*input 1 FeatureDescription; *output 10 FeatureDescription; "
    "*state 13 FeatureDescription; *functions 20 FunctionDescription; defaultFunctionName 21 string",
    "FunctionDescription": "name 1 string; *input 2 FeatureDescription; *output 3 FeatureDescription; "
    "*state 6 FeatureDescription",
    "FeatureDescription": "name 1 string; type 3 FeatureType",
    "FeatureType": "int64Type 1 Empty =Type; doubleType 2 Empty =Type; stringType 3 Empty =Type; "
    "imageType 4 ImageFeatureType =Type; multiArrayType 5 ArrayFeatureType =Type; "
    "dictionaryType 6 Empty =Type; sequenceType 7 Empty =Type; stateType 8 StateFeatureType =Type; "
    "isOptional 1000 bool",
    "StateFeatureType": "arrayType 1 ArrayFeatureType =Type",
    "Empty": "",
    "SizeRange": "lowerBound 1 uint64; upperBound 2 int64",
    "ImageSize": "width 1 uint64; height 2 uint64",
    "EnumeratedImageSizes": "*sizes 1 ImageSize",
    "ImageSizeRange": "widthRange 1 SizeRange; heightRange 2 SizeRange",
    "ImageFeatureType": "width 1 int64; height 2 int64; colorSpace 3 int32; "
    "enumeratedSizes 21 EnumeratedImageSizes =Flexibility; imageSizeRange 31 ImageSizeRange =Flexibility",
    "Shape": "*shape 1 int64",
    "EnumeratedShapes": "*shapes 1 Shape",
    "ShapeRange": "*sizeRanges 1 SizeRange",
    "ArrayFeatureType": "*shape 1 int64; dataType 2 int32; "
    "enumeratedShapes 21 EnumeratedShapes =Flexibility; shapeRange 31 ShapeRange =Flexibility; "
    "intDefaultValue 41 int32 =Default; floatDefaultValue 51 float =Default; "
    "doubleDefaultValue 61 double =Default",
    "Program": "version 1 int64; %functions 2 Function",
    "Function": "*inputs 1 NamedValueType; opset 2 string; %block_specializations 3 Block",
    "Block": "*inputs 1 NamedValueType; *outputs 2 string; *operations 3 Operation",
    "Binding": "name 1 string =binding; value 2 Value =binding",
    "Argument": "*arguments 1 Binding",
    "Operation": "type 1 string; %inputs 2 Argument; *outputs 3 NamedValueType; *blocks 4 Block; "
    "%attributes 5 Value",
    "NamedValueType": "name 1 string; type 2 ValueType",
    "ValueType": "tensorType 1 TensorType =type; listType 2 ListType =type; tupleType 3 Empty =type; "
    "dictionaryType 4 Empty =type; stateType 5 StateType =type",
    "ListType": "type 1 ValueType; length 2 Dimension",
    "StateType": "wrappedType 1 ValueType",
    "TensorType": "dataType 1 int32; rank 2 int64; *dimensions 3 Dimension",
    "Dimension": "constant 1 ConstantDimension =dimension; unknown 2 UnknownDimension =dimension",
    "ConstantDimension": "size 1 uint64",
    "UnknownDimension": "variadic 1 bool",
    "Value": "type 2 ValueType; immediateValue 3 ImmediateValue =value; blobFileValue 5 BlobFileValue =value",
    "ImmediateValue": "tensor 1 TensorValue =value; tuple 2 Empty =value; list 3 ListValue =value; "
    "dictionary 4 Empty =value",
    "ListValue": "*values 1 Value",
    "BlobFileValue": "fileName 1 string; offset 2 uint64",
    "TensorValue": "floats 1 RepeatedFloats =value; ints 2 RepeatedInts =value; "
    "bools 3 RepeatedBools =value; strings 4 RepeatedStrings =value; longInts 5 RepeatedLongInts =value; "
    "doubles 6 RepeatedDoubles =value; bytes 7 RepeatedBytes =value",
    "RepeatedFloats": "*values 1 float",
    "RepeatedDoubles": "*values 1 double",
    "RepeatedInts": "*values 1 int32",
    "RepeatedLongInts": "*values 1 int64",
    "RepeatedBools": "*values 1 bool",
    "RepeatedStrings": "*values 1 string",
    "RepeatedBytes": "values 1 bytes",
}
_SCALARS = {
    "double": 1,
    "float": 2,
    "int64": 3,
    "uint64": 4,
    "int32": 5,
    "bool": 8,
    "string": 9,
    "bytes": 12,
}
_MESSAGE_TYPE, _OPTIONAL, _REPEATED = 11, 1, 3
_PACKAGE = "ldikit.mil"

MODEL_KINDS = {
    200: "pipeline classifier",
    201: "pipeline regressor",
    202: "pipeline",
    303: "neural network regressor",
    403: "neural network classifier",
    500: "neural network",
}
"""Numbers of the fields that hold other kinds of model, for the error message."""


def _add_field(message: Any, name: str, number: int, kind: str, label: int) -> Any:
    field = message.field.add(name=name, number=number, label=label)
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _MESSAGE_TYPE
        field.type_name = f".{_PACKAGE}.{kind}"
    return field


@cache
def _message_classes() -> dict[str, Any]:
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ModuleNotFoundError as error:
        raise MissingExtraError("protobuf", "coreml", "reading a Core ML model") from error
    file = descriptor_pb2.FileDescriptorProto(name="ldikit/mil.proto", package=_PACKAGE, syntax="proto3")
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        oneofs: dict[str, int] = {}
        for text in filter(None, (part.strip() for part in fields.split(";"))):
            name, number, kind, *oneof = text.split()
            bare = name.lstrip("*%")
            if name.startswith("%"):
                entry_name = "".join(word[:1].upper() + word[1:] for word in bare.split("_")) + "Entry"
                entry = message.nested_type.add(name=entry_name)
                entry.options.map_entry = True
                _add_field(entry, "key", 1, "string", _OPTIONAL)
                _add_field(entry, "value", 2, kind, _OPTIONAL)
                kind = f"{message_name}.{entry_name}"
            field = _add_field(message, bare, int(number), kind, _OPTIONAL if name == bare else _REPEATED)
            if oneof:
                if oneof[0] not in oneofs:
                    oneofs[oneof[0]] = len(message.oneof_decl)
                    message.oneof_decl.add(name=oneof[0].lstrip("="))
                field.oneof_index = oneofs[oneof[0]]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


def parse_model(data: bytes, source: str) -> Any:
    """Parse a serialised Core ML model and return its `Model` message.

    Args:
        data: the bytes of a model.mlmodel.
        source: where they came from, for error messages.

    Raises:
        InputError: the bytes are no such message, or cut short.
        MissingExtraError: protobuf is not installed.
    """
    model_class = _message_classes()["Model"]
    from google.protobuf.message import DecodeError

    model = model_class()
    try:
        model.ParseFromString(data)
    except (DecodeError, RecursionError) as error:
        raise InputError(f"{source} is not a Core ML model, or is cut short: {error}") from error
    return model


def model_kind(data: bytes) -> str | None:
    """Name the kind of a serialised model that is no ML Program, or None if it is none that is known."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    model = _message_classes()["Model"]()
    model.ParseFromString(data)
    numbers = {field.field_number for field in UnknownFieldSet(model)}
    known = [MODEL_KINDS[number] for number in sorted(numbers & MODEL_KINDS.keys())]
    return known[0] if known else None
