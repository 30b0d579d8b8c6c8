#!/bin/sh
# iproute2's own test suite with this machine's ip, tc, ss and bridge on our kernel, as root:
#   scripts/conformance/iproute2.sh SOURCE [TEST.t ...]
# SOURCE is the unpacked source (apt-get source iproute2). Needs gcc, libmnl-dev and libcap-dev for the file that one test reads.
# Each test has a kernel of its own. A test fails by writing down why, and is skipped by 127, as the suite's Makefile has it.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$1/testsuite"
shift
if [ ! -e tests/ip/link/dev_wo_vf_rate.nl ]; then
  (cd .. && ./configure >/dev/null && make -s SUBDIRS=lib >/dev/null && make -s -C testsuite/tools >/dev/null) || echo 'generate_nlmsg does not build'
  ./tools/generate_nlmsg || true
fi
export STD_ERR=$(mktemp) STD_OUT=$(mktemp) ERRF=$(mktemp) TC=tc IP=ip SS=ss BRIDGE=bridge DEV=lo SNAME=iproute2
# Tests call sudo and rmmod of modules, which there are none of.
shims=$(mktemp -d)
printf '#!/bin/sh\nexec "$@"\n' >"$shims/sudo"
printf '#!/bin/sh\n' >"$shims/rmmod"
chmod +x "$shims/sudo" "$shims/rmmod"
trap 'rm -rf "$STD_ERR" "$STD_OUT" "$ERRF" "$shims"' EXIT
ok=0 failed=0 skipped=0
[ $# -gt 0 ] || set -- $(cd tests && find . -name '*.t' | sort)
for test; do
  : >"$ERRF"
  code=0
  PATH=$shims:$PATH IPVER=$test node "$root/cli/lkl.mjs" hijack -m 128 -- "tests/$test" >/dev/null 2>&1 || code=$?
  if [ $code = 127 ]; then
    skipped=$((skipped + 1))
    echo "skipped $test"
  elif [ -s "$ERRF" ]; then
    failed=$((failed + 1))
    echo "failed $test: $(grep -v '^command:' "$ERRF" | head -3 | tr '\n' ' ')"
  else
    ok=$((ok + 1))
    echo "ok $test"
  fi
done
echo "$ok ok, $failed failed, $skipped skipped"
