# A wall clock that jumps changes nothing but dates: the same files, in about the same time.
. "${srcdir:-.}/tests/cli/lib.sh"
lib=$top/tests/faults/wildclock.so
[ -e "$lib" ] || skip 'wildclock.so is not built'
nm "$AUTOGO" 2>/dev/null | grep -q __asan_init && skip 'a sanitizer looks at the clock first'
. "${srcdir:-.}/tests/faults/cases.sh"

[ "$(LD_PRELOAD=$lib date +%Y)" != "$(date +%Y)" ] || [ "$(LD_PRELOAD=$lib date +%Y)" != "$(date +%Y)" ] ||
	fail 'the clock does not jump'
for k in $kinds; do
	begin "$k" || continue
	clean
	checks=$((checks + 1))
	what="$k, a wild clock"
	LD_PRELOAD=$lib timeout 300 bash -c "$(declare -f "run_$k"); run_$k" >out 2>errors </dev/null ||
		fail "$what: exit $?"
	alike || fail "$what: another $file"
done
finish
