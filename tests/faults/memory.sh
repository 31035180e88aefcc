# An allocation that finds no memory, one after the other: the command ends with a line, by an exit
# code of its own or by abort(), never by a wild pointer; the file that was there is whole, nothing is
# left over that the next run does not mend, and that run comes to its usual end. AUTOGO_HEAVY=1 fails
# many more of them.
. "${srcdir:-.}/tests/cli/lib.sh"
lib=$top/tests/faults/failmalloc.so
[ -e "$lib" ] || skip 'failmalloc.so is not built'
[ "$(LD_PRELOAD=$lib sh -c 'echo $LD_PRELOAD' 2>/dev/null)" = "$lib" ] || skip 'nothing can be preloaded'
"$AUTOGO" --version >/dev/null || fail 'does not run'
nm "$AUTOGO" 2>/dev/null | grep -q __asan_init && skip 'a sanitizer has its own allocations'

net='nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|@s'
printf 'open zoo:fsrcnn-3\nsegment 1\ncandidates 3\nreplace 1 self\nexport net.onnx\n' >edits.ag

run_onnx() { "$AUTOGO" convert zoo:fsrcnn-3 -o net.onnx; }
run_info() { "$AUTOGO" info good.onnx --json >net.txt; }
run_svg() { "$AUTOGO" convert zoo:fsrcnn-3 -o net.svg; }
run_segment() { "$AUTOGO" segment good.onnx >net.txt; }
run_candidates() { "$AUTOGO" candidates "$net" -k 2 --tries 8 --threads 1 >/dev/null && echo done >net.txt; }
run_mine() { "$AUTOGO" mine zoo:fsrcnn-3 --merges 20 -o net.db --threads 1; }
run_search() { "$AUTOGO" search "$net" -o net.found --evaluations 16 --population 8 --seed 3 --threads 1; }
run_edits() { "$AUTOGO" run edits.ag --journal net.journal; }
file_onnx=net.onnx file_info=net.txt file_svg=net.svg file_segment=net.txt file_candidates=net.txt
file_mine=net.db file_search=net.found/front.json file_edits=net.onnx

expect 0 convert zoo:fsrcnn-3 -o good.onnx
points=12
[ -n "${AUTOGO_HEAVY:-}" ] && points=400
for kind in onnx info svg segment candidates mine search edits; do
	eval "file=\$file_$kind"
	rm -rf net.*
	FAIL_COUNT=$work/count LD_PRELOAD=$lib "run_$kind" >out 2>errors </dev/null || fail "$kind: does not run"
	total=$(cat count)
	cp "$file" reference
	# dense at the beginning, where little was done, then evenly
	for n in $({ seq 1 $((points / 4 + 1)); seq 1 $((total / points + 1)) "$total"; } | sort -nu); do
		rm -rf net.*
		checks=$((checks + 1))
		FAIL_AT=$n LD_PRELOAD=$lib "run_$kind" >out 2>errors </dev/null
		got=$?
		what="$kind, allocation $n of $total"
		case $got in
		0) ;;
		134) grep -q 'out of memory\|bad_alloc\|memory' errors || fail "$what: abort without a word" ;;
		[1-5]) grep -q '^autogo: ' errors || fail "$what: exit $got without a word" ;;
		127) grep -q 'cannot allocate\|error while loading' errors || fail "$what: exit 127" ;;
		*) fail "$what: ends with $got" ;;
		esac
		[ "$file" = net.txt ] || [ ! -e "$file" ] || cmp -s "$file" reference ||
			fail "$what: a half $file"
		rm -f net.txt net.journal
		"run_$kind" >out 2>errors </dev/null || fail "$what: then it ends with $?"
		cmp -s "$file" reference || fail "$what: then it makes another $file"
	done
done
finish
