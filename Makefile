# What people type. Each target installs what it needs, so a fresh clone can start with any of them.
# CARGO_TARGET_DIR is honoured.

TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)

.DEFAULT_GOAL := help
.PHONY: help run test acceptance bench fuzz guests fmt setup-run setup-test setup-bench setup-fuzz

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: setup-run guests ## Start a node; the first start walks the tour
	@exec cargo run --locked --package casemate-cli -- serve --tour

test: setup-test ## Run every check there is, as CI does
	@cargo xtask ci

acceptance: setup-test guests ## Kill a node 11,200 times under load, check a million changes of names, fill its disk, time the end of hostile guests, load functions, and run S3 clients
	cargo build --locked --package casemate-cli
	python3 tests/acceptance/hostile.py $(TARGET)/debug/casemate $(TARGET)/guests
	python3 tests/acceptance/kill_loop.py $(TARGET)/debug/casemate --cycles 500
	python3 tests/acceptance/kill_names.py $(TARGET)/debug/casemate --points 500
	cargo run --locked --package casemate-state --example linear -- --database sqlite --steps 1000000
	cargo run --locked --package casemate-state --example linear -- --database postgres --steps 1000000
	tests/planted/run.sh
	cargo run --locked --package casemate-peers --features test-support --example churn -- --minutes 3
	python3 tests/acceptance/kill_s3.py $(TARGET)/debug/casemate --cycles 200
	python3 tests/acceptance/kill_nodes.py $(TARGET)/debug/casemate --tasks 10000
	python3 tests/acceptance/kill_nodes.py $(TARGET)/debug/casemate --tasks 10000 --database postgres
	python3 tests/acceptance/functions.py $(TARGET)/debug/casemate $(TARGET)/guests
	python3 tests/acceptance/kill_refresh.py $(TARGET)/debug/casemate --cycles 10000
	python3 tests/acceptance/disk_storm.py $(TARGET)/debug/casemate --rounds 40
	python3 tests/acceptance/s3_clients.py $(TARGET)/debug/casemate

bench: setup-bench guests ## Measure a node against a bare HTTP server, checks of keys and limits, functions against other servers, names against etcd and knot, and objects against other tools
	cargo build --release --locked --package casemate-cli
	cargo build --release --manifest-path bench/bare/Cargo.toml --target-dir $(TARGET)
	python3 bench/run.py $(TARGET)/release/casemate
	python3 bench/access.py $(TARGET)/release/casemate $(TARGET)/release/bare
	python3 bench/functions.py $(TARGET)/release/casemate $(TARGET)/release/bare-functions $(TARGET)/guests
	cargo run --release --locked --package casemate-limits --example limiter
	cargo run --release --locked --package casemate-state --example key_check
	cargo run --release --locked --package casemate-state --example queue
	cargo run --release --locked --package casemate-state --example claims
	python3 bench/names.py $(TARGET)/release/casemate
	$(TARGET)/release/bare-metering
	python3 bench/objects.py $(TARGET)/release/casemate

fuzz: setup-fuzz ## Run each fuzz target for 20 seconds
	@cargo xtask fuzz

guests: setup-run ## Build the example guests
	@cargo xtask guests

fmt: ## Format the sources
	cargo fmt --all

setup-run setup-test setup-bench setup-fuzz:
	@scripts/setup.sh $(subst setup-,,$@)
