# nov30: see README.md. Everything a target needs is set up by the target.
SHELL := /bin/bash
.DEFAULT_GOAL := help

LABELS ?= tier:pr
FOCUS ?=
TOOL ?= $(NOV30_TOOL)
ARMS ?= $(NOV30_ARMS)
KEEP ?= $(NOV30_KEEP)
CLEAN ?= $(NOV30_CLEAN)
CLUSTERS ?= $(NOV30_CLUSTERS)
KUBERNETES ?= $(NOV30_KUBERNETES)
PROCS ?= 1
export NOV30_TOOL := $(if $(TOOL),$(abspath $(TOOL)))
export NOV30_ARMS := $(ARMS)
export NOV30_KEEP := $(KEEP)
export NOV30_CLEAN := $(CLEAN)
export NOV30_CLUSTERS := $(CLUSTERS)
export NOV30_KUBERNETES := $(KUBERNETES)
export PATH := $(CURDIR)/bin:$(PATH)
UNIT := $(shell go list ./... 2>/dev/null | grep -v /suites/)

.PHONY: help
help: ## show the targets and their variables
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
	@echo
	@echo 'variables of chaos: FOCUS=regexp LABELS=filter TOOL=file ARMS=sham,treated,untreated KEEP=on-failure|always KUBERNETES=v1.34.4 PROCS=2 CLUSTERS=1 CLEAN=rewind|golden|new'
	@echo "example: make chaos FOCUS='etcd-certs-expired$$' KEEP=always"

.PHONY: build
build: ## compile nov30, medic and nov30-node into bin/
	@CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/ ./cmd/...

.PHONY: setup
setup: build
	@bin/nov30 doctor --fix --quiet
	@bin/nov30 image ensure

# The code that counts is the one in out/latest/exit, but a suite that failed never becomes a success. Ginkgo keeps what
# parallel processes print until their spec is over; on descriptor 3 people see at once what they do.
procs = $(or $(strip $(PROCS)),1)
.PHONY: chaos
chaos: build ## run the scenarios on real clusters and judge the tool (set-up included)
	@bin/nov30 run --check --focus '$(FOCUS)' --labels '$(LABELS)'
	@n=$$(bin/nov30 list --focus '$(FOCUS)' --labels '$(LABELS)' | tail -n +2 | wc -l); [[ '$(procs)' =~ ^[1-9][0-9]{0,2}$$ ]] && [ '$(procs)' -le $$n ] || \
		{ echo "make chaos: PROCS=$(PROCS): a number of processes from 1 to $$n, as many as scenarios are selected" >&2; exit 64; }
	@$(MAKE) --no-print-directory setup
	@rm -f out/latest; NOV30_PROGRESS_FD=3 go tool ginkgo run --no-color -v --focus '$(FOCUS)' --label-filter '$(LABELS)' --fail-on-empty \
		--procs '$(procs)' --timeout 3h --grace-period 6m ./suites/chaos 3>&1; status=$$?; code=$$(cat out/latest/exit 2>/dev/null || echo 3); \
	if [ $$status -eq 0 ] || [ $$code -ne 0 ]; then exit $$code; fi; exit $$status

.PHONY: test
test: build ## unit tests, kills, fuzz seeds and the contract suite on a real cluster (set-up included)
	@.ci/browser
	@echo "go test: everything but suites/"; go test $(UNIT)
	@echo "SIGKILL at random points, on files and processes"; go test -count=1 -v ./suites/kill
	@$(MAKE) --no-print-directory setup
	go tool ginkgo run --no-color --fail-on-empty --label-filter '!soak' --timeout 40m --grace-period 5m ./suites/contract

.PHONY: soak
soak: setup ## the long hauls: fuzzing, 500 kills on processes, 20 on real clusters, every double; some two hours
	.ci/fuzz 60
	NOV30_KILLS=500 go test -count=1 -v -timeout 60m ./suites/kill
	go tool ginkgo run --no-color --fail-on-empty --label-filter 'soak' --timeout 4h --grace-period 6m ./suites/contract

.PHONY: doubles
doubles: setup ## run every double on real clusters and save the records that `go test ./fixtures/tools` judges again
	NOV30_SAVE=$${NOV30_SAVE:-$$(mktemp -d)} go tool ginkgo run --no-color --fail-on-empty --focus '$(or $(FOCUS),gets the verdict)' \
		--timeout 4h --grace-period 6m ./suites/contract

.PHONY: image
image: build ## make the node image
	@bin/nov30 doctor --fix --quiet
	@bin/nov30 image ensure

.PHONY: bench
bench: setup ## compare the ways to a clean cluster with plain kind, and print what the probes cost; some fifteen minutes
	bin/nov30 bench cluster
	go test -run '^$$' -bench . -benchtime 1x ./harness/...

.PHONY: lint
lint: ## gofmt, vet, staticcheck, and known vulnerabilities
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	go vet ./...
	go tool staticcheck ./...
	@.ci/govulncheck

.PHONY: clean
clean: build ## revert what was left broken, delete nov30's clusters, stop its own engine, remove bin/ and out/
	@bin/nov30 sweep --delete --stop-engine
	rm -rf bin out
