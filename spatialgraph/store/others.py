"""Files of evaluations, of splits, and of arrays by name."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from ..faults import Fault
from ..graph.split import Split
from ..network import Evaluation, evaluation_faults
from ..notes import Note
from .hdf5 import EVALUATION, GROUP, SPLITS, Content, Reader, format_of, key_of, metadata_attributes, read_by, write

# The group of a split that holds its communities; all else in it are layers.
_COMMUNITIES = "communities"


def write_evaluation(path: str | Path, evaluation: Evaluation) -> None:
    """Write an evaluation to a file, whole or not at all.

    Args:
        path: the file; one that is there is replaced, missing folders are made.
        evaluation: what to write.

    Raises:
        OSError: the file cannot be written, or does not read back as written; an older file is as it was.
    """
    content = Content(EVALUATION)
    content.arrays = {"inputs": evaluation.inputs, "labels": evaluation.labels}
    content.attributes["inputs"] = {"scale": float(evaluation.scale)}
    for task, probe in evaluation.probes.items():
        content.arrays[f"probes/{key_of(task)}"] = probe
    write(path, content)


def read_evaluation(path: str | Path) -> Evaluation:
    """Read an evaluation.

    Raises:
        FormatError: the file is damaged or is not an evaluation by ``FORMAT.md``.
        OSError: there is no such file, or it may not be read.
    """
    return read_by(path, {EVALUATION: parse_evaluation})


def parse_evaluation(reader: Reader) -> Evaluation | None:
    """Return the evaluation of a file; None if anything is wrong with it, which is then on the reader's list."""
    kind = "float32 or an unsigned integer type"
    inputs = reader.array("inputs", ("examples", "inputs"), kind)
    examples, entries = ("examples", "inputs") if inputs is None else inputs.shape
    labels = reader.array("labels", (examples, "tasks"), "an integer type up to int64")
    scale: float | None = 1.0
    if inputs is not None and (inputs.dtype.kind == "u" or reader.has("inputs", "scale")):
        scale = reader.attribute("inputs", "scale", float)
    keys = {unquote(name): f"probes/{name}" for name in reader.names("probes")}
    probes = {task: reader.array(key, ("groups", "examples", entries), kind) for task, key in keys.items()}

    # As for a network: what could be read is checked as a whole, with nothing in the place of what could not.
    rows = len(labels) if labels is not None else 0 if inputs is None else len(inputs)
    parts = (
        np.empty((rows, 0), np.float32) if inputs is None else inputs,
        np.empty((rows, 0), np.int64) if labels is None else labels,
        1.0 if scale is None else scale,
        {task: probe for task, probe in probes.items() if probe is not None and inputs is not None},
    )
    reader.add(evaluation_faults(*parts))
    return None if reader.faults else Evaluation(*parts)


def write_splits(path: str | Path, splits: Mapping[str, Mapping[str, Split]]) -> None:
    """Write the splits of several networks to one file, whole or not at all.

    Args:
        path: the file; one that is there is replaced, missing folders are made.
        splits: name of the network to name of the method to the split, whose own ``method`` is that name.

    Raises:
        ValueError: a split is filed under another name than its method's.
        OSError: the file cannot be written, or does not read back as written; an older file is as it was.
    """
    content = Content(SPLITS)
    for network, methods in splits.items():
        content.attributes.setdefault(key_of(network), {})
        for method, split in methods.items():
            if split.method != method:
                raise ValueError(f"{path}: {network}/{method}: expected a split of this name, found {split.method!r}")
            key = f"{key_of(network)}/{key_of(method)}"
            # Sentences for readers that know no codes.
            content.attributes[key] = {
                "notes": json.dumps(list(map(str, split.notes))),
                "note_codes": json.dumps(list(map(asdict, split.notes))),
            }
            for layer, members in split.membership.items():
                content.arrays[f"{key}/{layer}"] = members
            for layer, numbers in (split.communities or {}).items():
                content.arrays[f"{key}/{_COMMUNITIES}/{layer}"] = numbers
    write(path, content)


def read_splits(path: str | Path) -> dict[str, dict[str, Split]]:
    """Read the splits of several networks: name of the network to name of the method to the split.

    Raises:
        FormatError: the file is damaged or does not hold splits by ``FORMAT.md``.
        OSError: there is no such file, or it may not be read.
    """
    return read_by(path, {SPLITS: parse_splits})


def parse_splits(reader: Reader) -> dict[str, dict[str, Split]] | None:
    """Return the splits of a file; None if anything is wrong with them, which is then on the reader's list."""
    splits: dict[str, dict[str, Split]] = {}
    for network in reader.names(""):
        methods = splits.setdefault(unquote(network), {})
        for method in reader.names(network):
            key = f"{network}/{method}"
            notes = _notes(reader, key) if reader.has(key, "notes") else ()
            membership = _membership(reader, key)
            communities = _communities(reader, f"{key}/{_COMMUNITIES}", membership or {})
            if membership is not None and not reader.faults:
                methods[unquote(method)] = Split(unquote(method), membership, notes, communities)
    return None if reader.faults else splits


def _membership(reader: Reader, key: str) -> dict[int, NDArray[np.bool_]] | None:
    """Return the membership of one split by number of the layer; None if it cannot be read."""
    names = [name for name in reader.names(key) if name != _COMMUNITIES]
    for name in names:
        if not (name.isascii() and name.isdecimal()):
            reader.add([Fault(f"{key}/{name}", "the number of a layer", repr(name))])
            return None
    arrays = {int(name): reader.array(f"{key}/{name}", ("units", "tasks"), "booleans") for name in names}
    members = {layer: array for layer, array in arrays.items() if array is not None}
    tasks = {array.shape[1] for array in members.values()}
    if len(tasks) > 1:
        counts = " and ".join(map(str, sorted(tasks)))
        reader.add([Fault(key, "the same number of tasks in every layer", counts)])
        return None
    return members


def _communities(
    reader: Reader, key: str, membership: Mapping[int, NDArray[np.bool_]]
) -> dict[int, NDArray[np.int64]] | None:
    """Return the communities of one split by number of the layer; None if there are none, or they cannot be read."""
    if not reader.has(key):
        return None
    layers = sorted(map(str, membership))
    if (names := sorted(reader.names(key))) != layers:
        reader.add([Fault(key, f"the layers of the split, {', '.join(layers)}", ", ".join(names) or "nothing")])
        return None
    communities = {}
    for layer, members in membership.items():
        numbers = reader.array(f"{key}/{layer}", (len(members),), "an integer type up to int64")
        if numbers is not None and (numbers < -1).any():
            reader.add([Fault(f"{key}/{layer}", "numbers of at least -1", str(numbers.min()))])
        elif numbers is not None:
            communities[layer] = numbers.astype(np.int64)
    return communities


def _notes(reader: Reader, key: str) -> tuple[Note, ...]:
    """Return the notes of one split: by their codes, as far as these say what the texts say."""
    text = reader.attribute(key, "notes", str)
    try:
        notes = [] if text is None else json.loads(text)
    except (ValueError, RecursionError):
        notes = None
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        reader.add([Fault(f"{key}.notes", "a JSON list of texts", f"{text!r:.60}")])
        return ()
    codes = _codes(reader, key)
    coded = codes if len(codes) == len(notes) else [None] * len(notes)
    return tuple(_note(text, code) for text, code in zip(notes, coded, strict=True))


def _codes(reader: Reader, key: str) -> list[Any]:
    """Return the codes and values of the notes of one split, none if they cannot be read."""
    if not reader.has(key, "note_codes"):
        return []
    try:
        codes = json.loads(reader.attribute(key, "note_codes", str) or "[]")
    except (ValueError, RecursionError):
        return []
    return codes if isinstance(codes, list) else []


def _note(text: str, coded: object) -> Note:
    """Return the note of a text: of its code and values if their sentence is the text."""
    with suppress(ValueError, TypeError):
        if isinstance(coded, dict) and str(note := Note(coded.get("code", ""), coded.get("values", {}))) == text:
            return note
    return Note.of_old_text(text)


def write_arrays(path: str | Path, kind: str, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> None:
    """Write named arrays and a JSON object to a file, whole or not at all: the state of a training run, for example.

    Args:
        path: the file; one that is there is replaced, missing folders are made.
        kind: what the arrays are, for example ``"checkpoint"``; the file's format is ``spatialgraph.<kind>``.
        arrays: name, in which ``/`` may occur, to numbers or booleans of any shape.
        metadata: a JSON object.

    Raises:
        ValueError: the metadata are not JSON, or an array is of another type than numbers or booleans.
        OSError: the file cannot be written, or does not read back as written; an older file is as it was.
    """
    try:
        described = metadata_attributes(metadata)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected metadata that JSON can hold, found {error}") from None
    content = Content(format_of(kind), {"": described, "arrays": {}})
    for name, array in arrays.items():
        content.arrays[f"arrays/{key_of(name)}"] = np.asarray(array)
    write(path, content)


def read_arrays(
    path: str | Path, kind: str, only: Collection[str] | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_arrays` wrote.

    Args:
        path: the file.
        kind: what the arrays are, as they were written.
        only: names of the arrays to read, as far as they are there; None for all.

    Returns:
        the arrays by name, and the metadata.

    Raises:
        FormatError: the file is damaged or of another kind.
        OSError: there is no such file, or it may not be read.
    """
    return read_by(path, {format_of(kind): partial(parse_arrays, only=only)})


def parse_arrays(
    reader: Reader, only: Collection[str] | None = None
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """Return the arrays and the metadata of a file; None if anything is wrong, which is then on the reader's list."""
    metadata = reader.metadata()
    group = reader.attempt("arrays", lambda: reader.member("arrays", GROUP))
    keys = {} if group is None else {unquote(name): f"arrays/{name}" for name in reader.names("arrays")}
    chosen = keys if only is None else [name for name in keys if name in only]
    arrays = {name: reader.array(keys[name], None, "numbers or booleans") for name in chosen}
    readable = {name: array for name, array in arrays.items() if array is not None}
    return None if reader.faults or metadata is None else (readable, metadata)
