# make demo   installs what is missing, builds, compiles the demonstration model and writes text with it, then puts the
#             model into other number formats; the last is yours: make demo FORMAT='!rung.float<e3m1>'
# make check  installs what is missing, builds, and runs every test
# make fuzz   installs what is missing, builds the fuzz targets, and runs each for FUZZ_SECONDS
# All work on a fresh Debian 12 machine. `make` alone builds.

BUILD ?= build
BUILD_FUZZ ?= build-fuzz
FUZZ_SECONDS ?= 30
FUZZ_SEED ?= 1
JOBS ?= $(shell nproc)
VENV := .venv
PYTHON := $(VENV)/bin/python
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: all setup build check fuzz demo install clean format tidy
all: build

# The stamps remember the lists that they were made from: a changed list installs again.
$(VENV)/packages.stamp: packages.txt cmake/install-packages.sh
	@SUDO="$(SUDO)" sh cmake/install-packages.sh packages.txt
	@mkdir -p $(VENV) && touch $@

$(VENV)/python.stamp: pyproject.toml cmake/python_packages.py $(VENV)/packages.stamp
	@echo "-- Python packages into $(VENV)"
	@/usr/bin/python3 -m venv $(VENV)
	@$(PYTHON) cmake/python_packages.py pyproject.toml dependencies dev | xargs $(PYTHON) -m pip install --quiet --disable-pip-version-check
	@$(PYTHON) cmake/python_packages.py pyproject.toml model | xargs $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps
	@echo "$(CURDIR)/$(BUILD)/python" > $$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/rung.pth
	@touch $@

setup: $(VENV)/python.stamp

$(BUILD)/build.ninja: CMakePresets.json $(VENV)/python.stamp
	@cmake --preset default -B $(BUILD) -DPython_EXECUTABLE=$(CURDIR)/$(PYTHON)

build: setup $(BUILD)/build.ninja
	@ninja -C $(BUILD) -j$(JOBS)

check: build
	@$(PYTHON) test/check.py --build=$(BUILD) --jobs=$(JOBS)

$(BUILD_FUZZ)/build.ninja: CMakePresets.json $(VENV)/packages.stamp
	@cmake --preset fuzz -B $(BUILD_FUZZ)

fuzz: $(BUILD_FUZZ)/build.ninja
	@ninja -C $(BUILD_FUZZ) -j$(JOBS) fuzzers
	@python3 fuzz/run.py --build=$(BUILD_FUZZ) --seconds=$(FUZZ_SECONDS) --seed=$(FUZZ_SEED)

demo: build
	@$(PYTHON) examples/demo.py --build=$(BUILD) $(if $(FORMAT),--format='$(FORMAT)')

install: build
	@cmake --install $(BUILD)

format:
	@git ls-files '*.h' '*.cpp' | xargs clang-format-22 -i

tidy: build
	@run-clang-tidy-22 -p $(BUILD) -quiet '/(lib|tools)/'

clean:
	@rm -rf $(BUILD) $(BUILD_FUZZ)
