# `make run` opens the app, `make test` runs the tests; both make their environment first.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: run test test-browser test-long torture check format screenshots bench bench-quick real-data realism reproduction real-sky real-sky-quick starter docs clean

run: $(VENV)/run.stamp
	@echo "Opening the app; the address follows. Ctrl+C ends it."
	$(BIN)/streamlit run app.py

# Three at once on two cores: many tests wait for processes, and others use the time.
test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not long and not browser"

test-browser: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "browser and not long"

test-long: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m long

torture: $(VENV)/dev.stamp
	LENSAPP_KILLS=$(or $(KILLS),50) LENSAPP_TORTURE=$(or $(KILLS),50) $(BIN)/python -m pytest -m "" --timeout 3600 \
		tests/test_kills.py tests/test_database_away.py tests/ingest/test_gate.py tests/train/test_retrain_browser.py

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: $(VENV)/dev.stamp
	PYTHONPATH=.:tests $(BIN)/python docs/make_screenshots.py

docs: $(VENV)/dev.stamp
	$(BIN)/mkdocs build --clean --quiet
	@echo "The documentation is in site/index.html."

real-data: $(VENV)/dev.stamp
	$(BIN)/python docs/make_real_data.py $(or $(DATA),../shared/data)

realism: $(VENV)/dev.stamp
	PYTHONPATH=.:tests $(BIN)/python docs/make_realism.py $(or $(DATA),../shared/data)

reproduction: $(VENV)/dev.stamp
	$(BIN)/python docs/make_reproduction.py $(or $(WORKSPACE),workspace-reproduction)

real-sky: $(VENV)/dev.stamp
	PYTHONPATH=. $(BIN)/python docs/make_real_sky.py $(or $(WORKSPACE),workspace-real-sky) --data $(or $(DATA),../shared/data)

real-sky-quick: $(VENV)/dev.stamp
	PYTHONPATH=. $(BIN)/python docs/make_real_sky.py $(or $(WORKSPACE),workspace-real-sky-quick) --data $(or $(DATA),../shared/data) --quick

starter: $(VENV)/dev.stamp
	PYTHONPATH=. $(BIN)/python docs/make_real_sky.py $(or $(WORKSPACE),workspace-real-sky) --data $(or $(DATA),../shared/data) --starter

bench: $(VENV)/dev.stamp
	for file in benchmarks/[a-z]*.py; do STREAMLIT_LOGGER_LEVEL=error $(BIN)/python $$file || exit 1; done

# Those left out say nothing in a short run: a year of use, and how well networks learn from few or wrong labels.
bench-quick: $(VENV)/dev.stamp
	for file in $(filter-out $(addprefix benchmarks/,year.py label_noise.py unlabelled.py),$(wildcard benchmarks/[a-z]*.py)); do \
		STREAMLIT_LOGGER_LEVEL=error $(BIN)/python $$file --quick || exit 1; done

$(VENV)/run.stamp: requirements.txt constraints.txt
	@echo "Making the environment in $(VENV); the first time this takes some minutes."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt -c constraints.txt
	touch $@

$(VENV)/dev.stamp: requirements-dev.txt requirements.txt constraints.txt
	@echo "Making the environment in $(VENV); the first time this takes some minutes."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt -c constraints.txt
	touch $(VENV)/run.stamp $@  # what runs the app is in it

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
