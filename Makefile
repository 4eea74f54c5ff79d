# Two commands do everything: `make run` starts the sandbox world, `make test` passes the tests.
# Both make their own .venv first; nothing but Python 3.11 and make is needed, and no root.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8443

.PHONY: audit simulate lock pictures run test test-postgres check lint types sweep bench migration manual clean help

help:  ## show this help
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(VENV)/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Bando needs Python 3.11 or newer; set PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: $(VENV)/ready  ## start the whole sandbox world: router, phone, M-Pesa, portal; PAYSTACK=page or prompt pays through Paystack, RADIUS=1 has a router that asks RADIUS
	@BANDO_MODE=sandbox $(BIN)/bando sandbox --port $(PORT) $(if $(PAYSTACK),--paystack $(PAYSTACK)) $(if $(RADIUS),--radius)

# Several processes read the same tests: what one of them has compiled the others need not compile again.
test: $(VENV)/ready lint types  ## lint, types and all tests
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $${BANDO_WORKERS:-4} --dist loadfile --no-loadscope-reorder

test-postgres: $(VENV)/ready  ## the same tests on PostgreSQL: all, or TESTS="tests/books tests/access"
	BANDO_TEST_ENGINE=postgresql PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $${BANDO_WORKERS:-4} --dist loadfile --no-loadscope-reorder $(TESTS)

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy

sweep: $(VENV)/ready  ## the long sweeps: every crash point, many more random histories
	BANDO_SWEEP=1 $(BIN)/pytest -n 2 --dist loadfile -m slow

simulate: $(VENV)/ready  ## 100,000 payments in fast time, with loss, doubling and routers that are down; the seed is printed
	$(BIN)/python -m sandbox.simulation $(if $(SEED),--seed $(SEED))

bench: $(VENV)/ready  ## the benchmarks; numbers are printed, see benchmarks/README.md
	$(BIN)/python -m benchmarks

COMPILE = $(BIN)/pip-compile --quiet --strip-extras --allow-unsafe --generate-hashes \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

lock: $(VENV)/ready  ## pin the dependencies anew, with hashes: all of them, and those of what serves
	$(BIN)/pip install --quiet pip-tools
	$(COMPILE) --extra dev -o requirements.lock pyproject.toml
	$(COMPILE) --constraint requirements.lock -o requirements-serve.lock pyproject.toml

audit: $(VENV)/ready  ## ask for known faults of the pinned dependencies; what serves is listed in build/sbom.json
	$(PYTHON) -m venv build/audit
	build/audit/bin/pip install --quiet --disable-pip-version-check pip-audit cyclonedx-bom
	build/audit/bin/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml -o build/sbom.json requirements-serve.lock
	build/audit/bin/pip-audit --strict --require-hashes --disable-pip -r requirements.lock $(AUDIT)

migration: $(VENV)/ready  ## write a migration for a changed schema.py: make migration NUMBER=0003 NAME="what it brings"
	$(BIN)/python -c "import pathlib, tempfile; from portal.migrate import migrate, revise; \
		db = pathlib.Path(tempfile.mkdtemp()) / 'empty.db'; migrate(db); revise(db, '$(NAME)', '$(NUMBER)')"
	$(BIN)/ruff format -q portal/migrations
	$(BIN)/ruff check -q --fix portal/migrations

clean:
	rm -rf $(VENV) var build *.egg-info

pictures: $(VENV)/ready  ## draw the pictures of the manual anew
	$(BIN)/python -m sandbox.pictures docs/pictures 360

manual: $(VENV)/ready  ## draw the pictures of the console's manual anew
	$(BIN)/python -m sandbox.manual docs/manual/pictures
