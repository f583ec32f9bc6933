"""What a person says to a run, from the page and the API alike."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Engine

from retrain import actions
from store.engine import writing
from store.retraining import Run
from web import lookup


class Word(StrEnum):
    """What may be said."""

    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"
    CONTINUE = "continue"


_DOES = {
    Word.APPROVE: actions.approve,
    Word.REJECT: actions.reject,
    Word.CANCEL: actions.cancel,
    Word.CONTINUE: actions.go_on,
}


def tell(engine: Engine, name: str, word: Word) -> Run:
    """Note the word; the service acts on it in its next round. Raises NotThereError, actions.ActionError."""
    with writing(engine) as connection:
        lookup.run(connection, name)
        return _DOES[word](connection, name)
