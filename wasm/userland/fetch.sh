#!/usr/bin/env bash
# Unpacks one of Debian's source packages as `sources` pins it, with Debian's own patches: fetch.sh PACKAGE INTO. Needs apt, not root.
# USERLAND_BUILD_DIR/downloads keeps the files; files put there by hand serve as well: only their sha256 counts.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
package=$1 into=$2
downloads=$USERLAND_BUILD_DIR/downloads
apt=$USERLAND_BUILD_DIR/apt
mkdir -p "$downloads"

# apt as the machine has it, but for sources: those are seldom switched on, and switching them on is not ours to do.
prepare_apt() {
	[ ! -e "$apt/ready" ] || return 0
	local file
	mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial"
	for file in /etc/apt/sources.list.d/*.sources; do
		sed 's/^Types:.*/Types: deb-src/' "$file" >"$apt/parts/$(basename "$file")"
	done
	[ ! -s /etc/apt/sources.list ] || sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$apt/parts/machine.list"
	cat >"$apt/apt.conf" <<-CONF
		Dir::Etc::sourcelist "/dev/null";
		Dir::Etc::sourceparts "$apt/parts";
		Dir::State::lists "$apt/lists";
		Dir::Cache "$apt/cache";
		APT::Sandbox::User "";
	CONF
	APT_CONFIG=$apt/apt.conf apt-get update -qq
	touch "$apt/ready"
}

is_pinned() { # FILE SHA256
	[ -e "$downloads/$1" ] && echo "$2  $downloads/$1" | sha256sum --check --status
}

download() { # VERSION FILE SHA256
	prepare_apt
	local address
	# In an empty folder, where no file is there already.
	address=$(cd "$apt/cache" && APT_CONFIG=$apt/apt.conf apt-get source --print-uris -qq --only-source "$package=$1" | awk -v file="$2" '$2 == file { print $1 }' | tr -d "'")
	if [ -z "$address" ]; then
		echo "userland: Debian has no $2 ($package $1) any more: pin what it has now in wasm/userland/sources, or put the file into $downloads" >&2
		exit 1
	fi
	APT_CONFIG=$apt/apt.conf /usr/lib/apt/apt-helper download-file "$address" "$downloads/$2" "SHA256:$3" >/dev/null
	is_pinned "$2" "$3"
}

rm -rf "$into"
mkdir -p "$into"
found=0
while read -r name version file sha256; do
	[ "$name" = "$package" ] || continue
	found=1
	is_pinned "$file" "$sha256" || download "$version" "$file" "$sha256"
	case $file in
	*.debian.tar.*) tar xf "$downloads/$file" -C "$into" ;;
	*) tar xf "$downloads/$file" -C "$into" --strip-components=1 ;;
	esac
done < <(grep -v '^#' "$here/sources" | sort -k3,3r)
((found)) || { echo "userland: $package is not in wasm/userland/sources" >&2; exit 1; }
if [ -e "$into/debian/patches/series" ]; then
	sed 's/ .*//; /^#/d; /^$/d' "$into/debian/patches/series" | while read -r patch; do
		patch -d "$into" -p1 -s <"$into/debian/patches/$patch"
	done
fi
