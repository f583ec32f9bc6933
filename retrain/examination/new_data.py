"""Whether new training data can be noticed: what `kedge doctor` says of `new_data`."""

from __future__ import annotations

from collections.abc import Callable

from config.findings import Finding, fine, noted, refused
from objects import Place, PlaceError

NEW_DATA = "new data"


def of_new_data(prefix: str, opened: Callable[[str], Place]) -> Finding:
    """What is said of the folder that is listed for it; `opened` gives the place of an address."""
    try:
        place = opened(prefix)
        newest = next(iter(place.objects.list(place.key(""))), None)
    except PlaceError as error:
        return refused(NEW_DATA, error)
    if newest is None:
        return noted(
            NEW_DATA, f"nothing lies below {prefix} yet", "check retrain.new_data, if something does"
        )
    return fine(NEW_DATA, f"{prefix} can be listed")
