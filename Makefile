# Everything runs from .venv, which is made from requirements/lock.txt: names, versions, hashes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=

.PHONY: help setup demo serve test long bench bench-reading soak detection screenshot docs lint format lock bench-lock airflow-lock clean

help:
	@echo "make demo   play the whole story on this machine (ARGS=\"--once --seed 3\")"
	@echo "make test   run the tests (ARGS=\"tests/judging -k drift\")"
	@echo "make long   run the tests that take a minute or so each, which make test leaves out"
	@echo "make soak   kill two replicas over and over in the midst of 100 retraining runs (KEDGE_SOAK_ROUNDS=20 KEDGE_SOAK_SEED=7)"
	@echo "make bench  measure Kedge and its peers (ARGS=\"--records 100000 --rounds 1\")"
	@echo "make bench-reading measure how quickly S3 is read (ARGS=\"--files 2000\")"
	@echo "make serve  run the service on kedge.yaml (ARGS=\"--port 8080\")"
	@echo "make lint   check form and types"
	@echo "make format bring the code into form"
	@echo "make docs   write docs/cli.md anew from the program"
	@echo "make lock   write requirements/lock.txt anew from pyproject.toml"

setup: $(READY)

$(READY): requirements/lock.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else "Kedge wants Python 3.11 to 3.13, and $(PYTHON) is %d.%d: give another with make PYTHON=python3.12" % v)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module: on Debian and Ubuntu install python3-venv"; exit 1; }
	@echo "Setting up $(VENV): once, and again when the lock changes …"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --no-deps -r requirements/lock.txt \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/lock.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY)
	@$(BIN)/kedge demo $(ARGS)

serve: $(READY)
	@$(BIN)/kedge serve $(ARGS)

test: $(READY)
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

long: $(READY)
	@$(BIN)/python -m pytest -n 3 --dist loadfile -m long $(ARGS)

bench: $(READY)
	@$(BIN)/python -m benchmarks.bench $(ARGS)

bench-reading: $(READY)
	@$(BIN)/python -m benchmarks.reading $(ARGS)

detection: $(READY)
	@$(BIN)/python -m docs.detection

soak: $(READY)
	@KEDGE_SOAK_ROUNDS=$${KEDGE_SOAK_ROUNDS:-100} $(BIN)/python -m pytest -s -m '' tests/loop/test_killed.py $(ARGS)

screenshot: $(READY)
	@$(BIN)/python -m docs.screenshot

docs: $(READY)
	@$(BIN)/python -m docs.reference

lint: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(READY)
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --generate-hashes --no-emit-index-url \
	  --no-header --universal --python-version 3.11 --quiet -o requirements/lock.txt
	@$(BIN)/uv pip compile pyproject.toml --extra postgres --extra evidently --group build --constraint requirements/lock.txt \
	  --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 --quiet \
	  -o requirements/image.txt

bench-lock: $(READY)
	@for peer in evidently whylogs nannyml tfdv simdjson rclone obstore; do \
	  $(BIN)/uv pip compile benchmarks/requirements/$$peer.in --generate-hashes --no-emit-index-url --no-annotate \
	    --no-header --python-version 3.11 --quiet -o benchmarks/requirements/$$peer.txt || exit 1; done

airflow-lock: $(READY)
	@for one in airflow2 airflow3; do \
	  $(BIN)/uv pip compile demo/airflow/$$one.in --universal --generate-hashes --no-emit-index-url --no-annotate \
	    --no-header --python-version 3.11 --quiet -o demo/airflow/$$one.txt || exit 1; done

clean:
	rm -rf $(VENV) .airflow .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
