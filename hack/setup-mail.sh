#!/usr/bin/env bash
# Makes sure that Postfix and Dovecot, which the mail tests start by themselves, are installed; starts no service.
set -euo pipefail
PATH=$PATH:/usr/sbin

command -v postfix >/dev/null && command -v dovecot >/dev/null && exit 0
if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
	echo "mail tests need Postfix and Dovecot: install the packages 'postfix' and 'dovecot-core' (as root: apt-get install postfix dovecot-core)" >&2
	exit 1
fi
echo "installing Postfix and Dovecot for the mail tests"
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then # Debian asks it whether an installed service may start
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
{ apt-get update -q && apt-get install -qy --no-install-recommends postfix dovecot-core; } >/dev/null || {
	echo "apt-get could not install postfix and dovecot-core: see the errors above, or install them by hand" >&2
	exit 1
}
