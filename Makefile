# make alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# Where `make run` keeps everything that seriald stores, and what else it is told.
DATA ?= $(or $(DATA_DIR),data)
ARGS ?=
# How long `make fuzz` stays with each target.
FUZZTIME ?= 30s
BENCHTIME ?= 1x
# Further flags for `make test`, e.g. TESTFLAGS='-run Bridge -v'; PKG narrows the packages.
TESTFLAGS ?=
PKG ?= ./...

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TOOL := go tool -modfile=tools/go.mod

# Mosquitto and Redis live in sbin on Debian, where a normal user's PATH does not look.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

.PHONY: help
help:
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## compile bin/seriald
# The version comes from git describe; -buildvcs would fail in a checkout of another user's.
	@go build -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION)' -o bin/seriald ./cmd/seriald

.PHONY: run
run: build ## start everything here, no set-up needed; DATA=dir ARGS='--roles bridge'
# With exec no shell stands between the terminal's signals and seriald, which drains on them.
	@if [ -z "$${DATABASE_URL:-}$${DATABASE_URL_FILE:-}" ]; then \
		EMBEDDED_PG_BIN=$$(scripts/postgres.sh) || exit; export EMBEDDED_PG_BIN; \
	fi; \
	exec bin/seriald run --data '$(DATA)' $(ARGS)

.PHONY: postgres
postgres: ## find or fetch a PostgreSQL server for the embedded start
	@bin=$$(scripts/postgres.sh) || exit; echo "EMBEDDED_PG_BIN=$$bin"

.PHONY: deps
deps: ## find or install what the tests need: PostgreSQL, Mosquitto, Redis
	@scripts/deps.sh

.PHONY: test
test: deps ## all tests, with the race detector
	@EMBEDDED_PG_BIN=$$(scripts/postgres.sh) || exit; export EMBEDDED_PG_BIN; \
	exec go test -race -timeout 10m $(TESTFLAGS) $(PKG)

.PHONY: faults
faults: deps ## the whole fault suite with power cuts (root, loop devices); FAULTS=regexp chooses cells
	@EMBEDDED_PG_BIN=$$(scripts/postgres.sh) || exit; export EMBEDDED_PG_BIN; \
	exec go test -count 1 -timeout 12m -parallel 2 -v -run '^TestFaults$$$(if $(FAULTS),/^cells$$/($(FAULTS)))' ./cmd/seriald -faults full

.PHONY: bench
bench: deps ## the benchmarks of the pipeline and of HTTP, beside their naive forms and upper bounds, BENCHTIME=1x
	@EMBEDDED_PG_BIN=$$(scripts/postgres.sh) || exit; export EMBEDDED_PG_BIN; \
	SERIALD_TEST_MALFORMED=10000 go test -count 1 -run '^TestMalformedAmongGood$$' ./cmd/seriald && \
	go test -run '^$$' -bench Publish -benchtime 50x ./stream && \
	go test -run '^$$' -bench 'Parse|AppendJSON|ScanLines|Render|Permutation|Taken' ./gs1 ./pattern ./cmd/seriald ./store/cache && \
	exec go test -p 1 -run '^$$' -bench 'Bridge|Commit|Runner|Generate|Check|Clients|Pipeline|HTTP' -benchtime $(BENCHTIME) ./ingest ./processors ./api ./api/live ./cmd/seriald

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME=30s; FUZZ=regexp chooses
	@FUZZTIME='$(FUZZTIME)' FUZZ='$(FUZZ)' scripts/fuzz.sh

.PHONY: fmt
fmt: ## format the Go files
	@$(TOOL) gofumpt -w .

.PHONY: lint
lint: ## golangci-lint (building it the first time takes a few minutes)
	@$(TOOL) golangci-lint run ./...

.PHONY: check
check: ## what CI holds: format, vet, lint, modules, generated files
	@echo '== format'; \
	unformatted=$$($(TOOL) gofumpt -l .); \
	if [ -n "$$unformatted" ]; then printf 'not formatted (make fmt):\n%s\n' "$$unformatted" >&2; exit 1; fi
	@echo '== go vet'; go vet ./...
	@echo '== golangci-lint'; $(TOOL) golangci-lint run ./...
	@echo '== modules'; go mod tidy -diff; go mod verify; cd tools && go mod tidy -diff
	@echo '== generated files'; scripts/check-generated.sh

.PHONY: clean
clean: ## remove what was built and fetched (never the data)
	@rm -rf bin .tools coverage*
	@find . -name '*.test' -type f -delete -o -name '*.prof' -type f -delete
