# Every target does its own set-up: three virtual environments, made once and again when their requirements change.
PYTHON ?= python3
ARCH ?= arm64
PY ?= 3.13
UV_VERSION := 0.13.8

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.SILENT:
.DEFAULT_GOAL := help
.PHONY: help run test test-target check static bench bench-drain preview build deploy redrive clean setup setup-dev setup-sam setup-ministack browser python

# uv and SAM keep caches in the home directory; a machine without one gets them here.
ifeq ($(strip $(HOME)),)
export HOME := $(CURDIR)/.tools/home
endif
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_NO_CONFIG := 1
export UV_PYTHON_DOWNLOADS := never
# As pip and curl do, uv shall trust whom the machine trusts, a company's proxy for one.
export UV_SYSTEM_CERTS := 1
export SAM_CLI_TELEMETRY := 0
# Compiling the tests anew for each run would take a third of `make check`.
unexport PYTHONDONTWRITEBYTECODE

UV := .tools/uv/bin/uv
DEV := .venv/bin
QUICK := $(DEV)/python -m pytest --hypothesis-profile check
SAM := .tools/sam/bin/sam
# An installation is stamped by what was asked for, so that a changed requirements file is installed anew.
python_version := $(shell $(PYTHON) -VV 2>/dev/null)
stamp = .installed-$(shell (cat $(1); echo "$(python_version)") | cksum | cut -d' ' -f1)
DEV_STAMP := .venv/$(call stamp,requirements.txt functions/requirements.txt infra/requirements-cli.txt pyproject.toml)
SAM_STAMP := .tools/sam/$(call stamp,infra/requirements-sam.txt)
BROWSER_STAMP := .venv/$(call stamp,infra/requirements-browser.txt)
# The first that there is; tests/e2e/test_console.py looks for the same.
BROWSERS := chromium chromium-browser google-chrome
MINISTACK_STAMP := .tools/ministack/$(call stamp,infra/requirements-ministack.txt)

# $(call install,folder,requirements file,what it is,how long it takes)
define install
	echo "Installing $(3) into $(1) (once, about $(4)) …"
	rm -rf $(1)
	$(PYTHON) -m venv $(1) >/dev/null || { echo "Python cannot make a virtual environment: install python3-venv." >&2; exit 1; }
	[ -x $(UV) ] && $(UV) pip install --quiet --python $(1)/bin/python -r $(2) \
	  || $(1)/bin/python -m pip install --quiet -r $(2) \
	  || { echo "$(3) could not be installed into $(1): is a package index reachable?" >&2; exit 1; }
	touch $@
endef

help: ## What there is to do
	grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/make \1|\2/' | while IFS='|' read -r name text; do \
	  printf '%-17s %s\n' "$$name" "$$text"; done

run: setup ## Deploy into an emulated AWS on this machine, send one lead of each source, stay up (DEMO=1: end after them)
	exec $(DEV)/python -m infra.local

# What check does comes first, then the rest of the tests: all in one run, so that its last line counts every test once.
test: static setup-ministack browser ## Every test that needs no cloud account
	$(DEV)/python -m pytest --numprocesses 2 --dist loadgroup tests/unit tests/infra tests/integration tests/contract tests/e2e

# All at once: the linters leave one core idle most of the time, and two halves cost less than sharing out each test.
check: setup-dev setup-sam ## Format, lint, types, template, routes, unit and infra tests
	$(MAKE) --no-print-directory static & static=$$!; failed=0; \
	$(QUICK) -p no:cacheprovider tests/unit --ignore tests/unit/core >.tools/check.log 2>&1 & half=$$!; \
	$(QUICK) tests/unit/core tests/infra || failed=1; \
	wait $$half || failed=1; \
	cat .tools/check.log; \
	wait $$static || failed=1; \
	exit $$failed

# The two slow ones run beside the others; what they say is shown only when they fail.
static: setup-dev setup-sam
	$(DEV)/mypy --strict functions >.tools/mypy.log 2>&1 & types=$$!; \
	AWS_DEFAULT_REGION=us-east-1 $(SAM) validate --lint >.tools/validate.log 2>&1 & template=$$!; \
	failed=0; \
	$(DEV)/ruff format --quiet --check . >/dev/null || { echo "Some files are not formatted: run $(DEV)/ruff format ." >&2; failed=1; }; \
	$(DEV)/ruff check --quiet . || failed=1; \
	if [ -f infra/check_routes.py ]; then $(DEV)/python -m infra.check_routes functions/routes.toml || failed=1; fi; \
	wait $$types || { cat .tools/mypy.log >&2; failed=1; }; \
	wait $$template || { cat .tools/validate.log >&2; failed=1; }; \
	exit $$failed

# Where there is none, nothing is tested and that is said: the other targets use whatever Python is here.
# The command line and the console run on the operator's Python, not on AWS's.
test-target: setup-dev ## Unit and integration tests on the Python that AWS runs (PY=3.13), where this machine has it
	siblings=$$($(PYTHON) -c 'import os, sys; print(os.path.dirname(sys.base_prefix))'); \
	for python in python$(PY) "$$siblings"/$(PY).*/bin/python$(PY); do \
	  "$$python" -c '' 2>/dev/null || continue; \
	  [ -x .tools/python$(PY)/bin/pytest ] || { "$$python" -m venv .tools/python$(PY); \
	    $(UV) pip install --quiet --python .tools/python$(PY)/bin/python -r requirements.txt; }; \
	  exec .tools/python$(PY)/bin/python -m pytest --numprocesses 2 --dist worksteal tests/unit tests/integration tests/contract \
	    --ignore-glob='*/test_cli_*' --ignore-glob='*/test_console.py' --ignore-glob='*/test_erase.py' \
	    --ignore-glob='*sandbox*'; \
	done; \
	echo "No Python $(PY) on this machine: nothing tested on it." >&2

bench: setup ## The benchmarks, into .local/bench.json
	$(DEV)/python -m infra.bench

bench-drain: setup ## How much of the CRM's rate limit a backlog uses, into .local/bench-drain.json (about four minutes)
	$(DEV)/python -m infra.bench.drain

preview: setup-dev ## Show what a lead would become, without sending it (LEAD=file)
	[ -n "$(LEAD)" ] || { echo "Name the file with the lead: make preview LEAD=lead.json" >&2; exit 1; }
	$(DEV)/python -m infra.preview_lead "$(LEAD)" $(if $(ROUTES),--routes "$(ROUTES)") $(if $(KEYS),--keys "$(KEYS)")

build: setup-sam ## sam build (ARCH=arm64 PY=3.13)
	PATH="$(CURDIR)/.tools/sam/bin:$(CURDIR)/.tools/uv/bin:$$PATH" TARGET_ARCH=$(ARCH) TARGET_PYTHON=$(PY) \
	  $(SAM) build --parameter-overrides Architecture=$(ARCH) PythonRuntime=python$(PY)

# Guided until a first deployment has stored its answers, which must agree with what was built.
deploy: setup-dev build ## sam deploy, guided the first time (ARCH and PY as for build)
	$(DEV)/python -m infra.check_routes functions/routes.toml
	answers="$(CURDIR)/samconfig.local.toml"; \
	if grep -qs parameter_overrides "$$answers"; then \
	  for wanted in Architecture=$(ARCH) PythonRuntime=python$(PY); do \
	    tr -d '\\"' <"$$answers" | grep -q "$$wanted" || { \
	      echo "samconfig.local.toml does not say $$wanted: call make with its ARCH and PY, or edit it." >&2; exit 1; }; \
	  done; \
	  $(SAM) deploy --config-file "$$answers"; \
	else \
	  cp samconfig.toml "$$answers"; \
	  $(SAM) deploy --guided --config-file "$$answers" --parameter-overrides Architecture=$(ARCH) PythonRuntime=python$(PY); \
	fi

redrive: setup-dev ## Bring dead-lettered leads back into the failed-leads queue
	$(DEV)/leadrelay dead redrive --all --yes

clean: ## Remove what the commands have made, installations included
	rm -rf .venv .tools .local .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis

setup: setup-dev setup-sam setup-ministack ## Install everything now
setup-dev: $(DEV_STAMP)
setup-sam: $(SAM_STAMP)
setup-ministack: $(MINISTACK_STAMP)

# Whoever cannot have one of the two is told so, and the console's browser tests are skipped: there is no driver for
# every system, and only root can install a browser.
browser: setup-dev
	[ -e $(BROWSER_STAMP) ] \
	  || { { [ -x $(UV) ] && $(UV) pip install --quiet --python $(DEV)/python -r infra/requirements-browser.txt \
	      || $(DEV)/python -m pip install --quiet -r infra/requirements-browser.txt; } >.tools/browser.log 2>&1 && touch $(BROWSER_STAMP); } \
	  || echo "The browser's driver could not be installed (.tools/browser.log): the console's browser tests are skipped." >&2
	command -v $(BROWSERS) >/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing Chromium for the console's tests (once, about a minute) …" \
	    && apt-get update -qq >.tools/chromium.log 2>&1 \
	    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >>.tools/chromium.log 2>&1; } \
	  || echo "There is no Chromium: the console's browser tests are skipped. Install your system's package of that name." >&2

python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Python 3.11 or later is needed: install it, or name one with PYTHON=<path>." >&2; exit 1; }

$(UV): | python
	mkdir -p .tools "$$HOME"
	$(PYTHON) -m venv .tools/uv >/dev/null || { echo "Python cannot make a virtual environment: install python3-venv." >&2; exit 1; }
	.tools/uv/bin/python -m pip install --quiet --quiet uv==$(UV_VERSION) \
	  || echo "uv could not be installed; going on with pip, which is slower." >&2

$(DEV_STAMP): | $(UV)
	$(call install,.venv,requirements.txt,the tests and tools,half a minute)
$(SAM_STAMP): | $(UV)
	$(call install,.tools/sam,infra/requirements-sam.txt,the SAM CLI,a minute)
$(MINISTACK_STAMP): | $(UV)
	$(call install,.tools/ministack,infra/requirements-ministack.txt,the AWS emulator,half a minute)
