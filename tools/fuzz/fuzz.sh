#!/usr/bin/env bash
# Runs each fuzz target of the main module and of the modules in test/ for a given time: fuzz.sh 1m
# It limits the minimisation of inputs, because by default this takes most of such a short time.
set -euo pipefail
time=$1
cd "$(dirname "$0")/../.."

fuzz_module() {
	local package target
	for package in $(go list ./...); do
		for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
			go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x "$package"
		done
	done
}

fuzz_module
for mod in $(git ls-files 'test/**/go.mod'); do
	(cd "$(dirname "$mod")" && fuzz_module)
done
