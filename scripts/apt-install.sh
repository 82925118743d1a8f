#!/usr/bin/env bash
# Installs Debian packages for the programs in them: `scripts/apt-install.sh PACKAGE...`
#
# Succeeds only as root on a Debian-like system; otherwise exits 3 and installs nothing,
# so that the caller can say what to do instead. What it brings in is never started:
# neither now nor at boot. A broker or a database that starts by itself would take the
# very ports (1883, 4222, 5432, 6379) that a developer expects to be free.
set -euo pipefail

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
	exit 3
fi

missing=()
for package in "$@"; do
	if ! dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then
		missing+=("$package")
	fi
done
[ "${#missing[@]}" -gt 0 ] || exit 0

# Debian asks policy-rc.d before it starts a service; 101 means "not allowed".
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	trap 'rm -f "$policy"' EXIT
fi

# Without this file postgresql would make a cluster of its own in /var/lib.
clusters=/etc/postgresql-common/createcluster.conf
if [[ " ${missing[*]} " == *" postgresql "* && ! -e $clusters ]]; then
	mkdir -p "$(dirname "$clusters")"
	echo 'create_main_cluster = false' >"$clusters"
fi

export DEBIAN_FRONTEND=noninteractive
install() {
	apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}"
}
echo "installing ${missing[*]} with apt" >&2
# What apt says is of interest only when it fails. The package lists may be missing or stale:
# they are fetched when the first try fails.
if ! log=$({ install || { apt-get update -qq && install; }; } </dev/null 2>&1); then
	echo "$log" >&2
	exit 1
fi

if command -v systemctl >/dev/null; then
	for package in "${missing[@]}"; do
		case $package in
		mosquitto | nats-server | redis-server | postgresql) systemctl disable "$package" >/dev/null 2>&1 || true ;;
		esac
	done
fi
