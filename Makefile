# Thin verbs: each is a command or two that can be typed as well.

DEBIAN ?= bookworm

# `meson setup` only once: afterwards `meson compile` reconfigures by itself when it must.
define compile
@test -f build/build.ninja || meson setup build
@meson compile -C build
endef

define compile_functions
@test -f build/build.ninja || meson setup build
@meson compile -C build service
endef

.DEFAULT_GOAL := help
.PHONY: help dev dev-reset build test test-short lint format check-fresh packages clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

dev: ## Run the service in the foreground (ADDR=:8090 STATE_DIR=.dev); Ctrl-C ends it
	@deploy/packages build dev
	$(compile_functions)
	@deploy/dev

dev-reset: ## Remove the state that make dev keeps between runs
	@deploy/dev --reset

build: ## Compile everything into build/
	@deploy/packages build
	$(compile)

test: ## Run every test
	@deploy/packages build test
	$(compile)
	@tests/run

test-short: ## Run the tests that need neither Postgres nor nginx
	@deploy/packages build test
	$(compile)
	@tests/run --short

lint: ## Check layout, names, likely mistakes and the rules of the house
	@deploy/packages build lint
	$(compile)
	@tests/check/lint

format: ## Lay out the C++ code
	@deploy/packages lint
	@git ls-files --cached --others --exclude-standard '*.h' '*.cc' | xargs clang-format -i

check-fresh: ## Run README's two commands in a bare Debian (DEBIAN=bookworm or trixie)
	@deploy/packages fresh
	@tests/check/fresh $(DEBIAN)

packages: ## Install the Debian packages that all of this needs
	@deploy/packages build dev test lint fresh

clean: ## Remove what was built; state stays
	rm -rf build
