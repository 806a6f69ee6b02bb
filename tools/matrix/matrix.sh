#!/usr/bin/env bash
# Runs the sample of plugin/ with each Python from 3.8 on, and with each pytest that the plugin promises to work with.
# A Python is taken from the PATH or from ~/.pyenv. The environments are in .cache/matrix/.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The oldest and the newest Python that a version of pytest works with, as minor versions. "newest" is what pip chooses.
versions=("6.2.5 8 9" "7.4.4 8 12" "8.4.2 9 99" "9.0.2 10 99" "newest 8 99")

# find prints the path of Python 3.$1, or nothing.
find() {
	local python
	for python in "$(command -v "python3.$1" || true)" "$HOME"/.pyenv/versions/3."$1".*/bin/python; do
		if "$python" -c "import sys, venv; sys.exit(sys.version_info[:2] != (3, $1))" 2>/dev/null; then
			echo "$python"
			return
		fi
	done
}

pythons=()
for minor in $(seq 8 20); do
	python=$(find "$minor")
	if [ -z "$python" ]; then
		[ "$minor" -gt 14 ] || echo "Python 3.$minor is missing" >&2
		continue
	fi
	for version in "${versions[@]}"; do
		read -r pytest oldest newest <<<"$version"
		if [ "$minor" -lt "$oldest" ] || [ "$minor" -gt "$newest" ]; then
			continue
		fi
		env=.cache/matrix/python3.$minor-pytest-$pytest
		if [ ! -e "$env/.installed" ]; then
			spec=pytest==$pytest
			[ "$pytest" != newest ] || spec=pytest
			rm -rf "$env"
			"$python" -m venv "$env"
			"$env/bin/python" -m pip install --quiet --disable-pip-version-check "$spec" pytest-xdist freezegun
			touch "$env/.installed"
		fi
		pythons+=("$PWD/$env/bin/python")
	done
done
echo "${#pythons[@]} environments"
PYMON_PYTHONS="${pythons[*]}" go test -count 1 -parallel 2 -timeout 60m -run TestResultsAreThoseWithoutThePlugin -v ./plugin
