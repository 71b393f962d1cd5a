"""Labels as class numbers; finding the image and label columns of a table."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ganatomy.core.errors import GanatomyError, unknown
from ganatomy.data.listing import Labels

IMAGE_NAMES = ("image", "img")
LABEL_NAMES = ("label", "labels", "fine_label")


class Columns(NamedTuple):
    """The columns of a table with images and labels. names: class names, if the table has them."""

    image: str
    label: str | None
    names: tuple[str, ...] | None


def columns_of(schema: pa.Schema, where: str, label: str | None) -> Columns:
    """The image column, and the label column: the one asked for, or one detected by name or type.

    Raises GanatomyError if there is none, or if the choice is not clear.
    """
    features = features_of(schema)
    image = image_column(schema, features, where)
    others = [name for name in schema.names if name != image]
    class_labels = [name for name in others if features.get(name, {}).get("_type") == "ClassLabel"]
    if label is not None and label not in others:
        raise unknown(f"label column in {where}", label, others)
    if label is None:
        label = next((name for name in LABEL_NAMES if name in others), None)
    if label is None and len(class_labels) == 1:
        label = class_labels[0]
    if label is None:
        return Columns(image, None, None)
    kind = schema.field(label).type
    if pa.types.is_boolean(kind):
        return Columns(image, label, (f"not {label}", label))
    if not (pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise GanatomyError(
            f"The column '{label}' of {where} is no label: {kind}, where integers, names or booleans serve."
        )
    names = features.get(label, {}).get("names")
    return Columns(image, label, tuple(str(name) for name in names) if isinstance(names, list) else None)


def features_of(schema: pa.Schema) -> dict[str, dict[str, object]]:
    """The metadata of the columns by the `datasets` library; empty if there is none."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return {name: feature for name, feature in features.items() if isinstance(feature, dict)}


def image_column(schema: pa.Schema, features: Mapping[str, Mapping[str, object]], where: str) -> str:
    """The name of the image column. Raises GanatomyError unless there is exactly one candidate."""

    def holds_images(column: pa.Field) -> bool:
        if features.get(column.name, {}).get("_type") == "Image":
            return pa.types.is_struct(column.type)
        return pa.types.is_struct(column.type) and {"bytes", "path"} == {inner.name for inner in column.type}

    columns = [column.name for column in schema if holds_images(column)]
    if len(columns) == 1:
        return columns[0]
    for name in IMAGE_NAMES:
        if name in columns:
            return name
    if columns:
        raise GanatomyError(f"{where} has several image columns ({', '.join(columns)}): name the one to use 'image'.")
    raise GanatomyError(
        f"{where} has no image column: one of structs with 'bytes' and 'path'. It has: {listed(schema.names)}."
    )


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names separated by commas, and "..." after so many."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def numbered(
    values: Mapping[str, np.ndarray], names: tuple[str, ...] | None, where: str
) -> tuple[dict[str, Labels | None], tuple[str, ...]]:
    """The class numbers of every split, and the class names.

    values: labels [N] of each split: integers, booleans or strings.
    names: class names, into which the values are numbers; a split with negative ones has no labels (so the hub marks
        hidden ones). None: the distinct values are the classes.
    """
    if names is None:
        classes, inverse = np.unique(np.concatenate(list(values.values())), return_inverse=True)
        ends = np.cumsum([len(of_split) for of_split in values.values()])[:-1]
        parts = np.split(inverse.astype(np.int64), ends)
        return dict(zip(values, parts, strict=True)), tuple(str(value) for value in classes.tolist())
    labels: dict[str, Labels | None] = {}
    for split, of_split in values.items():
        numbers = of_split.astype(np.int64)
        if len(numbers) and numbers.max() >= len(names):
            raise GanatomyError(f"{where} has label {numbers.max()}, but names only {len(names)} classes.")
        labels[split] = None if len(numbers) and numbers.min() < 0 else numbers
    return labels, names
