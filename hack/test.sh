#!/usr/bin/env bash
# Usage: hack/test.sh RACE_PACKAGES UNIT_PACKAGES SERVER_PACKAGES
# Runs all tests as one JSON stream, the first list under the race detector where a C compiler is found.
set -euo pipefail

# Word splitting of the lists is meant.
# shellcheck disable=SC2206
race=($1) unit=($2) server=($3)
rest=$(comm -13 <(go list "${race[@]}" | sort) <(go list "${unit[@]}" | sort))

failed=0
if command -v "$(go env CC)" >/dev/null; then
	CGO_ENABLED=1 go test -json -race "${race[@]}" || failed=1
	# The siege is smaller under the race detector; here it is of its full size.
	go test -json -run '^TestABudgetBoundsTheObjects$' ./internal/flow || failed=1
else
	echo "no C compiler: these packages run without the race detector: ${race[*]}" >&2
	go test -json "${race[@]}" || failed=1
fi
# shellcheck disable=SC2086
go test -json $rest || failed=1
# A cached result says nothing about binaries that these tests start.
go test -json -count=1 -timeout 20m "${server[@]}" || failed=1
exit $failed
