#!/usr/bin/env bash
# Copies into the chart what it installs as config/ says it: Helm reads no file outside of a chart.
set -euo pipefail
cd "$(dirname "$0")/.."

files=charts/holdfast/files
rm -rf "$files"
for folder in crd admission mutation rbac tenant; do
	mkdir -p "$files/$folder"
	cp config/"$folder"/*.yaml "$files/$folder"
	rm "$files/$folder/kustomization.yaml"
done
# The chart's own: its name and annotations are values.
rm "$files/rbac/service_account.yaml"
