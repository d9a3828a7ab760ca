# Everything that a clean machine needs to run forewarn and to test it. `make help` lists the targets.
#
# What was set up is noted in .venv in a file named after the content of pyproject.toml, so a second call does nothing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# The tests start hundreds of processes. Where nothing compiled may be kept, each compiles 1,700 modules anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
DATA ?= run
UP ?=
PYTEST ?=

# The one list of Debian packages. None of their services is started.
DEBIAN_VENV := python3-venv
DEBIAN_RUN := smartmontools
DEBIAN_VM := qemu-system-x86 qemu-utils mmdebstrap e2fsprogs smartmontools openssl
DEBIAN_PEERS := prometheus-node-exporter zabbix-agent2 collectd-core netdata mosquitto openssl victoria-metrics \
	postgresql zabbix-server-pgsql
DEBIAN_TEST := smartmontools mosquitto openssl systemd systemd-journal-remote \
	request-tracker5 rt5-db-sqlite rt5-standalone starman redmine redmine-sqlite puma prometheus-alertmanager postgresql \
	victoria-metrics influxdb chromium chromium-driver
DEBIAN_PACKAGE := binutils libpython3.11 lintian
DEBIAN_NSPAWN := systemd-container openssl
# What the machine has that packages are tried on.
DEBIAN_MACHINE := systemd-sysv dbus smartmontools openssh-client

# Made anew when the agent or the recipe changes.
VM_IMAGE := build/vm/root.img
VENV := .venv
BIN := $(VENV)/bin
# Compiling everything beforehand takes longer than compiling what is used at its first use.
PIP_INSTALL := $(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check --root-user-action=ignore
KEY := $(shell sha256sum pyproject.toml | cut -c1-16)
READY_RUN := $(VENV)/ready-to-run-$(KEY)
READY_TEST := $(VENV)/ready-to-test-$(KEY)

# The machine's name says what is in it.
MACHINE := build/debian-$(shell echo $(DEBIAN_MACHINE) | cat - deploy/setup/root | sha256sum | cut -c1-16).tar
PACKAGED := dist/SHA256SUMS

.PHONY: help run test check corpus soak idle chaos several postgresql desks storm fuzz vm peers package nspawn fresh clean run-packages test-packages vm-packages

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-7s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: $(READY_RUN) run-packages ## start a collector with this machine's own agent; DATA=DIRECTORY, UP=options
	@exec $(BIN)/forewarn up --data "$(DATA)" --with-agent $(UP)

test: test-packages check ## everything that CI runs: checks, then all tests; PYTEST=options
	@PYTHONUNBUFFERED=1 exec $(BIN)/pytest --numprocesses auto --dist loadgroup $(PYTEST)

check: $(READY_TEST) ## ruff, mypy --strict and the walls between the rooms
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

corpus: $(READY_TEST) ## every recorded smartctl output, cut off at every byte; half an hour
	@exec $(BIN)/pytest -s tests/endurance/test_every_byte.py

package: $(PACKAGED) $(READY_TEST) $(MACHINE) ## build executable and Debian package of the agent into dist/, and try them
	@DEBIAN_ROOT=$(MACHINE) exec $(BIN)/pytest tests/packages/test_executable.py tests/packages/test_debian.py $(PYTEST)

nspawn: $(PACKAGED) $(READY_TEST) $(MACHINE) ## as root: install, kill, hang, upgrade and remove the agent under a real systemd
	@deploy/setup/debian $(DEBIAN_NSPAWN)
	@DEBIAN_ROOT=$(MACHINE) exec $(BIN)/pytest -rP tests/packages/test_service.py tests/packages/test_service_enrolled.py $(PYTEST)

soak: $(READY_TEST) ## two weeks of the agent's polling at a short interval: its memory stays flat
	@FOREWARN_MINUTES=20160 exec $(BIN)/pytest -s tests/agent/test_memory.py

idle: $(READY_TEST) ## 5,000 idle connections, half-open ones and slow senders at the listener: served, and what they cost
	@FOREWARN_IDLE_CONNECTIONS=5000 exec $(BIN)/pytest -s tests/collector/test_crowd.py -k idle

chaos: $(READY_TEST) ## as root: agents and collector are killed on a bad network; MINUTES=10 AGENTS=50 SEED=number
	@FOREWARN_MINUTES=$(or $(MINUTES),10) FOREWARN_AGENTS=$(or $(AGENTS),50) FOREWARN_SEED=$(or $(SEED),20261126) \
		exec $(BIN)/pytest -s tests/endurance/chaos

several: $(READY_TEST) test-packages ## three collectors on one PostgreSQL are killed in turn; MINUTES=5 DEVICES=300 SEED=number
	@FOREWARN_MINUTES=$(or $(MINUTES),5) FOREWARN_DEVICES=$(or $(DEVICES),300) FOREWARN_SEED=$(or $(SEED),20261127) \
		exec $(BIN)/pytest -s tests/endurance/several

postgresql: $(READY_TEST) test-packages ## access, enrolment, orders, people, gaps and late reports with everything in PostgreSQL
	@FOREWARN_STORE=postgresql exec $(BIN)/pytest --numprocesses auto --dist loadgroup $(PYTEST) \
		$(patsubst %,tests/collector/test_%.py,access access_limits api_permissions backfill enrolment_port gaps history_orders intake \
		orders people_api)

storm: $(READY_TEST) ## a collector dies under 2,000 devices with TLS, which are back at once; AGENTS=number
	@FOREWARN_STORM_AGENTS=$(or $(AGENTS),2000) exec $(BIN)/pytest -s tests/endurance/test_storm.py

fuzz: $(READY_TEST) ## a million mutated packets and payloads at the listener; PACKETS=number SEED=number
	@FOREWARN_FUZZ_PACKETS=$(or $(PACKETS),1000000) FOREWARN_SEED=$(or $(SEED),20261126) \
		exec $(BIN)/pytest -s tests/collector/test_listener_fuzz.py

desks: $(READY_TEST) test-packages ## 500 tickets at once in a real Request Tracker and a real Redmine, which are down for a minute; TICKETS=number
	@FOREWARN_TICKETS=$(or $(TICKETS),500) FOREWARN_DOWN_SECONDS=60 exec $(BIN)/pytest -s --durations 2 \
		tests/destinations/test_many.py tests/destinations/test_exchange.py -k "many or down"

vm: $(READY_TEST) vm-packages $(VM_IMAGE) ## as root: the agent in a virtual machine whose disks warn, go and lose power
	@FOREWARN_VM_IMAGE=$(dir $(VM_IMAGE)) exec $(BIN)/pytest -s tests/endurance/test_vm.py

peers: ## as root: what benchmarks/agent.py and peers_intake.py compare, from Debian, none started
	@deploy/setup/debian $(DEBIAN_PEERS)

fresh: ## as root: README's commands on a new Debian 12, timed
	@exec deploy/fresh/fresh

clean: ## remove what the other targets made, but never a data directory
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

run-packages:
	@deploy/setup/debian $(DEBIAN_RUN)

vm-packages:
	@deploy/setup/debian $(DEBIAN_VM)

$(VM_IMAGE): $(shell find deploy/vm agent -type f -name '[a-z_]*' -not -name '*.pyc') | $(READY_TEST) vm-packages
	@echo "making the virtual machine's disk"
	@deploy/vm/image $(dir $@) $(BIN)/python

test-packages:
	@deploy/setup/debian $(DEBIAN_TEST)

$(READY_TEST): EXTRAS := collector,train,dev
$(READY_RUN): EXTRAS := collector

$(READY_RUN) $(READY_TEST): | $(BIN)/pip
	@echo "installing forewarn[$(EXTRAS)] into $(VENV)"
	@$(PIP_INSTALL) -e '.[$(EXTRAS)]'
	@rm -f $(VENV)/ready-to-$(if $(findstring dev,$(EXTRAS)),*,run-*)
	@touch $@ $(if $(findstring dev,$(EXTRAS)),$(READY_RUN))

$(PACKAGED): pyproject.toml CHANGELOG.md $(shell find agent rules/forewarn_rules collector/forewarn_collector deploy/package deploy/agent.example.yaml -type f -not -name '*.pyc')
	@deploy/setup/debian $(DEBIAN_PACKAGE)
	@deploy/package/build $(PYTHON)

$(MACHINE):
	@mkdir -p build && rm -f build/debian-*.tar
	@if ((EUID)); then echo "left out: a Debian machine to try the package on (it needs root)"; \
	else echo "making a Debian 12 machine"; deploy/setup/root $@ $(DEBIAN_MACHINE); fi

$(BIN)/pip:
	@deploy/setup/python $(PYTHON) $(DEBIAN_VENV)
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
