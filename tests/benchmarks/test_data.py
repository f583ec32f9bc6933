"""What the benchmark's generator writes is what Kedge reads, record for record."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks.data import Payload, Plan, write
from monitor.capture.columns import Schema
from monitor.capture.decode import decode


def small(payload: Payload = Payload.CSV, seed: int = 7) -> Plan:
    return Plan(records=101, features=3, files=4, payload=payload, reference=50, seed=seed)


def records(plan: Plan, folder: Path) -> list[tuple[str, ...]]:
    schema = Schema(plan.names, outputs=plan.names[:1])
    found = []
    for path in sorted((folder / "capture").iterdir()):
        decoded = decode(path.read_bytes(), schema)
        assert decoded.rejects.lost == 0, decoded.rejects
        found += decoded.records.select(plan.names).rows()
    return found


@pytest.mark.parametrize("payload", list(Payload))
def test_every_record_is_read(payload: Payload, tmp_path: Path) -> None:
    plan = small(payload)
    write(plan, tmp_path)
    found = records(plan, tmp_path)
    assert len(found) == 101
    assert len(list((tmp_path / "capture").iterdir())) == 4
    values = np.array(found, dtype=float)
    # the prediction is made of the features, so that a column in another's place would be seen
    logits = np.log(values[:, 0] / (1 - values[:, 0]))
    means = np.column_stack([values[:, 1], values[:, 2], values[:, 3]]).mean(axis=1)
    np.testing.assert_allclose(logits, means, atol=1e-3)


def test_the_payloads_hold_the_same_values(tmp_path: Path) -> None:
    read = []
    for payload in Payload:
        plan = small(payload)
        write(plan, tmp_path / payload)
        read.append(records(plan, tmp_path / payload))
    assert read[0] == read[1] == read[2]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        write(small(Payload.GZIP, seed), tmp_path / folder)
    a, b, c = ([path.read_bytes() for path in sorted((tmp_path / folder).rglob("*.*"))] for folder in "abc")
    assert a == b
    assert a != c


def test_the_training_data_has_the_columns_of_the_captures(tmp_path: Path) -> None:
    plan = small()
    write(plan, tmp_path)
    rows = list(csv.reader((tmp_path / "training.csv").read_text().splitlines()))
    assert tuple(rows[0]) == plan.names
    assert {len(row) for row in rows} == {4}
    assert len(rows) == 51


def test_fewer_records_than_files_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one record a file"):
        Plan(records=3, files=4)
