# The same lines that CI runs.
.PHONY: check test test-slow docs
check:
	ruff check .
	pyright
test:
	python -m pytest
test-slow:
	python -m pytest -m slow
docs:
	mkdocs build --strict
