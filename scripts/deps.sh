#!/usr/bin/env bash
# Makes sure that what the tests need is on this machine, and says how to get the rest.
#
# The tests start their own servers on free ports; only the programs have to be there.
set -euo pipefail
cd "$(dirname "$0")/.."

# Debian keeps servers where a normal user's PATH does not look.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

note() { echo "deps: $*" >&2; }

# need WHAT PACKAGE PROGRAM... notes the Debian package of a thing none of whose programs is found.
packages=()
missing=()
need() {
	local what=$1 package=$2 program
	shift 2
	for program in "$@"; do
		if command -v "$program" >/dev/null; then return; fi
	done
	missing+=("$what")
	packages+=("$package")
}

look() {
	packages=() missing=()
	need 'the MQTT broker mosquitto' mosquitto mosquitto
	need 'mosquitto_pub and mosquitto_sub' mosquitto-clients mosquitto_pub
	# Whichever version: the tests want one that is not ours, Debian's is old.
	need 'a NATS server' nats-server nats-server
	need 'a Redis server' redis-server redis-server valkey-server
	need 'curl' curl curl
	need 'jq' jq jq
	# The race detector links with C.
	need 'a C compiler' gcc "${CC:-cc}" gcc clang
	if [ "$(uname -s)" = Linux ] && [ ! -e /usr/include/stdlib.h ]; then
		missing+=("C's header files")
		packages+=(libc6-dev)
	fi
}

advice() {
	case $(uname -s) in
	Darwin) echo 'brew install mosquitto nats-server redis jq' ;;
	*)
		if command -v apt-get >/dev/null; then
			echo "sudo apt-get install --no-install-recommends ${packages[*]}"
		else
			echo "install ${packages[*]} (Debian's names) with your system's package manager"
		fi
		;;
	esac
}

command -v go >/dev/null || {
	note 'no Go toolchain in PATH; go.mod says which version is needed'
	exit 1
}
scripts/postgres.sh >/dev/null

look
if [ "${#packages[@]}" -gt 0 ]; then
	scripts/apt-install.sh "${packages[@]}" || true
	look
fi
if [ "${#packages[@]}" -gt 0 ]; then
	for what in "${missing[@]}"; do note "missing: $what"; done
	note "run: $(advice)"
	exit 1
fi
