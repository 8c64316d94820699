# The front door; meson and ninja do the work. See CONTRIBUTING.md.
BUILD ?= build

.PHONY: all setup demo test nightly bench fuzz lint format docs clean
all: setup
	@tools/build $(BUILD)

setup:
	@tools/setup

demo: all
	$(BUILD)/weir demo

test: setup
	@tools/test

# What is too long for each change: 200 rounds of kill -9, ten minutes of fuzzing a target.
nightly: all
	@WEIR_ROUNDS=200 tools/test unit e2e sdk crash
	@tools/fuzz 600

bench: all
	@bench/run

fuzz: setup
	@tools/fuzz

lint: setup
	@tools/lint

format:
	@tools/format

# The pages that are made from the program's own tables.
docs: all
	@$(BUILD)/weir man --markdown >docs/guide/cli.md
	@$(BUILD)/weir settings --markdown >docs/guide/settings.md
	@tools/source-docs $(BUILD)

clean:
	rm -rf $(BUILD) build-*
