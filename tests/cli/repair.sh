# How repairs are made: changes outside, adapters, limits, bounds, conflicts.
. "${srcdir:-.}/tests/cli/lib.sh"

m=zoo:unet
tries='--tries 25 --top 100'

# first_with KEY: id of the first candidate whose repair has it
first_with()
{
	local i=0 n
	n=$(json accepted)
	while [ $i -lt "$n" ]; do
		json candidates/$i/repair/$1/0 >/dev/null 2>&1 && { json candidates/$i/id; return; }
		i=$((i + 1))
	done
}

# more can be repaired with help
plain=0 helped=0 id= adapter= refused=
for k in 1 2; do
	expect 0 candidates $m --segment $k $tries --json
	plain=$((plain + $(json accepted)))
	if [ -z "$refused" ] && r=$(json rejected/0/id 2>/dev/null); then
		refused=$r at=$k
	fi
	grep -q '"conflict"' out && fail "segment $k: conflicts without --explain"
	expect 0 candidates $m --segment $k $tries --grow 8 --json
	helped=$((helped + $(json accepted)))
	[ -n "$id" ] || { id=$(first_with grown) at_grown=$k; }
done
[ $helped -gt $plain ] || fail "--grow finds $helped, without it there are $plain"
expect 0 candidates $m --segment 3 --tries 4 --json
plain=$(json accepted)
expect 0 candidates $m --segment 3 --tries 4 --grow 8 --adapt --json
[ "$(json accepted)" -gt "$plain" ] || fail "--adapt finds $(json accepted), without it: $plain"
adapter=$(first_with adapters) at_adapter=3
[ -n "$id" ] && [ -n "$adapter" ] && [ -n "$refused" ] || { fail 'nothing to go on with'; finish; }

# a node outside changes along
expect 0 mutate $m --segment "$at_grown" --with "$id" --grow 8 -o grown.onnx --json
outside=$(json repair/grown/0)
expect 0 verify grown.onnx
expect 0 diff $m grown.onnx
grep -q "^\(resized\|changed\)  *$outside " out || fail "diff does not show $outside"
expect 0 mutate $m --segment "$at_grown" --with "$id" --grow 8 -o again.onnx
grep -q "^  outside $outside " out || fail "mutate does not tell of $outside"
cmp grown.onnx again.onnx || fail 'the same options give another file'
expect 1 mutate $m --segment "$at_grown" --with "$id" -o no.onnx --json
has reason conflict/text conflict/parts/0/kind conflict/parts/0/axis conflict/parts/0/node

# adapters
expect 0 mutate $m --segment "$at_adapter" --with "$adapter" --grow 8 --adapt -o adapted.onnx --json
has repair/adapters/0/node repair/adapters/0/kind repair/adapters/0/at repair/adapters/0/port
expect 0 verify adapted.onnx
expect 0 mutate $m --segment "$at_adapter" --with "$adapter" --grow 8 --adapt -o again.onnx
grep -q '^  adapter ' out || fail 'mutate does not tell of the adapter'

# why not
expect 0 candidates $m --segment "$at" $tries --explain --json
is "$refused" rejected/0/id
has rejected/0/conflict/text rejected/0/conflict/parts/0/node
expect 0 candidates $m --segment "$at" $tries --explain
grep -q "^$refused was refused: " out || fail '--explain as text'
printf 'open %s\nsegment %s\ncandidates 1\nexplain %s\n' $m "$at" "$refused" >why.ag
expect 0 run why.ag
grep -q "^$refused was refused: " out || fail 'explain in a script'

# limits are of the whole network
expect 0 info $m --json
params=$(json params)
flops=$(json flops_paper)
expect 0 mutate $m --segment 3 --with self --max-params -1% --max-flops -2% -o small.onnx
expect 0 info small.onnx --json
[ "$(json params)" -le $((params - params / 100)) ] || fail "$(json params) parameters of $params"
[ "$(json flops_paper)" -le $((flops - flops / 50)) ] || fail "$(json flops_paper) FLOPs of $flops"
expect 1 mutate $m --segment 3 --with self --max-flops 1M -o no.onnx
grep -q 'more than the limit of' errors || fail "$(cat errors)"
expect 1 candidates $m --segment 3 $tries --max-params 10 --json
is 0 accepted

# widths
expect 0 mutate $m --segment 1 --with self --max-flops -1% -o w.onnx --json
node=$(json repair/changes/0/node)
[ -n "$node" ] || fail 'no node has another width'
expect 0 mutate $m --segment 1 --with self --bound "$node:channels=17..19" -o w.onnx --json
is "$node" repair/changes/0/node
after=$(json repair/changes/0/after)
[ "$after" -ge 17 ] && [ "$after" -le 19 ] || fail "$node has $after channels"
expect 0 mutate $m --segment 1 --with self --prefer "$node:channels=16" -o w.onnx --json
is 16 repair/changes/0/after
expect 0 mutate $m --segment 1 --with self --bound "$node:channels=1..20" --multiple 5 -o w.onnx --json
grep -q "\"node\":\"$node\",\"what\":\"channels\",\"before\":[0-9]*,\"after\":20}" out || fail "--multiple 5: $node is not 20"

# what is no option
for o in '--grow x' '--grow 65' '--grow -1' '--multiple 1025' '--multiple x' '--max-flops 0' \
	'--max-flops fast' '--max-flops 5%' '--max-params -100%' '--max-params 1e99' '--grow=' \
	'--max-flops=' '--adapt=on' '--max-params'; do
	refuses 2 "$(echo "$o" | sed 's/--\([a-z-]*\).*/\1/')" mutate $m --segment 1 --with self -o no.onnx $o
	refuses 2 . candidates $m --segment 1 $o
done
for o in '--bound x' '--bound x:channels=3' '--bound x:channels=9..3' '--pin x:channels=1..3' \
	'--prefer x' '--prefer x:channels=0' '--prefer nosuch:channels=8' '--bound nosuch:channels=1..9'; do
	refuses 2 "${o#* }\\|nosuch" mutate $m --segment 1 --with self -o no.onnx $o
done
[ ! -e no.onnx ] || fail 'a refused mutation wrote a file'

# the settings of a script are in its journal
printf 'open %s\nset grow 8\nset\nreplace %s %s\n' $m "$at_grown" "$id" >set.ag
expect 0 run set.ag --journal j.journal
grep -q '^grow  *8 ' out || fail 'set does not list the settings'
grep -q "	replace $at_grown $id grow=8	" j.journal || fail 'the journal lacks the settings'
printf 'open %s\nset adapt on\nrecover\nexport r.onnx\n' $m >recover.ag
expect 0 run recover.ag --journal j.journal
cmp r.onnx grown.onnx || fail 'the journal gives another network'
finish
