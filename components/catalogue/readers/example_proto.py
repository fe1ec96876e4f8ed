"""``tf.train.Example`` without TensorFlow: the same protocol buffer, described here and built by protobuf itself.

The fields and their numbers are those of ``tensorflow/core/example/example.proto`` and ``feature.proto``. The messages
are in a descriptor pool of their own, so that they do not collide with TensorFlow's in one process.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "diptych"


def _message_types() -> descriptor_pb2.FileDescriptorProto:
    """Describes Example, Features, Feature and the three lists of values."""
    file = descriptor_pb2.FileDescriptorProto(name="diptych/example.proto", package=_PACKAGE, syntax="proto3")
    value_types = {"BytesList": _Field.TYPE_BYTES, "FloatList": _Field.TYPE_FLOAT, "Int64List": _Field.TYPE_INT64}
    for name, value_type in value_types.items():
        # Repeated numbers of proto3 are packed, as TensorFlow's are.
        file.message_type.add(name=name).field.add(name="value", number=1, type=value_type, label=_Field.LABEL_REPEATED)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, name in enumerate(("bytes_list", "float_list", "int64_list"), start=1):
        type_name = f".{_PACKAGE}.{list(value_types)[number - 1]}"
        _add_message_field(feature, name, number, type_name).oneof_index = 0
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry", options=descriptor_pb2.MessageOptions(map_entry=True))
    entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    _add_message_field(entry, "value", 2, f".{_PACKAGE}.Feature")
    _add_message_field(features, "feature", 1, f".{_PACKAGE}.Features.FeatureEntry").label = _Field.LABEL_REPEATED
    _add_message_field(file.message_type.add(name="Example"), "features", 1, f".{_PACKAGE}.Features")
    return file


def _add_message_field(
    message: descriptor_pb2.DescriptorProto, name: str, number: int, type_name: str
) -> descriptor_pb2.FieldDescriptorProto:
    return message.field.add(
        name=name, number=number, type=_Field.TYPE_MESSAGE, type_name=type_name, label=_Field.LABEL_OPTIONAL
    )


def _message_class(name: str) -> Any:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_message_types().SerializeToString())
    descriptor = pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")
    # protobuf has the function from version 4.22 on, and the class up to version 4.
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


#: The message class; it reads and writes what ``tf.train.Example`` does.
Example = _message_class("Example")
