# diff and the history of a script: versions with names, any two compared, the page of both.
. "${srcdir:-.}/tests/cli/lib.sh"
export XDG_CACHE_HOME=$work/cache

count()
{
	grep -o -e "$1" "$2" | wc -l
}

# equals WANT GOT WHAT
equals()
{
	checks=$((checks + 1))
	[ "$1" = "$2" ] || fail "$3: $2, not $1"
}

# ---- names and notes ----

cat >names.ag <<'X'
open zoo:fsrcnn-3
edit feature after=relu6
name first try
note costs nothing, <and> "does" little & more
goto 0
edit feature kernel=7
name wide
edit map.1 width=16
mark "first try"
history
goto "first try"
diff
diff "first try" wide
diff "first try" 3 page.html
diff wide "first try" both.svg
goto wide
X
expect 0 run names.ag --journal names.journal
grep -q '^  1 (from 0) "first try": edit feature after=relu6.*, marked$' out || fail 'history: name'
grep -q '^      costs nothing, <and> "does" little & more$' out || fail 'history: note'
grep -q '^removed  feature.relu6 (Clip)' out || fail 'diff of two branches'
grep -q '^resized  feature (Conv) 5x5x1 .* -> 7x7x1 ' out || fail 'diff: the kernel'
grep -q '^page.html: written' out || fail 'the page'
grep -q '<svg' both.svg || fail 'the picture'
expect 0 run names.ag --json
is 'first try' history/1/name
is 'costs nothing, <and> "does" little & more' history/1/note
is '' history/0/name
is 2 history/3/parent
is 'edit feature kernel=7' history/2/command
has history/2/flops history/2/params
is 2 version

# ---- the page ----

expect 0 info zoo:fsrcnn-3 --json
nodes=$(json nodes)
equals 2 "$(count '<svg ' page.html)" drawings
equals $((nodes + 1 + nodes)) "$(count "<g class='node" page.html)" 'nodes drawn'
equals $((nodes + nodes - 1)) "$(count "<path class='edge'" page.html)" 'edges drawn'
equals 1 "$(count "<g class='node removed'" page.html)" 'removed ones'
equals 0 "$(count "<g class='node added'" page.html)" 'added ones'
changed=$(count "<g class='node changed'" page.html)
rows=$(count "<tr class='row " page.html)
equals $((2 * (rows - 1))) "$changed" 'changed ones, on either side'
equals 2 "$(count 'not measured' page.html)" 'times that nobody measured'
equals 0 "$(count '<and>' page.html)" 'unescaped notes'
grep -q 'costs nothing, &#60;and&#62; &#34;does&#34; little &#38; more' page.html || fail 'the note'
grep -q '<q>first try</q>' page.html || fail 'the name'
for metric in acc params flops flops_paper peak_activation_bytes cycles energy_uj latency_ms; do
	equals 1 "$(count "id='metric-$metric'" page.html)" "row of $metric"
done
command -v xmllint >/dev/null && { xmllint --noout page.html || fail 'the page is no XML'; }

# ---- recovery ----

printf 'open zoo:fsrcnn-3\nrecover\nname @3 "both changes"\nhistory\n' >go.ag
expect 0 run go.ag --journal names.journal
grep -q '"first try": edit' out || fail 'the name does not come back'
grep -q '"both changes"' out || fail 'a name after recovery'

# ---- what is refused ----

refuses_line()
{
	local pattern=$1
	shift
	printf 'open zoo:fsrcnn-3\nedit feature after=relu6\nname one\n%b\n' "$1" >bad.ag
	expect 2 run bad.ag
	[ "$(wc -l <errors)" = 1 ] || fail "$1: not one line on stderr"
	grep -q -e "$pattern" errors || fail "$1: stderr lacks '$pattern'"
}
refuses_line 'a name has no control characters' 'name a\0001b'
refuses_line 'a note has no control characters' 'note a\0033[31m'
refuses_line 'too long: 40 at most' 'name 12345678901234567890123456789012345678901'
refuses_line 'is a number' 'name 7'
refuses_line "version 1 is called 'one' already" 'name @0 one'
refuses_line "no version is called 'two'" 'goto two'
refuses_line 'there is no version 9 (0 to 1)' 'diff 0 9'
refuses_line 'the suffix must be one of .html' 'diff 0 1 x.doc'
[ ! -e x.doc ] || fail 'a refused file was written'

# ---- two files ----

printf 'open zoo:fsrcnn-3\nedit feature kernel=7\nexport wide.onnx\n' >wide.ag
expect 0 run wide.ag
expect 0 diff zoo:fsrcnn-3 wide.onnx -o files.html --json
is files.html output
is resized nodes/0/kind
is feature nodes/0/before/node
is Conv nodes/0/before/op
is 5x5x1 nodes/0/before/kernel
is 7x7x1 nodes/0/after/kernel
is 20 nodes/0/after/width
has metrics/flops/before metrics/cycles/after metrics/energy_uj/before metrics/params/after
is null metrics/latency_ms/before
equals 1 "$(count "<tr class='row " files.html)" 'rows of two files'
grep -q '<h1>zoo:fsrcnn-3 and wide.onnx</h1>' files.html || fail 'the head of the page'
refuses 2 'the suffix must be one of .html .svg .png .pdf .dot' diff zoo:fsrcnn-3 wide.onnx -o x.doc
refuses 2 'no-such-folder' diff zoo:fsrcnn-3 wide.onnx -o no-such-folder/x.html
refuses 2 'no-such-preset' diff zoo:fsrcnn-3 wide.onnx --json --preset no-such-preset

# a time is shown once it was measured, and as it was measured
expect 0 latency wide.onnx --threads 1 --runs 3 --json
ms=$(json median_ms)
expect 0 diff zoo:fsrcnn-3 wide.onnx --json
is "$ms" metrics/latency_ms/after
is null metrics/latency_ms/before
expect 0 diff zoo:fsrcnn-3 zoo:fsrcnn-3 -o same.html
grep -q 'The two are the same network' same.html || fail 'equal networks'
finish
