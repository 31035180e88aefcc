# An allocation that finds no memory, one after the other: the command ends with a line, by an exit
# code of its own or by abort(), never by a wild pointer; the file that was there is whole, and the
# same command without the fault comes to its usual end. AUTOGO_HEAVY=1 fails many more of them.
. "${srcdir:-.}/tests/cli/lib.sh"
lib=$top/tests/faults/failmalloc.so
[ -e "$lib" ] || skip 'failmalloc.so is not built'
nm "$AUTOGO" 2>/dev/null | grep -q __asan_init && skip 'a sanitizer has its own allocations'
. "${srcdir:-.}/tests/faults/cases.sh"

points=6
[ -n "${AUTOGO_HEAVY:-}" ] && points=400
for k in $kinds; do
	begin "$k" || continue
	clean
	FAIL_COUNT=$work/count LD_PRELOAD=$lib "run_$k" >out 2>errors </dev/null
	total=$(cat count)
	# dense at the beginning, where little was done, then evenly
	for n in $({ seq 1 $((points / 4 + 1)); seq 1 $((total / points + 1)) "$total"; } | sort -nu); do
		clean
		checks=$((checks + 1))
		FAIL_AT=$n LD_PRELOAD=$lib "run_$k" >out 2>errors </dev/null
		got=$?
		what="$k, allocation $n of $total"
		case $got in
		0) ;;
		134) grep -q 'memory\|bad_alloc' errors || fail "$what: abort without a word" ;;
		[1-5]) grep -q '^autogo: ' errors || fail "$what: exit $got without a word" ;;
		127) grep -q 'cannot allocate\|error while loading' errors || fail "$what: exit 127" ;;
		*) fail "$what: ends with $got" ;;
		esac
		whole
		ends
	done
done
finish
