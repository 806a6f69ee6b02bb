#!/usr/bin/env bash
# Installs Chromium for the tests of the pages, unless it is there. They find it by the name chromium, or by $CHROMIUM.
set -euo pipefail

[ -n "${CHROMIUM:-}" ] && exit
command -v chromium >/dev/null && exit
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo apt-get update --quiet
$sudo apt-get install --quiet --yes --no-install-recommends chromium fonts-dejavu-core
