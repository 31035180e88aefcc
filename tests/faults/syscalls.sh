# What the system refuses, one call at a time: the command ends with a line and an exit code of its
# own, the file that was there is whole, old or new, nothing is left over, and the same command
# without the fault comes to its usual end. AUTOGO_HEAVY=1 fails every call, not some of them.
. "${srcdir:-.}/tests/cli/lib.sh"
command -v strace >/dev/null && strace -qq true 2>/dev/null || skip 'strace is not there, or may not trace'

net='nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|@s'
printf 'open zoo:fsrcnn-3\nreplace 1 self\nundo\n' >edits.ag
printf 'open zoo:fsrcnn-3\nrecover\nhistory\n' >again.ag

# Each case: what it runs, and the files that it makes or changes; $file is compared.
run_onnx() { "$AUTOGO" convert zoo:fsrcnn-3 -o net.onnx; }
run_json() { "$AUTOGO" convert "$net" -o net.json; }
run_svg() { "$AUTOGO" convert zoo:fsrcnn-3 -o net.svg; }
run_mutate() { "$AUTOGO" mutate zoo:fsrcnn-3 -k 1 --with self -o net.onnx; }
run_mine() { "$AUTOGO" mine zoo:fsrcnn-3 --merges 20 -o net.db --threads 1; }
run_search() { "$AUTOGO" search "$net" -o found --evaluations 24 --population 8 --seed 3 --threads 1; }
run_label() { "$AUTOGO" label nb201 -n 2 --images 64 --epochs 1 --test-images 64 --bn-images 64 -o net.csv --threads 1; }
run_keep() { "$AUTOGO" db add "$net" -k 1 --segments own.db; }
run_journal() { "$AUTOGO" run edits.ag --journal net.journal; }
file_onnx=net.onnx file_json=net.json file_svg=net.svg file_mutate=net.onnx file_mine=net.db
file_search=found/front.json file_label=net.csv file_keep=own.db
file_journal=net.journal

# steps: which calls of $1 fail
steps()
{
	if [ -n "${AUTOGO_HEAVY:-}" ]; then
		seq 1 "$1"
	else
		printf '%s\n' 1 2 5 17 65 257 | while read -r n; do
			[ "$n" -le "$1" ] && echo "$n"
		done
		echo "$1"
	fi | sort -nu
}

# clean: nothing of an earlier run
clean()
{
	rm -rf net.* found data state
	cp small.db own.db
}

# told: what the command said and how it ended is how commands end
told()
{
	[ "$got" -le 4 ] || fail "$what: exit $got"
	[ "$got" = 0 ] || grep -q '^autogo: ' errors || grep -q '^[^ ]* *write(2,.*INJECTED' trace ||
		fail "$what: nothing is told"
	[ "$(grep -c '^autogo: ' errors)" -le 2 ] || fail "$what: too much is told"
}

# whole FILE OLD: the file is as it was, or as it is to be, or (a new one) not there
whole()
{
	local file=$1 old=$2
	[ "$kind" = journal ] || [ "$kind" = search ] || [ "$kind" = label ] || {
		if [ -f "$file" ]; then
			cmp -s "$file" reference || cmp -s "$file" "$old" || fail "$what: $file is neither old nor new"
		else
			[ "$kind" != keep ] || fail "$what: $file is gone"
		fi
	}
	find . -name '*.??????' -newer start | grep -v '\./\(errors\|images\)$' | grep -q 'net\|found' &&
		fail "$what: left over: $(find . -name '*.??????' -newer start | tr '\n' ' ')"
}

# ends: without the fault it comes to its usual end
ends()
{
	if [ "$kind" = journal ]; then
		if [ -s net.journal ] && "$AUTOGO" run again.ag --journal net.journal >out 2>errors; then
			grep -q 'open zoo:fsrcnn-3' out || fail "$what: the journal does not replay"
		else
			# nothing to go on with
			grep -q 'no earlier session\|recover' errors || [ ! -s net.journal ] ||
				fail "$what: the journal cannot be used: $(cat errors)"
		fi
		return
	fi
	"run_$kind" >out 2>errors </dev/null || fail "$what: then it ends with $?"
	[ "$kind" = label ] || cmp -s "$file" reference || fail "$what: then it makes another $file"
	[ "$kind" != label ] || [ "$(grep -c '^"nb201' "$file")" = 2 ] || fail "$what: not two rows"
}

# fault KIND CALL ERROR
fault()
{
	local call=$2 error=$3 n count file
	kind=$1
	eval "file=\$file_$kind"
	clean
	strace -f -qq -e trace="$call" -e signal=none -o trace bash -c "$(declare -f "run_$kind"); run_$kind" \
		>out 2>errors </dev/null || { fail "$kind: does not run"; return; }
	count=$(grep -c "$call(" trace)
	[ "$count" -gt 0 ] || return
	cp "$file" reference
	for n in $(steps "$count"); do
		clean
		what="$kind, $call $n of $count: $error"
		checks=$((checks + 1))
		touch start
		strace -f -qq -e trace="$call" -e signal=none -e inject="$call:error=$error:when=$n" -o trace \
			bash -c "$(declare -f "run_$kind"); run_$kind" >out 2>errors </dev/null
		got=$?
		grep -q INJECTED trace || continue
		told
		whole "$file" small.db
		ends
	done
	faults=$((${faults:-0} + $(steps "$count" | wc -l)))
}

export AUTOGO net
expect 0 mine zoo:fsrcnn-3 --merges 20 -o small.db
kinds='onnx json svg mutate mine search keep journal'
[ -e /usr/share/datasets/fashion-mnist ] && kinds="$kinds label"
for kind in $kinds; do
	for call in write pwrite64 fsync fdatasync rename ftruncate; do
		fault "$kind" "$call" ENOSPC
	done
	fault "$kind" write EIO
	fault "$kind" fsync EIO
done
echo "${faults:-0} faults"
finish
