# make         the whole environment in .venv, torch and test tools included
# make demo    see people's skeletons live on a page: installs what a CPU machine needs, plays a clip
# make test    the tests (adds the test tools and torch)
# make lint    style, types, and which package may import which
# make model   explore the protocol's model further than the tests do (many minutes)
# make fuzz    decode a million mutated messages (minutes)
# make drill-cameras  16 RTSP cameras, one unplugged every 30 s; MINUTES=10 (needs Debian's GStreamer)
# make drill-outage   one RTSP camera away for 20 s, again and again
# make drill-page     16 simulated cameras on the dashboard's page; MINUTES=10 (needs chromium)
# make drill-restore  lose a machine and go on from its backup (needs redis-cli)
# make repeat  analyse a recording five times, once with everything killed; CLIP=clip.mp4
# make docs    the documentation as a site, in site/
# make chaos   kill, stop and cut everything under load for MINUTES=10, and keep the books (SEED=N)
# make soak    the same load for MINUTES=10 with nothing going wrong: memory and latency
# make bench   measure what the documentation claims: benchmarks/results/latest.json, docs/performance.md
# make bench-full  the same for longer, with sweeps and a cluster: benchmarks/results/full.json
# make lock    choose newer versions of everything, within pyproject.toml's ranges
# make clean   remove what these made; `make distclean` removes .venv too

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# torch is not in the locks, since the right build depends on the machine (docs/installation.md):
# TORCH=cpu takes it from TORCH_INDEX, or else from wherever pip looks, but never a CUDA build;
# TORCH=cuda takes PyPI's (gigabytes); TORCH=none leaves it out and skips the tests that need it.
TORCH ?= cpu
TORCH_VERSION ?= 2.13.0
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

TESTS ?= tests
# Tests wait for other processes more than they compute, so three at a time suit two cores; a file's
# tests stay together, since they share what is dear to make. Files come in their own order, not the
# longest last: the two minutes of everything going wrong begin early.
TEST_PROCESSES ?= 3

# Frames, sessions, damaged entries.
MODEL ?= 3 2 1

MINUTES ?= 10
OUTAGES ?= 5

.PHONY: environment demo test lint model fuzz bench bench-full chaos soak drill-cameras drill-outage drill-page drill-restore docs lock clean distclean repeat
.DELETE_ON_ERROR:

environment: .venv/.test-$(TORCH)

demo: .venv/.run
	$(BIN)/ghostpose demo --output demo-output

test: .venv/.test-$(TORCH)
	$(BIN)/pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder --durations 25 --durations-min 3 $(TESTS)

lint: .venv/.test-$(TORCH)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

model: .venv/bin/python
	$(BIN)/python tests/protocol/protocol_explorer.py $(MODEL)

fuzz: .venv/.test-$(TORCH)
	PYTHONPATH=.:tests $(BIN)/python tests/fuzz/fuzz.py 1000000

drill-cameras: .venv/.test-$(TORCH)
	PYTHONPATH=.:tests $(BIN)/python tests/drills/camera_drill.py --minutes $(MINUTES)

drill-outage: .venv/.test-$(TORCH)
	PYTHONPATH=.:tests $(BIN)/python tests/drills/outage_drill.py --outages $(OUTAGES)

repeat: .venv/.test-$(TORCH)
	PYTHONPATH=.:tests $(BIN)/python tests/drills/repeat_drill.py $(if $(CLIP),--clip $(CLIP))

drill-restore: .venv/.test-$(TORCH)
	PYTHONPATH=.:tests $(BIN)/python tests/drills/restore_drill.py

docs: .venv/.test-$(TORCH)
	$(BIN)/mkdocs build --strict

drill-page: .venv/.test-$(TORCH)
	PYTHONPATH=.:tests:tests/browser $(BIN)/python tests/drills/page_drill.py --minutes $(MINUTES)

chaos: .venv/.run
	$(BIN)/ghostpose chaos --minutes $(MINUTES) --timeline chaos.svg $(if $(SEED),--seed $(SEED))

soak: .venv/.run
	$(BIN)/ghostpose chaos --minutes $(MINUTES) --calm --timeline soak.svg

bench: .venv/.test-$(TORCH)
	$(BIN)/python -m benchmarks --write docs/performance.md

bench-full: .venv/.test-$(TORCH)
	PYTHONPATH=.:tests $(BIN)/python -m benchmarks --full

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "ghostpose needs Python 3.11 or newer, and $(PYTHON) is older; say make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv

.venv/.run: locks/run.txt pyproject.toml | .venv/bin/python
	$(PIP) install --quiet --require-hashes -r locks/run.txt
	$(PIP) install --quiet --require-hashes -r locks/build.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv/.test-$(TORCH): locks/test.txt deploy/install_torch.sh .venv/.run
	$(PIP) install --quiet --require-hashes -r locks/test.txt
	sh deploy/install_torch.sh $(BIN)/python $(TORCH) $(TORCH_VERSION) $(TORCH_INDEX)
	touch $@

UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --upgrade -c locks/constraints.in

lock: .venv/bin/python
	$(PIP) install --quiet 'uv>=0.9'
	$(UV_COMPILE) pyproject.toml --extra run -o locks/run.txt
	$(UV_COMPILE) locks/build.in -o locks/build.txt
	$(UV_COMPILE) pyproject.toml locks/torch-needs.in --extra train --extra dev \
		--excludes locks/excluded.in -c locks/run.txt -o locks/test.txt

clean:
	rm -rf demo-output site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv *.egg-info
