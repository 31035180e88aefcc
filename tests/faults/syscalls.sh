# What the system refuses, one call at a time: the command ends with a line and an exit code of its
# own, the file that was there is whole, old or new, nothing is left over, and the same command
# without the fault comes to its usual end. AUTOGO_HEAVY=1 fails every call, not some of them.
. "${srcdir:-.}/tests/cli/lib.sh"
strace -qq true 2>/dev/null || skip 'strace is not there, or may not trace'
. "${srcdir:-.}/tests/faults/cases.sh"

# steps: which calls of $1 fail
steps()
{
	if [ -n "${AUTOGO_HEAVY:-}" ]; then
		seq 1 "$1"
	else
		printf '%s\n' 1 3 30 "$1" | while read -r n; do
			[ "$n" -le "$1" ] && echo "$n"
		done | sort -nu
	fi
}

# trace CALL [INJECTION]: the case under strace
trace()
{
	strace -f -qq -e trace="$1" -e signal=none ${2:+-e "inject=$2"} -o trace \
		bash -c "$(declare -f "run_$kind"); run_$kind" >out 2>errors </dev/null
}

# told: what the command said and how it ended is how commands end
told()
{
	[ "$got" -le 4 ] || fail "$what: exit $got"
	[ "$got" = 0 ] || grep -q '^autogo: ' errors || grep -q '^[^ ]* *write(2,.*INJECTED' trace ||
		fail "$what: nothing is told"
	[ "$(grep -c '^autogo: ' errors)" -le 2 ] || fail "$what: too much is told"
	left=$(find . -name '*.??????' -newer start | grep 'net\|found\|own')
	[ -z "$left" ] || fail "$what: left over: $left"
}

# fault KIND CALL ERROR
fault()
{
	local call=$2 error=$3 n count
	clean
	trace "$call"
	count=$(grep -c "$call(" trace)
	for n in $(steps "$count"); do
		clean
		what="$kind, $call $n of $count: $error"
		touch start
		trace "$call" "$call:error=$error:when=$n"
		got=$?
		grep -q INJECTED trace || continue
		checks=$((checks + 1))
		told
		whole
		ends
	done
}

calls='write pwrite64 fsync rename'
[ -n "${AUTOGO_HEAVY:-}" ] && calls="$calls fdatasync ftruncate"
for k in $kinds; do
	begin "$k" || continue
	for call in $calls; do
		fault "$k" "$call" ENOSPC
	done
	[ -z "${AUTOGO_HEAVY:-}" ] || fault "$k" write EIO
	fault "$k" fsync EIO
done
finish
