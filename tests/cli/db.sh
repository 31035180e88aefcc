# db: looking into databases, and segments of one's own.
. "${srcdir:-.}/tests/cli/lib.sh"
export HOME=$work/home
unset XDG_DATA_HOME
mine=$HOME/.local/share/autogo/segments.db

# a small database in the place of the shipped one
mkdir -p share/segments
expect 0 mine zoo:fsrcnn hiaml@s:sample=6 --merges 60 -o share/segments/segments.db
shipped=share/segments/segments.db
cp $shipped before.db
export AUTOGO_DATA=$work/share

# ---- list ----
expect 0 db list --json
total=$(json total)
[ "$total" -gt 20 ] || fail "only $total segments"
for k in name ops origin nodes inputs outputs ratio count shapes flops_paper params; do
	has segments/0/$k
done
is 20 segments
[ "$(json segments/0/count)" -ge "$(json segments/19/count)" ] || fail 'not by frequency'
expect 0 db list --top 1000 --json
is "$total" segments
expect 0 db list --top 3
[ "$(wc -l <out)" = 5 ] || fail 'a head line, three segments, a last line'
grep -q "^$total segments, the 3 most frequent" out || fail 'it is not told that there are more'
expect 0 db list --nodes 3 --top 1000 --json
three=$(json total)
[ "$three" -gt 0 ] && [ "$three" -lt "$total" ] || fail "$three of $total have 3 nodes"
[ "$(grep -o '"nodes":3,' out | wc -l)" = "$three" ] || fail 'some have not 3 nodes'
expect 0 db list --origin zoo --json
zoo=$(json total)
expect 0 db list --origin hiaml --json
[ "$zoo" -gt 0 ] && [ "$(json total)" -gt 0 ] || fail 'groups of networks'
[ "$((zoo + $(json total)))" -ge "$total" ] || fail 'some are of no group'
expect 0 db list --origin nosuch --json
is 0 total

# ---- show ----
expect 0 db list --nodes 3 --json
id=$(json segments/0/name)
expect 0 db show "$id" --json
is "$id" name
is 3 nodes
has ports/inputs/0/shape ports/outputs/0/shape seen/0/shape seen/0/count origins/0/group \
	origins/0/count text
n=$(json shapes) sum=0
is "$n" seen
for i in $(seq 0 $((n - 1))); do sum=$((sum + $(json seen/$i/count))); done
is "$sum" count
expect 0 db show "$id"
grep -q "^$id: " out || fail 'its name'
grep -q '^\( *\)\[.*\] *$' out || fail 'a drawing'
cp out plain
AUTOGO_ASCII=1 expect 0 db show "$id"
LC_ALL=C grep -q '[^ -~]' out && fail 'not ASCII'
LC_ALL=C grep -q '[^ -~]' plain || fail 'no lines drawn'
for s in onnx json dot svg png; do
	expect 0 db show "$id" -o seg.$s --json
	is seg.$s output
	[ -s seg.$s ] || fail "seg.$s is empty"
done
expect 0 verify seg.onnx
refuses 2 '.onnx' db show "$id" -o seg.doc
refuses 2 'no/such' db show "$id" -o no/such/seg.svg
refuses 2 's999999' db show s999999
refuses 2 'u1' db show u1
refuses 2 'no name' db show 12

# ---- stats, check ----
expect 0 db stats --json
is 1 databases
is "$total" databases/0/segments
is "$(wc -c <$shipped)" databases/0/bytes
for k in file version hash occurrences shapes origins/0/group origins/0/count ports/0/inputs \
	ports/0/segments nodes/1 nodes/65-; do
	has databases/0/$k
done
sum=0
for k in 1 2 3-4 5-8 9-16 17-32 33-64 65-; do sum=$((sum + $(json databases/0/nodes/$k))); done
[ "$sum" = "$total" ] || fail "the sizes are of $sum segments, not $total"
expect 0 db stats
expect 0 db check --json
is true ok
is "$total" checked
is 0 bad
expect 0 db check $shipped
grep -q "^$total segments checked, 0 bad" out || fail 'the text of check'
# a byte of a row: the file is whole, the row is not
LC_ALL=C sed 's/zoo:fsrcnn/zoo:fsrCnn/' $shipped >bad.db
cmp -s $shipped bad.db && fail 'nothing was damaged'
expect 1 db check bad.db --json
is false ok
is "$total" checked
[ "$(json bad)" -gt 0 ] && [ "$(json bad)" -lt "$total" ] || fail 'which rows are bad'
has bad/0/name bad/0/reason
bad=$(json bad/0/name)
expect 1 db check bad.db
grep -q "^$bad: " out || fail 'the bad row is not listed'
refuses 3 bad.db db show "$bad" --segments bad.db

# ---- add ----
m=zoo:resnet50
expect 0 segment $m --json
n=$(json segments)
k=3
while [ $k -lt "$n" ]; do
	"$AUTOGO" db add $m --segment $k --json >out 2>errors && [ "$(json known)" = false ] && break
	k=$((k + 1))
done
[ $k -lt "$n" ] || { fail 'no segment can be added'; finish; }
is u1 name
is "$mine" database
[ -s "$mine" ] || fail 'the database is not in the data folder'
expect 0 db add $m --segment $k --json
is true known
is u1 name
expect 0 db add $m --segment $k
grep -q 'known as u1' out || fail 'it is not told that it is known'
expect 0 db show u1 --json
is $m origin
is 1 count
expect 0 db list --top 1000 --json
is $((total + 1)) total
grep -q '"name":"u1"' out || fail 'the list lacks u1'
expect 0 db stats --json
is 2 databases
is 1 databases/1/segments
expect 0 db check --json
is $((total + 1)) checked
# nodes by name
expect 0 dump $m --stage=graph
conv=$(sed -n 's/^[0-9]* Conv \([^ ]*\) .*/\1/p' out | sed -n 2p)
bn=$(sed -n 's/^[0-9]* BatchNormalization \([^ ]*\) .*/\1/p' out | sed -n 2p)
far=$(sed -n 's/^[0-9]* Conv \([^ ]*\) .*/\1/p' out | tail -n 1)
expect 0 db add $m --nodes "$conv,$bn" --json
has name known
refuses 1 'not connected' db add $m --nodes "$conv,$far"
refuses 2 'nosuchnode' db add $m --nodes "$conv,nosuchnode"
refuses 2 '--segment K or --nodes' db add $m
refuses 2 '--segment K or --nodes' db add $m --segment 1 --nodes "$conv"
refuses 2 'no segment 9999' db add $m --segment 9999
refuses 1 'no inputs' db add $m --segment 0
# what the shipped database holds is not held twice
expect 0 segment zoo:fsrcnn --json
known=
for k in $(seq 1 $(($(json segments) - 1))); do
	"$AUTOGO" db add zoo:fsrcnn --segment $k --json >out 2>errors || continue
	[ "$(json known)" = true ] && known=$(json name)
done
case $known in s*) ;; *) fail "no segment of its own source is known ($known)" ;; esac

# ---- remove ----
expect 0 db stats --json
own=$(json databases/1/segments)
expect 0 db remove u1 --json
is u1 removed/0
refuses 2 'u1' db show u1
refuses 2 'u1' db remove u1
expect 0 db stats --json
is $((own - 1)) databases/1/segments
refuses 2 'shipped' db remove s1
refuses 2 'no name' db remove first
cp "$mine" kept.db
refuses 2 'u999' db remove u999
cmp "$mine" kept.db || fail 'a refused removal changed the database'
cmp $shipped before.db || fail 'the shipped database was changed'
expect 0 db check

# ---- a damaged one of one's own ----
echo 'no database' >"$mine"
refuses 3 "$mine" db list
refuses 3 "$mine" db add $m --segment $k
refuses 3 "$mine" db remove u2
[ "$(cat "$mine")" = 'no database' ] || fail 'a damaged database was written to'
rm "$mine"

# ---- a database by its name ----
expect 0 db add zoo:vgg16-gap --segment 1 --segments own.db --json
is s1 name
is own.db database
expect 0 db list --segments own.db --json
is 1 total
refuses 2 'u1' db remove u1 --segments own.db
expect 0 db remove s1 --segments own.db
expect 0 db list --segments own.db --json
is 0 total
expect 0 db add zoo:vgg16-gap --segment 1 --segments own.db --json
is s2 name
ls | grep -q 'own.db\.' && fail "temporary files are left: $(ls)"

# ---- no shipped database, no verb ----
mkdir none
AUTOGO_DATA=$work/none refuses 2 'segments/segments.db' db list
refuses 2 'usage: autogo db' db
refuses 2 'list show stats check add remove' db frobnicate
refuses 2 'usage: autogo db show' db show
refuses 2 'takes no --top' db show s1 --top 3
refuses 2 'whole number' db list --top 0
finish
