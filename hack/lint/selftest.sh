#!/usr/bin/env bash
# Proves that the linter bites: every line of testdata marked "want LINTER" is found, and no other.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

module=$(mktemp -d)
trap 'rm -rf "$module"' EXIT
cp -r "$root"/hack/lint/testdata/. "$root/.golangci.yml" "$module"
cd "$module"
printf 'module holdfast.dev/holdfast\n\ngo 1.26.0\n' >go.mod

wanted=$(grep -rnoE 'want [a-z]+:' --include='*.go' . | sed -E 's|^\./([^:]+:[0-9]+):want ([a-z]+):|\1 \2|' | sort -u)
found=$("$root/bin/golangci-lint" run --output.text.path=stdout --output.text.print-issued-lines=false \
	--show-stats=false --issues-exit-code=0 |
	sed -E 's|^([^:]+:[0-9]+).*\(([a-z]+)\)$|\1 \2|' | sort -u)
diff <(echo "$wanted") <(echo "$found") || {
	echo "lint selftest: '<' was wanted and not found, '>' was found and not wanted" >&2
	exit 1
}
