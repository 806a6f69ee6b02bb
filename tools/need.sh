#!/usr/bin/env bash
# Checks that the named tools are there and says, for those that are not, what they are needed for.
set -euo pipefail

declare -A what=(
	[go]="Go 1.26 (https://go.dev/dl)"
	[cargo]="Rust's cargo (https://rustup.rs), with which Flux, the query engine of the InfluxDB server for the tests, is built; with the environment variable INFLUXD=/path/to/influxd none is built"
	[cc]="a C compiler, with which the InfluxDB server for the tests is built"
	[python3]="Python 3.11 or newer with its venv module, in which pytest runs"
)
missing=0
for tool in "$@"; do
	command -v "$tool" >/dev/null && continue
	echo "$tool is missing: install ${what[$tool]:-$tool}" >&2
	missing=1
done
for tool in "$@"; do
	if [ "$tool" = python3 ] && [ $missing = 0 ] &&
		! python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
		echo "python3 is $(python3 --version 2>&1): install ${what[python3]}" >&2
		missing=1
	fi
done
exit $missing
