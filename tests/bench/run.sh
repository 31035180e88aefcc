#!/bin/sh
# Runs the bench programs given and wraps what they print (each: one JSON object or several, one a
# line) into one document with the machine and the commit.
set -u
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sed 1q | tr -d '"\\')
commit=$(git -C "$srcdir" rev-parse --short HEAD 2>/dev/null || echo unknown)
printf '{"schema":1,"machine":{"cpu":"%s","cores":%s,"kernel":"%s"},"commit":"%s","results":[' \
    "$cpu" "$(getconf _NPROCESSORS_ONLN)" "$(uname -r)" "$commit"
sep=
for p in "$@"; do
    out=$("./$p") || { echo "bench: $p failed" >&2; exit 1; }
    printf '%s\n' "$out" | grep '^{' >"${TMPDIR:-/tmp}/bench.$$"
    while IFS= read -r line; do
        printf '%s\n%s' "$sep" "$line"
        sep=,
    done <"${TMPDIR:-/tmp}/bench.$$"
    rm -f "${TMPDIR:-/tmp}/bench.$$"
done
printf '\n]}\n'
