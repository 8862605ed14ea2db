#!/usr/bin/env bash
# Regenerates everything in a copy of the working tree and compares; the tree itself stays as it is.
set -euo pipefail

failed=0
fail() { echo "verify: $1" >&2; failed=1; }

unformatted=$(git ls-files -co --exclude-standard '*.go' | while read -r file; do
	if [[ -f $file ]]; then echo "$file"; fi
done | xargs gofmt -l)
if [[ -n $unformatted ]]; then fail $'not formatted (make fmt):\n'"$unformatted"; fi

go mod tidy -diff || fail "go.mod or go.sum is not tidy (make tidy)"

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -co --exclude-standard -z | while IFS= read -rd '' file; do
	if [[ -e $file ]]; then printf '%s\0' "$file"; fi
done | tar -c --null -T - | tar -x -C "$copy"
# A linked tool keeps its age in the copy, so that nothing is built again.
ln -s "$PWD/bin" "$copy/bin"
make --no-print-directory -C "$copy" generate || fail "generators failed"
for path in api config charts docs/openapi; do
	diff -ruN "$path" "$copy/$path" | sed "s|$copy/|regenerated/|" || fail "$path is out of date (make generate)"
done

exit $failed
