"""The verdict by a workflow's own evaluation, the baseline it leaves, and the defects that are named."""

from __future__ import annotations

import pytest

from config.retraining import Retrain
from retrain.defects import Defect, Facts, findings
from retrain.evaluation import Evaluation, Splits, compare
from retrain.judging import Judgement
from retrain.own_evaluation import verdict


def policy(accept: str = "rmse < champion", margin: float = 0.0) -> Retrain:
    target = {"local": "true"}
    given = {
        "when": ("rmse > 3",),
        "target": target,
        "registry": "g",
        "accept": accept,
        "judge": "evaluation",
    }
    return Retrain.model_validate(given | {"margin": margin})


def judged(
    champion: float | None, challenger: float, retrain: Retrain, relation: Splits | None = Splits.UNKNOWN
) -> tuple[Judgement, str]:
    ours = Evaluation("s3://b/2.json", {"rmse": challenger})
    theirs = None if champion is None else Evaluation("s3://b/1.json", {"rmse": champion})
    trial = compare(theirs, ours, "rmse") if theirs else None
    return verdict(theirs, ours, (trial,) if trial else (), relation, retrain)


@pytest.mark.parametrize(
    ("champion", "challenger", "accept", "margin", "expected"),
    [
        (2.4, 2.1, "rmse < champion", 0.0, Judgement.WON),
        (2.1, 2.4, "rmse < champion", 0.0, Judgement.LOST),
        (2.1, 2.1, "rmse < champion", 0.0, Judgement.LOST),
        (2.4, 2.3, "rmse < champion", 0.1, Judgement.LOST),
        (2.4, 2.1, "rmse < champion and rmse < 2.0", 0.0, Judgement.LOST),
        (2.4, 2.1, "mae < champion", 0.0, Judgement.LOST),
        (None, 2.1, "rmse < champion", 0.0, Judgement.LOST),
        (None, 2.1, "rmse < 3.1", 0.0, Judgement.WON),
        (None, 3.2, "rmse < 3.1", 0.0, Judgement.LOST),
    ],
)
def test_who_wins_by_stated_numbers(
    champion: float | None, challenger: float, accept: str, margin: float, expected: Judgement
) -> None:
    assert judged(champion, challenger, policy(accept, margin))[0] is expected


@pytest.mark.parametrize(
    ("champion", "relation", "worth"),
    [
        (None, None, "the two were not compared"),
        (2.4, Splits.SAME, "on the same records"),
        (2.4, Splits.DIFFERENT, "on different splits: this is weak evidence"),
        (2.4, Splits.UNKNOWN, "a split of its own, as far as is known: this is weak evidence"),
    ],
)
def test_the_sentence_says_what_the_comparison_is_worth(
    champion: float | None, relation: Splits | None, worth: str
) -> None:
    assert worth in judged(champion, 2.1, policy(), relation)[1]


def test_a_data_set_that_only_kedge_scores_cant_be_asked_for() -> None:
    with pytest.raises(ValueError, match=r"rmse\(test\) < champion.*judge: evaluation"):
        policy("rmse < champion and rmse(test) < champion")


@pytest.mark.parametrize(
    ("facts", "defects"),
    [
        (Facts(), []),
        (Facts("arn", splits=Splits.SAME), []),
        (Facts("arn", splits=Splits.DIFFERENT), [Defect.DIFFERENT_SPLITS]),
        (Facts("arn", splits=Splits.UNKNOWN), [Defect.UNKNOWN_SPLITS]),
        (Facts("arn", overwritten=True), [Defect.EVALUATION_OVERWRITTEN]),
        (Facts("arn", approved=True), [Defect.APPROVED_BEFORE_JUDGED]),
        (
            Facts("arn", approved=True, deployed=True),
            [Defect.APPROVED_BEFORE_JUDGED, Defect.DEPLOYED_BEFORE_JUDGED],
        ),
    ],
)
def test_defects_are_found_where_the_facts_show_them(facts: Facts, defects: list[Defect]) -> None:
    assert [each.defect for each in findings(facts)] == defects
