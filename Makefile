# The things one does here; each is a script or one command, and can be run as such.

.PHONY: help build release test test-all lint format demo bench fuzz torture clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## a debug build
	swift build

release: ## the static release binary, and whether it holds what it promises (size, no Foundation)
	scripts/check-release

test: ## what CI runs; under a minute once it is built
	scripts/test

test-all: ## the slow ones too: crashes, long runs, the release binary
	EXPVAULT_SLOW_TESTS=1 scripts/test
	scripts/check-release

lint: ## format and shell scripts
	scripts/lint

format: ## mends what lint says of the format
	swift format --in-place --parallel --recursive Package.swift Sources Tests $(wildcard Benchmarks Fuzz)

demo: ## records a Go service and etcd for half a minute and looks at them
	scripts/demo

bench: ## measures size, speed and cost beside Prometheus, VictoriaMetrics and SQLite rows
	scripts/bench

torture: ## kills, cuts the power of and starves the debug build, a thousand times each; an hour
	scripts/torture steps
	scripts/torture kill --count 1000
	scripts/torture powerloss --count 1000
	scripts/torture errors --count 300

fuzz: ## runs the fuzz targets for a while
	scripts/fuzz

clean: ## removes builds; .tools/ stays
	swift package clean
	rm -rf Examples/demo-service/demo-service
