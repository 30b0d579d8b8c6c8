#!/usr/bin/env bash
# System calls from a shell: writes a file and reads it back, on a Linux of its own. Needs curl and jq.
set -euo pipefail

answer=$(curl --silent --show-error --fail-with-body --json @- "${LKL:-http://localhost:8787}/v1/syscalls" <<'JSON'
{"calls":[{"call":"getpid"},{"call":"mkdir","args":["/x",448]},
 {"call":"openat","args":["AT_FDCWD","/x/f","O_RDWR|O_CREAT",420],"as":"fd"},
 {"call":"write","args":[{"ref":"fd"},{"utf8":"hello"},5]},
 {"call":"pread64","args":[{"ref":"fd"},{"out":16},16,0]},
 {"call":"openat","args":["AT_FDCWD","/nope","O_RDONLY"]},
 {"call":"newfstatat","args":["AT_FDCWD","/x/f",{"out":"stat"},0]}]}
JSON
)

jq --raw-output '.results | "pid:     \(.[0].ret)",
  "read:    \(.[4].out.utf8)",
  "/nope:   \(.[5].errno)",
  "size:    \(.[6].out.st_size) bytes"' <<<"$answer"
