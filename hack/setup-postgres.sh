#!/usr/bin/env bash
# Makes sure that PostgreSQL, which the store's tests start by themselves, is installed; starts no service.
set -euo pipefail

command -v initdb >/dev/null && exit 0
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && exit 0
if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
	echo "the store's tests need PostgreSQL: install the package 'postgresql' (as root: apt-get install postgresql)" >&2
	exit 1
fi
echo "installing PostgreSQL for the store's tests"
mkdir -p /etc/postgresql-common
if [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then # otherwise the package makes and starts a cluster of its own
	echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
fi
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -q && apt-get install -qy --no-install-recommends postgresql; } >/dev/null || {
	echo "apt-get could not install postgresql: see the errors above, or install it by hand" >&2
	exit 1
}
