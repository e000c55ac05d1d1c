# Every target makes its own environment: Python 3.11 or later and make are all a machine needs.
.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The first that runs and is new enough; a pyenv shim without its version behind it is passed over.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
# Two for each of two cores: many tests wait for an answer of the embedded AWS, not for a core. One that runs
# out of tests takes some of another's, as the longest take as long as hundreds of others.
TEST_PROCESSES := 4 --dist worksteal
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --quiet
UV := uv==0.13.9

.PHONY: help demo test lint bench bench-check scale capacity image lock ci-long schemas kill-test sim \
	isolation ledger fleet failover full-drain outage kill-loop sigterm-loop zombie chaos reshard

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1#/p' $(MAKEFILE_LIST) | awk -F '#' '{ printf "%-18s %s\n", $$1, $$2 }'

# pyproject.toml stands here because it names the commands that the editable install writes.
$(READY): requirements-build.lock requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { \
		echo "make: no Python 3.11 or later found (tried python3.11 to python3.14, python3);" \
		     "install one or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up $(VENV) with $(PYTHON); this takes a minute, once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements-build.lock -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)  ## the whole way on this machine, 2,000 events; ARGS="--source kinesis --events 500 --once --json"
	@$(BIN)/notifyd demo $(ARGS)

test: $(READY)  ## every test but the slow ones
	$(BIN)/pytest -m "not slow" -n $(TEST_PROCESSES) $(ARGS)

lint: $(READY)  ## style, types, and which layer may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## events/s of one daemon process, beside its peer; see docs/performance.md
	$(BIN)/python -m bench $(ARGS)

bench-check: $(READY)  ## whether it is as much quicker than its peer as it was; ARGS=--store keeps what it is now
	@$(BIN)/python -m bench.check $(ARGS)

scale: $(READY)  ## what a second worker adds, in events per CPU second and by the clock; ARGS="--workload push-rate --core-share 0.7"
	@$(BIN)/python -m bench.scale $(ARGS)

capacity: $(READY)  ## docs/capacity.md anew, from a report of `make bench`; ARGS="bench/results/….json"
	@$(BIN)/python -m bench.capacity $(ARGS) --out docs/capacity.md

ledger: $(READY)  ## what the ledger costs at 200 records/s a shard: write units a notification, share of the CPU
	@$(BIN)/python -m bench.ledger $(ARGS)

isolation: $(READY)  ## how long mails take while APNs hangs, beside how long they take while it answers; ARGS="--rounds 5"
	@$(BIN)/python -m bench.isolation $(ARGS)

kill-test: $(READY)  ## kill -9 in mid-stream, on shipped defaults: nothing lost, each possible duplicate listed
	$(BIN)/pytest tests/e2e -m slow $(ARGS)

# Real processes under faults: each prints what it saw and exits non-zero on a broken promise.
N ?= 5
FAULT_RUN := $(BIN)/python -m tests.faults

kill-loop: $(READY)  ## N random kill -9, two to four replicas, under load; N=20 ARGS="--rate 300 --json"
	@$(FAULT_RUN) kill-loop -n $(N) $(ARGS)

sigterm-loop: $(READY)  ## N drains under load: nothing twice, the next owner at once; N=20
	@$(FAULT_RUN) sigterm-loop -n $(N) $(ARGS)

zombie: $(READY)  ## the owner stopped for two failover times, then woken: fenced, a stand-by from then on
	@$(FAULT_RUN) zombie $(ARGS)

chaos: $(READY)  ## AWS throttles, does not answer, goes away; ARGS="--case away-60s-all --scale 0.5"
	@$(FAULT_RUN) chaos $(ARGS)

full-drain: $(READY)  ## N SIGTERMs while more waits than can be sent: nothing twice, gone in seconds; N=3 ARGS="--source dynamodb"
	@$(FAULT_RUN) full-drain -n $(N) $(ARGS)

outage: $(READY)  ## all of AWS away for 60 s at 2,000 events/s; ARGS="--outage-s 30 --source dynamodb"
	@$(FAULT_RUN) outage $(ARGS)

# The one stand-in whose shards split and merge; it takes node and npm.
KINESIS_LOCAL := .run/kinesis-local/.ready
KINESIS_LOCAL_LOCK := tests/faults/kinesis_local

$(KINESIS_LOCAL): $(KINESIS_LOCAL_LOCK)/package.json $(KINESIS_LOCAL_LOCK)/package-lock.json
	@command -v npm >/dev/null || { echo "make: no npm found; resharding runs on kinesis-local, which needs it" >&2; exit 1; }
	@mkdir -p $(@D) && cp $^ $(@D) && npm ci --prefix $(@D) --silent --no-audit --no-fund
	@touch $@

reshard: $(READY) $(KINESIS_LOCAL)  ## splits and merges under load: every record once, parents before children
	@$(FAULT_RUN) reshard $(ARGS)

sim: $(READY)  ## seeded simulation of several workers under faults; SEEDS=500 FAULTS=none|crash,cut,... SEED=k
	@$(BIN)/python -m tests.simulation $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FAULTS),--faults $(FAULTS)) \
		$(if $(SEED),--seed $(SEED)) $(ARGS)

failover: $(READY)  ## a provider fails, throttles, is shared by four workers, in virtual time: what is lost, doubled, late
	@$(BIN)/python -m tests.simulation.failover $(ARGS)

fleet: $(READY)  ## 100 whole daemons on 2,000 shards, in virtual time: balanced, every shard read, what the table is asked
	@$(BIN)/python -m tests.simulation.fleet $(ARGS)

schemas: $(READY)  ## what is deployed, against the schemas of those who read it
	$(BIN)/hadolint Dockerfile
	$(BIN)/kubernetes-validate --strict $(filter-out %/kustomization.yaml,$(wildcard deploy/kubernetes/*.yaml))
	$(BIN)/cfn-lint deploy/cloudformation/notifyd.yaml
	$(BIN)/pytest tests/deploy

ci-long: schemas  ## what takes longer than a push should: schemas, slow tests, the bench's ratios
	$(BIN)/pytest -m slow
	$(BIN)/python -m bench.check

image:  ## the container image, by docker, podman or buildah
	@builder=$$(for tool in docker podman buildah; do "$$tool" info >/dev/null 2>&1 && echo "$$tool" && break; done); \
	case "$$builder" in \
	  docker|podman) "$$builder" build --tag notifyd . ;; \
	  buildah) buildah bud --tag notifyd . ;; \
	  *) echo "make image: no working docker, podman or buildah on this machine; nothing was built" >&2; exit 1 ;; \
	esac

# The dev lock comes first and binds the runtime lock: ministack asks for one exact botocore, and what is
# tested has to be what is shipped.
lock: $(READY)  ## pins what pyproject.toml asks for, with hashes and without download addresses
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(UV)
	$(COMPILE) pyproject.toml --extra dev --extra long --output-file requirements-dev.lock
	$(COMPILE) pyproject.toml --constraint requirements-dev.lock --output-file requirements.lock
	printf 'setuptools>=77\n' | $(COMPILE) - --output-file requirements-build.lock
