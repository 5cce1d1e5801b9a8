# Thin verbs: each is a command or two that can be typed as well.

DEBIAN ?= bookworm
ACCOUNTS ?= both
# Not from the environment, where this name may mean anything.
VERSION = 16

# `meson setup` only once: afterwards ninja reconfigures by itself when it must. A single target is
# ninja's to build: `meson compile` does not find one that was added since it configured.
define compile
@test -f build/build.ninja || meson setup build
@meson compile -C build
endef

define compile_migrate
@test -f build/build.ninja || meson setup build
@ninja -C build migrations/migrate
endef

define compile_functions
@test -f build/build.ninja || meson setup build
@ninja -C build service
endef

.DEFAULT_GOAL := help
.PHONY: help dev dev-reset build build-migrate test test-short bench-verify bench-auth bench-audit bench-process lint lint-tests format check-fresh packages clean
.PHONY: install deb check-systemd container check-container
.PHONY: test-postgres migrate-up migrate-down migrate-down-all migrate-version migrate-status migrate-create

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

dev: ## Run the service in the foreground (ADDR=:8090 STATE_DIR=.dev); Ctrl-C ends it
	@deploy/packages build dev
	$(compile_functions)
	@deploy/dev

dev-reset: ## Remove the state that make dev keeps between runs
	@deploy/dev --reset

build: ## Compile everything into build/
	@deploy/packages build
	$(compile)

build-migrate: ## Compile the migrator alone, build/migrations/migrate
	@deploy/packages build
	$(compile_migrate)

migrate-up: build-migrate ## Apply all pending migrations to DATABASE_URL
	@build/migrations/migrate up

migrate-down: build-migrate ## Roll back the newest migration
	@build/migrations/migrate down 1

migrate-down-all: build-migrate ## Roll back every migration, after asking
	@build/migrations/migrate down

migrate-version: build-migrate ## Show the version of the schema
	@build/migrations/migrate version

migrate-status: build-migrate ## List the migrations: applied, pending, edited
	@build/migrations/migrate status

migrate-create: build-migrate ## Make the next empty pair in migrations/ (NAME=add_widgets)
	@build/migrations/migrate create '$(NAME)'

install: ## Install what a machine in production needs below DESTDIR, in /usr, /etc and /var
	@deploy/packages build
	@test -f build/build.ninja || meson setup build
	@ninja -C build service
	@DESTDIR='$(DESTDIR)' meson install -C build --no-rebuild --strip

deb: ## Build the Debian package, build/deb/*.deb
	@deploy/packages build deb
	@deploy/deb

test: ## Run every test
	@deploy/packages build test
	$(compile)
	@tests/run

test-short: ## Run the tests that need neither Postgres nor nginx
	@deploy/packages build test
	$(compile)
	@tests/run --short

test-postgres: ## Run the tests that use Postgres with VERSION=15, 16, 17 or 18 of it
	@deploy/packages build test
	$(compile)
	@tests/postgres_version $(VERSION)

bench-verify: ## Measure the verification of API keys (BASELINE=FOLDER of another build)
	@deploy/packages build test bench
	$(compile)
	@BASELINE='$(BASELINE)' tests/bench/verify

bench-auth: ## Measure what asking for tokens costs
	@deploy/packages build test bench
	$(compile)
	@tests/bench/auth

bench-audit: ## Measure the audit trail with ten million entries (ROWS=…)
	@deploy/packages build test bench
	$(compile)
	@tests/bench/audit

bench-process: ## Measure how quickly a function starts, and what it takes
	@deploy/packages build test bench
	$(compile)
	@tests/bench/process

lint: ## Check layout, names, likely mistakes and the rules of the house
	@deploy/packages build lint
	$(compile_functions)
	@ninja -C build tests/tenant_status_get
	@tests/check/lint

lint-tests: ## Let clang-tidy read the code of the tests as well, which takes its time
	@deploy/packages build lint
	$(compile)
	@LINT_TESTS=1 tests/check/lint

format: ## Lay out the C++ code
	@deploy/packages lint
	@git ls-files --cached --others --exclude-standard '*.h' '*.cc' | xargs clang-format -i

container: ## Build the image, build/container/tenant-registry.oci.tar (DEBIAN=trixie)
	@deploy/packages container
	@deploy/container/build --debian $(DEBIAN)

check-container: ## Build the image, and run all of deploy/container/README.md; as root
	@deploy/packages build container check-container
	@tests/check/container $(DEBIAN)

check-fresh: ## Run README's two commands in a bare Debian (DEBIAN=trixie ACCOUNTS=user or root)
	@deploy/packages fresh
	@tests/check/fresh $(DEBIAN) $(ACCOUNTS)

check-systemd: deb ## Run the package, and all of docs/operations.md, in a machine with systemd
	@deploy/packages systemd
	@tests/check/systemd $(DEBIAN)

packages: ## Install the Debian packages that all of this needs
	@deploy/packages build dev test lint fresh deb systemd container check-container

clean: ## Remove what was built; state stays
	rm -rf build
