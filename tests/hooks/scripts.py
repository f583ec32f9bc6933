"""Scripts as Model Monitor's users have them."""

from __future__ import annotations

IDIOM = """
def preprocess_handler(inference_record):
    row = inference_record.endpoint_output.data.rstrip("\\n") + "," + inference_record.endpoint_input.data
    return {str(i).zfill(20): cell for i, cell in enumerate(row.split(","))}
"""
"""What Model Monitor's documentation shows."""

COUNTING = """
import json, os
def postprocess_handler():
    folder = "/opt/ml/processing/output"
    with open(folder + "/statistics.json") as file:
        print("records", json.load(file)["dataset"]["item_count"])
    path = os.path.join(folder, "constraint_violations.json")
    found = json.load(open(path))["violations"] if os.path.exists(path) else []
    print("violations", len(found))
"""
"""Reads the results where the container has them."""
