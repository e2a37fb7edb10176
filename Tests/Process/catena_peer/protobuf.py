"""The little of protobuf's wire format that catena.proto needs, driven by messages.py.

A message is encoded from a dict (or a `Record`) and decoded to a `Record`. Nested messages are
present when they are in the dict, also when they are empty; scalars are left out when zero.
"""

import struct

from .messages import MESSAGES

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
SCALARS = {"uint32", "uint64", "int64", "bool", "enum", "double", "string", "bytes"}
DEFAULTS = {"string": "", "bytes": b"", "bool": False}


class Unreadable(ValueError):
    """Bytes that are not the message they should be."""


class Record:
    """A decoded message; attribute access gives the default for what is absent.

    Not a dict, whose methods would hide fields with names like `keys`.
    """

    def __init__(self, message):
        self._message = message
        self._fields = {}

    def __getattr__(self, name):
        if name in self._fields:
            return self._fields[name]
        if name not in MESSAGES[self._message]:
            raise AttributeError(f"{self._message} has no field {name}")
        _, kind, repeated = MESSAGES[self._message][name]
        return [] if repeated else default(kind)

    def __getitem__(self, name):
        return self._fields[name]

    def __setitem__(self, name, value):
        self._fields[name] = value

    def __contains__(self, name):
        return name in self._fields

    def __iter__(self):
        return iter(self._fields)

    def __eq__(self, other):
        return self._fields == (other._fields if isinstance(other, Record) else other)

    def __repr__(self):
        return f"{self._message}({self._fields})"


def default(kind):
    if kind in MESSAGES:
        return Record(kind)
    return DEFAULTS.get(kind, 0)


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data, at):
    number = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Unreadable("varint")
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number & (1 << 64) - 1, at
        shift += 7


def encode(message, values):
    """The bytes of message type `message` with the fields of the mapping `values`."""
    table = MESSAGES[message]
    unknown = set(values) - set(table)
    if unknown:
        raise KeyError(f"{message} has no field {sorted(unknown)}")
    out = []
    for name, (number, kind, repeated) in table.items():
        if name not in values or values[name] is None:
            continue
        for value in values[name] if repeated else [values[name]]:
            out.append(_field(number, kind, value, keep=repeated))
    return b"".join(out)


def _field(number, kind, value, keep):
    if kind in MESSAGES:
        body = encode(kind, value)
    elif kind == "string":
        body = value.encode()
    elif kind == "bytes":
        body = bytes(value)
    elif kind == "double":
        return varint(number << 3 | FIXED64) + struct.pack("<d", value) if value or keep else b""
    else:
        return varint(number << 3) + varint(int(value)) if value or keep else b""
    if not body and not keep and kind not in MESSAGES:
        return b""
    return varint(number << 3 | BYTES) + varint(len(body)) + body


def _raw_fields(data):
    """(field number, wire type, value) of every field."""
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == VARINT:
            value, at = read_varint(data, at)
        elif wire == BYTES:
            length, at = read_varint(data, at)
            value, at = data[at : at + length], at + length
        elif wire in (FIXED64, FIXED32):
            length = 8 if wire == FIXED64 else 4
            value, at = data[at : at + length], at + length
        else:
            raise Unreadable(f"wire type {wire}")
        if at > len(data) or number == 0:
            raise Unreadable("cut short")
        yield number, wire, value


def decode(message, data):
    """A Record; unknown fields are skipped, as proto3 asks."""
    by_number = {entry[0]: (name, *entry[1:]) for name, entry in MESSAGES[message].items()}
    record = Record(message)
    for number, wire, raw in _raw_fields(bytes(data)):
        if number not in by_number:
            continue
        name, kind, repeated = by_number[number]
        counted = kind in MESSAGES or kind in ("string", "bytes")
        if repeated and not counted and wire == BYTES:
            values = [_value(kind, part) for part in _packed(kind, raw)]
        elif wire != (BYTES if counted else FIXED64 if kind == "double" else VARINT):
            raise Unreadable(f"{message}.{name} has wire type {wire}")
        else:
            values = [_value(kind, raw)]
        if repeated:
            if name not in record:
                record[name] = []
            record[name] += values
        else:
            record[name] = values[0]
    return record


def _packed(kind, raw):
    """The raw values of a repeated number, which follow each other without tags."""
    at = 0
    while at < len(raw):
        if kind == "double":
            value, at = raw[at : at + 8], at + 8
        else:
            value, at = read_varint(raw, at)
        yield value


def _value(kind, raw):
    if kind == "double":
        if len(raw) != 8:
            raise Unreadable("double")
        return struct.unpack("<d", raw)[0]
    if kind in MESSAGES:
        return decode(kind, raw)
    if kind == "string":
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise Unreadable("string") from error
    if kind == "bytes":
        return raw
    if kind == "bool":
        return bool(raw)
    if kind == "int64" and raw >> 63:
        return raw - (1 << 64)
    return raw & 0xFFFFFFFF if kind in ("uint32", "enum") else raw
