# The examples of the manual page and of examples/ do what they say.
. "${srcdir:-.}/tests/cli/lib.sh"
cp -r "$srcdir/examples" . && chmod -R u+w examples
autogo() { "$AUTOGO" "$@"; }

# Every line of EXAMPLES but the first, which needs a terminal.
sed -n '/^\.SH EXAMPLES/,/^\.fi/p' "$top/man/autogo.1" | sed 's/\\-/-/g' | grep '^autogo ' |
	sed 1d >examples.sh
[ "$(wc -l <examples.sh)" -ge 7 ] || fail 'the manual page has lost its examples'
while IFS= read -r line; do
	checks=$((checks + 1))
	eval "$line" >out 2>errors </dev/null
	got=$?
	[ $got = 0 ] || fail "$line -> $got"
	[ -s out ] || fail "$line says nothing"
done <examples.sh
rm -f -- *.onnx

expect 0 run --echo examples/walk.ag
grep -q '^> segment 2$' out || fail 'no echo'
grep -q '^\* 2 (from 0): replace 2 ' out || fail 'the walk has lost its branch'
expect 0 verify walk-b.onnx
expect 0 info examples/nb201-cell.json

# What help lists, the manual page has; both pages pass roff where there is one.
"$AUTOGO" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' | sort -u >commands
[ "$(wc -l <commands)" -ge 10 ] || fail 'help lists no commands'
while IFS= read -r c; do
	checks=$((checks + 1))
	grep -q "^\.SS autogo $c\( \|\$\)" "$top/man/autogo.1" || fail "autogo.1 lacks $c"
done <commands
for page in "$top/man/autogo.1" "$top/man/autogo.5"; do
	checks=$((checks + 1))
	grep -n '^@' "$page" && fail "$page has a part that was not filled in"
	command -v groff >/dev/null || continue
	groff -man -ww -z "$page" 2>errors
	[ -s errors ] && fail "$page"
done

# ---- formats: autogo.5 names the keys and columns that files have ----
sed 's/\\-/-/g; s/\\f[BIR]//g' "$top/man/autogo.5" >page
# named FILE: each line of `names` is a word of the page
named()
{
	[ "$(wc -l <names)" -ge 3 ] || fail "$1 has lost its keys"
	while IFS= read -r k; do
		checks=$((checks + 1))
		grep -qw -e "$k" page || fail "autogo.5 lacks $k of $1"
	done <names
}
# keys_of FILE: of a JSON file of ours, at any depth
keys_of()
{
	grep -oE '"[a-z_0-9]+":' "$1" | tr -d '":' | sort -u >names
	named "$1"
}
for f in "$srcdir"/segments/npu/*.npu; do
	sed -n 's/^\([a-z_]*\) *=.*/\1/p' "$f" >names
	[ "$(wc -l <names)" = "$(sed -n '/^\.SH ACCELERATOR/,/^\.PP/p' "$top/man/autogo.5" |
		grep -c '^\\fB')" ] || fail "autogo.5 has other keys than $f"
	named "$f"
done
expect 0 search 'nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|@s' \
	-o found --evaluations 16 --population 8 --seed 1 --threads 2 --json
keys_of found/search.json
keys_of found/front.json
keys_of examples/nb201-cell.json
head -c 200 "$srcdir/segments/vocab.json" >vocab.json
keys_of vocab.json
sed -n 's/^\([a-z -]*\):.*/\1/p' "$srcdir/segments/labels/nb201.csv.manifest" |
	grep -xE 'program|machine|test-retest|latency_ms' >names
named nb201.csv.manifest
if command -v sqlite3 >/dev/null; then
	for db in found/archive.db "$srcdir/segments/segments.db"; do
		sqlite3 "$db" "SELECT m.name FROM sqlite_master m WHERE type = 'table' UNION SELECT t.name
			FROM sqlite_master m, pragma_table_info(m.name) t" >names
		named "$db"
	done
else
	echo 'SKIP columns of databases: no sqlite3'
fi
finish
