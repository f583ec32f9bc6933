"""An endpoint's entry in kedge.yaml: as text, and put into the owner's file without touching the rest."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from config import durations, source
from config.errors import ConfigError
from config.facts import DiscoveryError, EndpointFacts
from config.loading import parse_tolerant, text_of
from config.model import Endpoint
from config.source import Source

_NULL = "tag:yaml.org,2002:null"


def endpoint_of(facts: EndpointFacts) -> Endpoint:
    """The entry as a value, with every default.

    Raises:
        DiscoveryError: where the endpoint captures nothing, or captures to where Kedge can't read.
    """
    if facts.capture_uri is None:
        raise DiscoveryError(
            f"endpoint {facts.name} captures nothing; "
            f"deploy an endpoint config with DataCaptureConfig in place of {facts.endpoint_config}"
        )
    try:
        return Endpoint(
            name=facts.name, capture=facts.capture_uri, baseline=facts.baseline, **_followed(facts)
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DiscoveryError(f"endpoint {facts.name} can't be watched: {first['msg']}") from None


def entry_yaml(facts: EndpointFacts) -> str:
    """The item of kedge.yaml's `endpoints` that watches the endpoint, indented by two spaces.

    Raises:
        DiscoveryError: as `endpoint_of`.
    """
    return "".join(f"  {line}\n" for line in _lines(facts))


def add_entry(path: Path | str, facts: EndpointFacts) -> None:
    """Put the entry behind the file's last one, or into a new file; all else stays as it is.

    The file is replaced in one step, and only by one that loads with the entry in it.

    Raises:
        ConfigError: where the file has an entry of this name, can't be read, or is written in a way (such as
            ``endpoints: [...]``) that leaves no place to put text.
        DiscoveryError: as `endpoint_of`.
    """
    where, path = str(path), Path(path).resolve()
    endpoint = endpoint_of(facts)
    text = text_of(path) if path.exists() else ""
    found = source.read(text, where)
    _refuse_second(found, facts.name)
    written = _with_entry(text, found, facts)
    if written is None or not _is_added(text, written, where, endpoint):
        raise ConfigError(
            f"leaves no place to add {facts.name}; put in what `kedge watch {facts.name} --print` shows",
            where,
            found.line(("endpoints",)),
            "endpoints",
        )
    _replace(path, written)


def _lines(facts: EndpointFacts) -> Iterator[str]:
    endpoint = endpoint_of(facts)
    variants = ", ".join(each.name for each in facts.variants)
    yield f"# endpoint config {facts.endpoint_config}, variants {variants}"
    yield f"# captures {facts.sampling}% of the requests, {_stored(facts)}"
    yield f"- name: {_scalar(endpoint.name)}"
    yield f"  capture: {_scalar(endpoint.capture)}"
    if endpoint.baseline:
        yield f"  baseline: {_scalar(endpoint.baseline)}"
    if facts.schedule is not None:
        yield f"  schedule: {_scalar(facts.schedule.name)}"
        yield f"  schedule_results: {_scalar(facts.schedule.results_uri)}"
        yield f"  window: {durations.spell(facts.schedule.period)}"
    if not endpoint.baseline:
        yield "  # no baseline in a model package; kedge baseline create makes one: baseline: s3://…"


def _followed(facts: EndpointFacts) -> dict[str, Any]:
    """The keys by which a Model Monitor schedule is followed."""
    if facts.schedule is None:
        return {}
    return {
        "schedule": facts.schedule.name,
        "schedule_results": facts.schedule.results_uri,
        "window": facts.schedule.period,
    }


def _stored(facts: EndpointFacts) -> str:
    kinds = [("CSV", facts.csv_types), ("JSON", facts.json_types)]
    told = [f"{', '.join(types)} as {kind}" for kind, types in kinds if types]
    return "; ".join(told) if told else "all as base64, since its config lists no content types"


def _scalar(text: str) -> str:
    """A text as YAML that reads back as this text."""
    try:
        plain = yaml.safe_load(text) == text
    except (yaml.YAMLError, ValueError):
        plain = False
    return text if plain else json.dumps(text, ensure_ascii=False)


def _refuse_second(found: Source, name: str) -> None:
    entries = found.value.get("endpoints") if isinstance(found.value, dict) else None
    for index, entry in enumerate(entries if isinstance(entries, tuple) else ()):
        if isinstance(entry, dict) and entry.get("name") == name:
            path = ("endpoints", index, "name")
            message = f"{name} has an entry already; change that one, or remove it first"
            raise ConfigError(message, found.where, found.line(path), source.shown(path), name)


def _with_entry(text: str, found: Source, facts: EndpointFacts) -> str | None:
    """The text with the entry in it; None where its form leaves no place."""
    if found.root is not None and (not isinstance(found.root, yaml.MappingNode) or found.root.flow_style):
        return None
    endpoints = _endpoints_node(found.root)
    if endpoints is None:
        return _spliced(text, len(text), ["endpoints:", *(f"  {line}" for line in _lines(facts))])
    if not endpoints.value or endpoints.tag == _NULL:
        before, after = text[: endpoints.start_mark.index], text[endpoints.end_mark.index :]
        if endpoints.start_mark.index < endpoints.end_mark.index:  # [] or ~ gives way
            before = before.rstrip(" ")
        return _spliced(
            before + after, len(before) + _line_end(after, 0), [f"  {line}" for line in _lines(facts)]
        )
    if not isinstance(endpoints, yaml.SequenceNode) or endpoints.flow_style:
        return None
    indent = " " * endpoints.start_mark.column
    return _spliced(text, _line_end(text, _end(endpoints)), [indent + line for line in _lines(facts)])


def _endpoints_node(root: yaml.MappingNode | None) -> yaml.Node | None:
    pairs = root.value if root is not None else ()
    return next((value for key, value in pairs if key.value == "endpoints"), None)


def _end(node: yaml.Node) -> int:
    """Where the text of a node ends. PyYAML lets a block end where the next thing begins, behind comments."""
    if isinstance(node, yaml.ScalarNode):
        mark = node.end_mark
        return mark.index - mark.column - 1 if node.style in ("|", ">") else mark.index
    if not isinstance(node, yaml.CollectionNode) or node.flow_style or not node.value:
        return node.end_mark.index
    if isinstance(node, yaml.MappingNode):
        return max(_end(part) for pair in node.value for part in pair)
    return max(_end(item) for item in node.value)


def _line_end(text: str, index: int) -> int:
    """Behind the line break of the line in which the index lies."""
    found = text.find("\n", max(index, 0))
    return len(text) if found < 0 else found + 1


def _spliced(text: str, index: int, lines: list[str]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    before = text[:index]
    if before and not before.endswith("\n"):
        before += newline
    return before + "".join(line + newline for line in lines) + text[index:]


def _is_added(text: str, written: str, where: str, endpoint: Endpoint) -> bool:
    """Whether the new text says what the old one did, and the entry."""
    try:
        old, _ = parse_tolerant(text, where)
        new, _ = parse_tolerant(written, where)
    except ConfigError:
        return False
    return new == old.model_copy(update={"endpoints": (*old.endpoints, endpoint)})


def _replace(path: Path, text: str) -> None:
    """Swap the file in one step, with the rights it had."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as written:
            written.write(text)
        if path.exists():
            shutil.copymode(path, written.name)
        os.replace(written.name, path)
    except OSError as error:
        raise ConfigError(f"can't be written ({error.strerror}); check its permissions", str(path)) from None
