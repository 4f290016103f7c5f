# The only commands to remember. Each does its own set-up, once: Python 3.11 or newer, pip and make are enough.
#
#   make serve    the sign-in service on http://localhost:8100, its files in ./mapae-data
#   make test     every test, the slow ones too, with a summary of what they cover
#   make check    lint, format, types, import contracts and the fast tests: run it before each commit
#   make docs     the documentation, built into ./site
#   make bench    tokens, start-up, storage, growth, nodes, crowds and HTTP, against other libraries and servers in turn, as ratios
#   make fuzz     every parser against a fuzzer, SECONDS=60 each, with the figures at the end
#   make mutate   the token core changed in thousands of small ways: does a test notice each?
#   make soak     a million stories of failing networks against the rules of revocation; hours (ARGS="--stories 10000"); or real
#                 servers killed again and again (ARGS="--kills 1000", ARGS="--file-kills 1000")
#   make lock     the locked requirements again, from pyproject.toml
#
# PYTHON=/path/to/python3 chooses the interpreter; ARGS="..." is handed on to serve, test, fuzz (targets), mutate (modules) and bench
# (to its last part).

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help serve test check docs bench fuzz mutate soak lock set-up-serve set-up-test set-up-docs set-up-fuzz set-up-bench need-python

BIN := .venv/bin
BENCH := .cache/bench-venv/bin
FUZZ := .cache/fuzz-venv/bin
SECONDS ?= 60
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11
PYTHON ?= $(shell for python in $(CANDIDATES); do \
	"$$python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)

help:
	@sed -n 's/^#   //p' Makefile

serve: set-up-serve
	@exec $(BIN)/mapae serve $(ARGS)

test: set-up-test
	@$(BIN)/python tools/prepare_tests.py
	@$(BIN)/python tools/run_tests.py $(ARGS)

check: set-up-test
	@$(BIN)/python tools/check.py

docs: set-up-serve set-up-docs
	@$(BIN)/python tools/generate_reference.py
	@$(BIN)/python tools/build_docs.py

bench: set-up-bench
	@$(BENCH)/python bench/tokens.py
	@$(BENCH)/python bench/startup.py
	@$(BENCH)/python bench/storage.py
	@$(BENCH)/python bench/session_check.py
	@$(BENCH)/python bench/growth.py
	@$(BENCH)/python bench/nodes.py
	@$(BENCH)/python bench/crowd.py
	@$(BENCH)/python bench/over_http.py $(ARGS)

fuzz: set-up-fuzz
	@nice -n 19 $(FUZZ)/python tools/fuzz.py $(SECONDS) $(ARGS)

mutate: set-up-test
	@nice -n 19 $(BIN)/python tools/mutate.py $(ARGS)

soak: set-up-test
	@nice -n 19 $(BIN)/python tools/soak.py $(ARGS)

lock: need-python
	@$(PYTHON) tools/lock.py $(ARGS)

set-up-serve: need-python
	@$(PYTHON) tools/set_up.py serve

set-up-test: need-python
	@$(PYTHON) tools/set_up.py dev

set-up-docs: need-python
	@$(PYTHON) tools/set_up.py docs

set-up-fuzz: need-python
	@$(PYTHON) tools/set_up.py fuzz

set-up-bench: need-python
	@$(PYTHON) tools/set_up.py bench

need-python:
	@test -n "$(PYTHON)" || { \
		echo "Mapae needs Python 3.11 or newer with pip, and found none of: $(CANDIDATES)." >&2; \
		echo "Install one, or name yours: make PYTHON=/path/to/python3 ..." >&2; exit 1; }
