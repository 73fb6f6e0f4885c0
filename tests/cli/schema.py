"""The part of JSON Schema (draft 7) that doc/*.schema.json use, so that no library is needed: `fault(value, schema, root)` is a path and a word, or None."""

import re

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None), "number": (int, float), "integer": int}
KNOWN = {"$schema", "title", "description", "definitions", "$ref", "type", "const", "enum", "pattern", "minimum", "required", "properties", "additionalProperties", "items", "oneOf"}


def is_of(value, name):
    return isinstance(value, TYPES[name]) and not (isinstance(value, bool) and name in ("number", "integer"))


def fault(value, schema, root, path=""):
    unknown = set(schema) - KNOWN
    if unknown:
        return f"{path}: the schema uses {unknown}, which is not checked here"
    if "$ref" in schema:
        return fault(value, root["definitions"][schema["$ref"].rsplit("/", 1)[1]], root, path)
    types = schema.get("type", [])
    if types and not any(is_of(value, t) for t in ([types] if isinstance(types, str) else types)):
        return f"{path}: {value!r} is no {types}"
    if "const" in schema and value != schema["const"] or "enum" in schema and value not in schema["enum"]:
        return f"{path}: {value!r}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        return f"{path}: {value!r} is not like {schema['pattern']}"
    if isinstance(value, (int, float)) and value < schema.get("minimum", value):
        return f"{path}: {value}"
    if isinstance(value, list):
        return next((f for i, v in enumerate(value) if (f := fault(v, schema.get("items", {}), root, f"{path}/{i}"))), None)
    if isinstance(value, dict):
        return object_fault(value, schema, root, path)
    return None


def object_fault(value, schema, root, path):
    properties = schema.get("properties", {})
    for key in schema.get("required", []):
        if key not in value:
            return f"{path}: lacks {key}"
    for key, v in value.items():
        if key not in properties and schema.get("additionalProperties") is False:
            return f"{path}: {key} is not known"
        f = fault(v, properties.get(key, {}), root, f"{path}/{key}")
        if f:
            return f
    if "oneOf" in schema:
        faults = [fault(value, s, root, path) for s in schema["oneOf"]]
        if faults.count(None) != 1:
            return f"{path}: is {faults.count(None)} of the kinds: {min(filter(None, faults), key=len, default='')}"
    return None
