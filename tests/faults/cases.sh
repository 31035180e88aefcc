# Sourced by the tests of faults: commands that make a file, as run_KIND and file_KIND.
net='nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|@s'
printf 'open zoo:fsrcnn-3\nsegment 1\ncandidates 3\nreplace 1 self\nundo\nredo\nexport net.onnx\n' >edits.ag
printf 'open zoo:fsrcnn-3\nrecover\nhistory\n' >again.ag
export AUTOGO net

run_onnx() { "$AUTOGO" convert zoo:fsrcnn-3 -o net.onnx; }
run_json() { "$AUTOGO" convert "$net" -o net.json; }
run_svg() { "$AUTOGO" convert zoo:fsrcnn-3 -o net.svg; }
run_mutate() { "$AUTOGO" mutate zoo:fsrcnn-3 -k 1 --with self -o net.onnx; }
run_mine() { "$AUTOGO" mine zoo:fsrcnn-3 --merges 20 -o net.db --threads 1; }
run_search() { "$AUTOGO" search "$net" -o found --evaluations 24 --population 8 --seed 3 --threads 1; }
run_label() { "$AUTOGO" label nb201 -n 2 --images 64 --epochs 1 --test-images 64 --bn-images 64 -o net.csv --threads 1; }
run_keep() { "$AUTOGO" db add "$net" -k 1 --segments own.db; }
run_edits() { "$AUTOGO" run edits.ag --journal net.journal; }
file_onnx=net.onnx file_json=net.json file_svg=net.svg file_mutate=net.onnx file_mine=net.db
file_search=found/front.json file_label=net.csv file_keep=own.db file_edits=net.onnx

kinds='onnx svg mine search keep edits'
[ -n "${AUTOGO_HEAVY:-}" ] && kinds="$kinds json mutate"
[ -n "${AUTOGO_HEAVY:-}" ] && [ -e /usr/share/datasets/fashion-mnist ] && kinds="$kinds label"
expect 0 mine zoo:fsrcnn-3 --merges 20 -o small.db

# clean: nothing of an earlier run
clean()
{
	rm -rf net.* found data state
	cp small.db own.db
}

# begin KIND: what it makes undisturbed, in `reference`; sets $kind and $file
begin()
{
	kind=$1
	eval "file=\$file_$kind"
	clean
	"run_$kind" >out 2>errors </dev/null || { fail "$kind: does not run"; return 1; }
	cp "$file" reference
}

# alike: the file is what the undisturbed run made; rows of labels have seconds in them
alike()
{
	if [ "$kind" = label ]; then
		[ "$(cut -d, -f1-6 "$file")" = "$(cut -d, -f1-6 reference)" ]
	else
		cmp -s "$file" reference
	fi
}

# whole: the file is not there, or as it was, or as it is to be; tables and archives may have a part
whole()
{
	case $kind in
	label | search) ;;
	keep) alike || cmp -s "$file" small.db || fail "$what: $file is neither old nor new" ;;
	*) [ ! -e "$file" ] || alike || fail "$what: a half $file" ;;
	esac
}

# ends: without the fault it comes to its usual end; after edits the journal can be gone on with
ends()
{
	if [ "$kind" = edits ] && [ -s net.journal ]; then
		"$AUTOGO" run again.ag --journal net.journal >out 2>errors </dev/null ||
			grep -q 'no earlier session' errors || fail "$what: the journal cannot be used"
		rm -f net.journal
	fi
	"run_$kind" >out 2>errors </dev/null || fail "$what: then it ends with $?"
	alike || fail "$what: then it makes another $file"
}
