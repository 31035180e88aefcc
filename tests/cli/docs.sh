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
if command -v groff >/dev/null; then
	for page in "$top/man/autogo.1" "$srcdir/man/autogo.5"; do
		groff -man -ww -z "$page" 2>errors
		[ -s errors ] && fail "$page"
	done
fi
finish
