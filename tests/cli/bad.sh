# Bad files: one line with the file, the exit code of the contract, nothing left behind.
. "${srcdir:-.}/tests/cli/lib.sh"

"$AUTOGO" convert zoo:fsrcnn-3 -o good.onnx >/dev/null || fail 'cannot make a model'
size=$(wc -c <good.onnx)

: >empty.onnx
refuses 3 empty.onnx info empty.onnx
for part in 1 10 $((size / 2)) $((size - 1)); do
	head -c "$part" good.onnx >cut.onnx
	refuses 3 cut.onnx info cut.onnx
done
echo 'this is no model, just a text file' >text.onnx
refuses 3 text.onnx info text.onnx
printf '\177ELF\002\001\001' >elf.onnx
refuses 3 elf.onnx segment elf.onnx
echo '{"nodes": [' >cut.json
refuses 3 cut.json info cut.json
echo '{"hello": 1}' >other.json
refuses 3 other.json info other.json
echo '[]' >list.json
refuses 3 list.json info list.json
refuses 2 "$work" info "$work"

# the writer of this test makes a model that is fine
model "$(field 2 g)$(node Relu x y)$(field 11 "$(value x)")$(field 12 "$(value y)")" >tiny.onnx
expect 0 info tiny.onnx --json
is 1 ops/Relu
# no nodes
model "$(field 2 g)$(field 11 "$(value x)")$(field 12 "$(value x)")" >nodes0.onnx
refuses 3 nodes0.onnx info nodes0.onnx
# a cycle
model "$(field 2 g)$(node Relu a b)$(node Relu b a)$(field 12 "$(value b)")" >cycle.onnx
refuses 3 cycle.onnx info cycle.onnx
# a value that nobody makes
model "$(field 2 g)$(node Relu z y)$(field 11 "$(value x)")$(field 12 "$(value y)")" >dangling.onnx
refuses 3 dangling.onnx info dangling.onnx
# subgraphs in subgraphs, deeper than any parser goes
deep=$(node Relu x y)
i=0
while [ $i -lt 60 ]; do
	deep=$(field 1 "$(field 4 If)$(field 5 "$(field 6 "$deep")")")
	i=$((i + 1))
done
model "$deep" >deep.onnx
refuses 3 deep.onnx info deep.onnx
# weights in a file that is not there
weight="\\010\\004\\020\\001$(field 8 w)$(field 13 "$(field 1 location)$(field 2 gone.bin)")\\160\\001"
model "$(field 2 g)$(field 1 "$(field 1 x)$(field 1 w)$(field 2 y)$(field 4 Add)")$(field 5 \
	"$weight")$(field 11 "$(value x)")$(field 12 "$(value y)")" >external.onnx
refuses 2 external.onnx info external.onnx
grep -q 'gone.bin' errors || fail 'the missing file is not named'
# sizes left open
dims="$(field 1 '\010\001')$(field 1 '\010\003')$(field 1 "$(field 2 h)")$(field 1 "$(field 2 w)")"
input="$(field 1 x)$(field 2 "$(field 1 "\\010\\001$(field 2 "$dims")")")"
model "$(field 2 g)$(node GlobalAveragePool x y)$(field 11 "$input")$(field 12 "$(field 1 y)")" >open.onnx
refuses 4 'input-shape' info open.onnx
expect 0 info open.onnx --input-shape x=1x3x8x8
expect 0 info open.onnx --input-shape 1x3x8x8

# output that cannot be written
refuses 2 no/such/dir convert tiny.onnx -o no/such/dir/x.onnx
refuses 2 /proc/ convert tiny.onnx -o /proc/x.onnx
mkdir folder.onnx
refuses 2 folder.onnx convert tiny.onnx -o folder.onnx
if [ "$(id -u)" != 0 ]; then
	mkdir closed
	chmod 555 closed
	refuses 2 closed/x.onnx convert tiny.onnx -o closed/x.onnx
	chmod 755 closed
fi
if [ -c /dev/full ]; then
	refuses 2 /dev/full convert tiny.onnx -o /dev/full
	"$AUTOGO" info tiny.onnx >/dev/full 2>errors
	[ $? = 2 ] || fail 'full disk on stdout is not exit 2'
	grep -q 'standard output' errors || fail 'full disk on stdout is not told'
fi
"$AUTOGO" info tiny.onnx >&- 2>errors
[ $? = 2 ] || fail 'closed stdout is not exit 2'
{ "$AUTOGO" dump zoo:resnet101 --stage=graph 2>errors; echo $? >code; } | true
sleep 0.2
[ "$(cat code)" = 2 ] || [ "$(cat code)" = 0 ] || fail 'a reader that left is neither 0 nor 2'
# a failed write leaves the old file
cp tiny.onnx keep.onnx
refuses 3 cycle.onnx convert cycle.onnx -o keep.onnx
cmp tiny.onnx keep.onnx || fail 'the old file is gone'
ls | grep -q 'onnx\.' && fail "temporary files are left: $(ls)"
# both files of diff and verify
refuses 3 cycle.onnx diff tiny.onnx cycle.onnx
refuses 3 cycle.onnx verify cycle.onnx
# damaged vocabulary and database
echo rubbish >bad.db
cp bad.db bad.json
refuses 3 bad.db candidates zoo:fsrcnn --segment 1 --segments bad.db
refuses 3 bad.json segment zoo:fsrcnn --vocab bad.json
refuses 2 gone.db candidates zoo:fsrcnn --segment 1 --segments gone.db
finish
