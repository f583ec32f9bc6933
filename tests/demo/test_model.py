"""The champion is really trained, errs as one of the real survey does, and travels as SageMaker wants."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from demo import model, survey
from demo.model import Champion

Animals = tuple[pl.DataFrame, pl.DataFrame]


def error(champion: Champion, frame: pl.DataFrame) -> float:
    return model.rmse(survey.rings(frame), champion.predict(survey.inputs(frame)))


def test_it_errs_by_what_the_real_survey_allows(champion: Champion, animals: Animals) -> None:
    assert 1.95 < error(champion, animals[1]) < 2.3


def test_it_beats_the_mean_by_far(champion: Champion, animals: Animals) -> None:
    assert error(champion, animals[1]) < 0.75 * float(np.std(survey.rings(animals[1])))


def test_it_uses_every_part_of_its_input(champion: Champion, animals: Animals) -> None:
    features = survey.inputs(animals[1].head(200))
    answers = champion.predict(features)
    for column in range(features.shape[1]):
        other = features.copy()
        other[:, column] = other[::-1, column]
        assert not np.allclose(champion.predict(other), answers), survey.INPUTS[column]


def test_its_error_grows_with_the_shift_of_the_world(champion: Champion, animals: Animals) -> None:
    errors = [error(champion, survey.shifted(animals[1], sd, seed=3)) for sd in (0.0, 0.3, 0.5, 1.0)]
    assert errors == sorted(errors)
    assert errors[2] > 1.12 * errors[0]
    assert errors[3] > 1.4 * errors[0]


def test_one_trained_in_the_shifted_world_is_better_there(champion: Champion, animals: Animals) -> None:
    there = survey.shifted(animals[0], 0.5, seed=1), survey.shifted(animals[1], 0.5, seed=2)
    challenger = model.train(there[0], seed=8, epochs=10)
    assert error(challenger, there[1]) < 0.9 * error(champion, there[1])


def test_the_same_seed_trains_the_same_model_and_another_does_not(animals: Animals) -> None:
    few, asked = animals[0].head(300), survey.inputs(animals[1].head(50))
    first, again, other = (model.train(few, seed, epochs=1).predict(asked) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_it_comes_back_from_its_archive_with_the_same_answers(champion: Champion, animals: Animals) -> None:
    asked = survey.inputs(animals[1].head(100))
    assert (model.unpack(champion.archive).predict(asked) == champion.predict(asked)).all()


def test_the_archive_is_what_the_tensorflow_container_serves(champion: Champion) -> None:
    with tarfile.open(fileobj=io.BytesIO(champion.archive), mode="r:gz") as archive:
        names = archive.getnames()
    assert "1/saved_model.pb" in names
    assert any(name.startswith("1/variables/") for name in names)
    assert all(name == "1" or name.startswith("1/") for name in names)


def test_it_answers_any_number_of_rows(champion: Champion, animals: Animals) -> None:
    asked = survey.inputs(animals[1].head(3))
    assert champion.predict(asked[:0]).shape == (0,)
    assert champion.predict(asked[:1]).shape == (1,)
    assert champion.predict(asked) == pytest.approx(
        np.concatenate([champion.predict(asked[row : row + 1]) for row in range(3)]), rel=1e-5
    )


@pytest.mark.parametrize("shape", [(3, 9), (3, 11), (10,)])
def test_inputs_of_another_shape_are_refused(champion: Champion, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"give \(rows, 10\)"):
        champion.predict(np.zeros(shape))


def test_there_must_be_animals_to_train_on(animals: Animals) -> None:
    with pytest.raises(ValueError, match="no animals"):
        model.train(animals[0].head(0), seed=1)


def test_the_error_is_the_root_of_the_mean_square() -> None:
    assert model.rmse(np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0, 7.0])) == pytest.approx((25 / 3) ** 0.5)


def test_tensorflow_is_not_loaded_before_it_is_needed_and_then_is_quiet(tmp_path: Path) -> None:
    script = """
import sys
from demo import aws, clock, endpoint, model, survey, traffic
assert "tensorflow" not in sys.modules and "moto" not in sys.modules
champion = model.train(survey.survey(1, 64), seed=1, epochs=1)
assert "tensorflow" in sys.modules
"""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
