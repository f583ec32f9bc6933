"""Model Monitor's two baseline files with what they say of one feature replaced, or left out."""

from __future__ import annotations

import json


def with_feature(text: str, fresh: str, name: str) -> str:
    """One of Model Monitor's two files, with a feature's entry taken from another where it has one."""
    whole, entry = json.loads(text), {each["name"]: each for each in json.loads(fresh)["features"]}
    whole["features"] = [
        entry.get(each["name"], each) if each["name"] == name else each for each in whole["features"]
    ]
    return json.dumps(whole, ensure_ascii=False)


def without_distribution(text: str, name: str) -> str:
    """Model Monitor's statistics, with nothing said of one feature's values but how many there were."""
    whole = json.loads(text)
    whole["features"] = [
        {
            key: {"common": value["common"]} if isinstance(value, dict) and "common" in value else value
            for key, value in each.items()
        }
        if each["name"] == name
        else each
        for each in whole["features"]
    ]
    return json.dumps(whole, ensure_ascii=False)
