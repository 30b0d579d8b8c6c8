#!/usr/bin/env bash
# Install Debian's linux-source-6.12 in the version that wasm/linux-version names: a tarball under /usr/src. A newer
# release of Debian may have a version before this one does, so the same archives are asked for that as well.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
version=$(cat "$here/linux-version")
newer=trixie
installed=$(dpkg-query -W -f '${Version}' linux-source-6.12 2>/dev/null || true)
[ "$installed" = "$version" ] && exit
if [ "$(id -u)" != 0 ]; then
	echo "kernel:build needs Debian's linux-source-6.12, version $version; installed is: ${installed:-none}" >&2
	exit 1
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
if apt-cache madison linux-source-6.12 | grep -qF " $version "; then
	exec apt-get install -y -qq --no-install-recommends --allow-downgrades "linux-source-6.12=$version"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | sort -u | while read -r archive; do
	case $archive in *security*) suite=$newer-security ;; *) suite=$newer ;; esac
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main"
done >"$work/sources.list"
options=(-o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$work/lists")
mkdir -p "$work/lists/partial"
apt-get "${options[@]}" update -qq
cd "$work"
apt-get "${options[@]}" download -qq "linux-source-6.12=$version"
dpkg -i ./linux-source-6.12_*.deb
