# What a contributor and CI run. `make demo` and `make test` work on a fresh machine: they set everything up first.
.PHONY: setup demo test long check bench histories torture

PYTHON = .venv/bin/python
# Compiled modules are kept: the tests start hundreds of interpreters.
export PYTHONDONTWRITEBYTECODE =

setup:
	@./setup.sh

demo: setup
	@$(PYTHON) demo.py

test: setup
	@$(PYTHON) -m pytest -m "not long" -n 3 --dist loadscope --no-loadscope-reorder

long: setup
	@$(PYTHON) -m pytest -m long -n 3 --dist worksteal

check: setup
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(PYTHON) -m pytest -p no:xdist tests/test_imports.py

histories: setup
	@DAYSHIFT_HISTORIES=$${DAYSHIFT_HISTORIES:-10000} $(PYTHON) -m pytest -p no:xdist -s tests/test_histories_of_money.py tests/test_days_of_odd_clocks.py

bench: setup
	@for each in ledger guard sandbox gateway commands evening daemon dialogue transcripts; do $(PYTHON) -m bench.$$each || exit 1; done

# Every option of `python -m torture --help`, e.g. make torture TORTURE="--seed 4711 --kills 100".
torture: setup
	@$(PYTHON) -m torture $(TORTURE)
