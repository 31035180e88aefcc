# segment, candidates, mutate, diff, verify, run: the way from a network to another one.
. "${srcdir:-.}/tests/cli/lib.sh"

m=zoo:resnet50
expect 0 segment $m --json
is 1 schema
is 176 order
is 176 tokens
has segments/0/index segments/0/nodes segments/0/flops segments/0/inputs segments/0/outputs \
	segments/0/known
n=$(json segments)

# the first segment with a real replacement
k=0 id=
while [ $k -lt "$n" ] && [ -z "$id" ]; do
	"$AUTOGO" candidates $m --segment $k --top 5 --json >out 2>errors
	case $? in
	0) for r in 0 1 2; do
		[ "$(json candidates/$r/id 2>/dev/null)" = self ] || id=$(json candidates/$r/id 2>/dev/null)
		[ -n "$id" ] && break
	done ;;
	1) ;;
	*) fail "candidates of segment $k" ;;
	esac
	[ -n "$id" ] || k=$((k + 1))
done
[ -n "$id" ] || { fail 'no segment has a replacement'; finish; }
has schema rejected candidates/0/rank candidates/0/id candidates/0/origin candidates/0/ops \
	candidates/0/delta_flops candidates/0/delta_params candidates/0/repair/status \
	candidates/0/repair/ms candidates/0/repair/changes
# an estimate for a network that the predictor does not know is marked, and is no per cent
grep -q '"delta_acc":' out && grep -q '"in_distribution":false' out || fail 'estimates are missing'
grep -q '"delta_unit":"percent"\|"in_distribution":true' out && fail 'ResNet-50 passes as known'
cp out four
expect 0 candidates $m --segment $k --top 5 --json --threads 1
sed 's/"ms":[0-9.e-]*/"ms":0/g' out >a
sed 's/"ms":[0-9.e-]*/"ms":0/g' four >b
cmp a b || fail 'the number of threads changes the candidates'

# some of them, in another order
expect 0 candidates $m --segment $k --filter 'dparams>0 && !adapted' --sort -params --json
kept=$(json kept)
[ "$kept" -gt 1 ] && [ "$kept" -lt "$(json accepted)" ] || fail "kept $kept"
r=0 before=0
while [ $r -lt "$kept" ] && [ $r -lt 20 ]; do
	now=$(json candidates/$r/delta_params)
	[ "$now" -gt 0 ] || fail "$now is not above 0"
	[ $r = 0 ] || [ "$now" -le "$before" ] || fail "$now after $before"
	before=$now r=$((r + 1))
done
expect 0 candidates $m --segment $k --filter "id=$id"
grep -q ", 1 kept by id=$id," out || fail 'the text does not tell how many are kept'
[ "$(grep -c "^ *[0-9][0-9]* $id " out)" = 1 ] || fail 'the filter by id'
expect 1 candidates $m --segment $k --filter 'dflops<-200%'
grep -q 'no candidate passes dflops<-200%' errors || fail 'nothing passes'
refuses 2 "filter: column 11: no field 'dac' (dacc?)" candidates $m --segment $k \
	--filter 'dacc>0 && dac<1'
refuses 2 "sort: no field 'speed'" candidates $m --segment $k --sort speed

expect 0 mutate $m --segment $k --with "$id" -o new.onnx --json
is "$id" id
is new.onnx output
has delta_flops delta_params repair/status hash
hash=$(json hash)
expect 0 info new.onnx --json
is "$hash" hash
expect 0 verify new.onnx --json
is true ok
is true executed
expect 0 diff $m new.onnx --json
has added removed resized delta_flops delta_params delta_macs
[ "$(json added)" -gt 0 ] || [ "$(json removed)" -gt 0 ] || [ "$(json changed)" -gt 0 ] ||
	[ "$(json resized)" -gt 0 ] || fail 'diff sees nothing'
json equal | grep -q false || fail 'equal'
expect 0 diff $m new.onnx -o d.svg
grep -q '<svg' d.svg || fail 'the picture of the difference'
expect 0 diff $m new.onnx
cp new.onnx again.onnx
expect 0 mutate $m --segment $k --with "$id" -o new.onnx
cmp new.onnx again.onnx || fail 'the same seed gives another file'

# a segment in place of itself
expect 0 info $m --json
old=$(json hash)
expect 0 mutate $m --segment $k --with self -o self.onnx --json
is "$old" hash
is 0 delta_flops
is unchanged repair/status

# what cannot be
refuses 2 's999999999' mutate $m --segment $k --with s999999999 -o x.onnx
refuses 1 'cannot be replaced' mutate $m --segment 0 --with self -o x.onnx
refuses 2 'nosuchnode' mutate $m --segment $k --with self --pin nosuchnode:channels=3 -o x.onnx
refuses 2 'channels=64' mutate $m --segment $k --with self --pin x -o x.onnx
[ ! -e x.onnx ] || fail 'a refused mutation wrote a file'

# the same by script
cat >s.ag <<X
# a walk
open $m
segment $k
candidates 3
show $id
apply
history
diff
undo
redo
export s.onnx
quit
this is not read
X
expect 0 run s.ag
grep -q '^version 1: replace' out || fail 'apply tells its version'
cmp s.onnx new.onnx || fail 'script and mutate differ'
expect 0 run s.ag --json
is 1 version
is true ok
"$AUTOGO" run - <s.ag >out 2>errors || fail 'a script on stdin'
printf 'open %s\nfrobnicate\n' zoo:fsrcnn-3 >bad.ag
refuses_script()
{
	expect "$1" run bad.ag
	grep -q "$2" errors || fail "script error lacks $2: $(cat errors)"
}
refuses_script 2 'bad.ag: line 2'
printf 'undo\n' >bad.ag
refuses_script 2 'no model is open'
printf 'open %s\nundo\n' zoo:fsrcnn-3 >bad.ag
refuses_script 1 'nothing to undo'
refuses 2 no.ag run no.ag

# tags, more, a batch
cat >t.ag <<X
open $m
segment $k
tag mine $id
filter tag=mine
candidates
more $id
filter
batch in $k mine
quit
X
expect 0 run t.ag --journal t.journal
grep -q "^$id has the tag mine" out || fail 'no tag'
grep -q ", 1 kept by tag=mine," out || fail 'the filter by tag'
grep -q " more like $id" out || fail 'nothing about more'
grep -q "^segment $k: version 1: replace $k $id$" out || fail 'the batch'
grep -q '^batch: 1 of 1 replaced' out || fail 'the sum of the batch'
grep -q "	tag mine $id	" t.journal || fail 'the journal lacks the tag'
grep -q "	replace $k $id	" t.journal || fail 'the journal lacks the edit of the batch'

# nodes of one's choice as the segment, with what lies between them
expect 0 segment $m --json
first=$(json segments/$k/nodes/0) last=$(json segments/$k/nodes/2)
expect 0 mutate $m --segment "nodes:$first,$last" --with self -o own.onnx --json
[ "$(json segment)" = "$n" ] || fail 'it is not behind the others'
expect 0 verify $m own.onnx
refuses 2 "no node 'nix'" mutate $m --segment "nodes:$first,nix" --with self -o own.onnx
refuses 2 "'x' is no segment" candidates $m --segment x

# the journal of a script
printf 'open %s\nreplace %s %s\n' $m $k "$id" >j.ag
expect 0 run j.ag --journal j.journal
grep -q "	replace $k $id	" j.journal || fail 'the journal lacks the edit'
printf 'open %s\nrecover\nhistory\n' $m >r.ag
expect 0 run r.ag --journal j.journal
grep -q "^\* 1 (from 0): replace $k $id" out || fail 'the journal does not replay'
printf 'open %s\nundo\n' $m >q.ag
expect 2 run q.ag --journal j.journal
grep -q 'recover' errors || fail 'the question is not put'

# stages
for stage in graph shape tokens segments; do
	expect 0 dump $m --stage=$stage
	[ -s out ] || fail "dump $stage says nothing"
done
expect 0 dump $m --stage=milp --segment $k --with "$id"
grep -qi '^subject to\|^minimize' out || fail 'no LP'
finish
