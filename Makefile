.PHONY: migration
migration:  ## rewrite the first migration from schema.py (until the first release)
	rm -f portal/migrations/versions/0001_*.py
	.venv/bin/python -c "import pathlib, tempfile; from portal.migrate import revise; revise(pathlib.Path(tempfile.mkdtemp()) / 'empty.db', 'the first tables')"
	mv portal/migrations/versions/*_the_first_tables.py portal/migrations/versions/0001_the_first_tables.py
	sed -i "s/^revision = .*/revision = '0001'/" portal/migrations/versions/0001_the_first_tables.py
	.venv/bin/ruff check -q --fix portal/migrations; .venv/bin/ruff format -q portal/migrations
