# For everybody: `make demo`, `make test` and `make compare`, as README says; the rest is for work on Helan.

CARGO ?= cargo
DIR ?= demo
PORT_BASE ?= 18080
ARGS ?=

.PHONY: demo test check build release trained bench compare count clean

## A working city on this machine; Ctrl-C ends it.
demo: release
	@"$${CARGO_TARGET_DIR:-target}/release/helan" demo --dir "$(DIR)" --port-base "$(PORT_BASE)"

## Everything that must pass: formatting, lints, tests, documentation, policies, instructions per call.
test:
	@deploy/check

build:
	$(CARGO) build --locked

release:
	$(CARGO) build --locked --release --bin helan

## A release built with a profile of its own work, for machines that carry load: target/trained/helan.
trained:
	@deploy/trained

bench:
	$(CARGO) bench --locked

## Helan side by side with nginx, HAProxy and Envoy; ARGS="--help" teaches.
compare: trained
	@deploy/compare $(ARGS)

## Instructions of a call beside the committed ones; ARGS=--accept commits to new ones.
count: release
	@deploy/count $(ARGS)

clean:
	$(CARGO) clean
