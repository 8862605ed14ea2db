#!/usr/bin/env bash
# Makes sure that a Chromium for the browser tests is on the PATH.
set -euo pipefail

for name in chromium chromium-browser google-chrome google-chrome-stable headless-shell; do
	if command -v "$name" >/dev/null; then exit 0; fi
done
if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
	echo "browser tests need Chromium: install the package 'chromium' (as root: apt-get install chromium)" >&2
	exit 1
fi
echo "installing Chromium for the browser tests"
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -q && apt-get install -qy --no-install-recommends chromium fonts-liberation; } >/dev/null || {
	echo "apt-get could not install Chromium: see the errors above, or install a Chromium by hand" >&2
	exit 1
}
