# The front door; meson and ninja do the work. See CONTRIBUTING.md.
BUILD ?= build

.PHONY: all setup demo test bench fuzz lint format clean
all: setup
	@tools/build $(BUILD)

setup:
	@tools/setup

demo: all
	$(BUILD)/weir demo

test: setup
	@tools/test

bench: all
	@bench/run

fuzz: setup
	@tools/fuzz

lint: setup
	@tools/lint

format:
	@tools/format

clean:
	rm -rf $(BUILD) build-*
