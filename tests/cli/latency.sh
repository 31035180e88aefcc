# latency: measured once, kept for the next time, and the time of each node.
. "${srcdir:-.}/tests/cli/lib.sh"
export XDG_CACHE_HOME=$work/cache

net='nb101:3|101|c3@s'

expect 0 latency "$net" --runs 5 --threads 1 --json
is 1 schema
is 1 threads
is 1 batch
is 5 runs
is false cached
has median_ms p10_ms p90_ms pinned cpu
median=$(json median_ms)
awk "BEGIN { exit !($(json p10_ms) <= $median && $median <= $(json p90_ms) && $median > 0) }" ||
	fail 'the order of the percentiles'

# kept
expect 0 latency "$net" --runs 5 --threads 1 --json
is true cached
is "$median" median_ms
expect 0 latency "$net" --runs 5 --threads 1
grep -q ' ms .*batch 1, 1 thread, 5 runs.*, measured earlier$' out || fail 'what latency says'
for other in '--batch 4' '--runs 6' '--fresh' '--layers'; do
	expect 0 latency "$net" --runs 5 --threads 1 --json $other
	is false cached
done
[ "$(ls "$work/cache/autogo/latency" | wc -l)" = 2 ] || fail 'one small file for each batch'
find cache -size +8 | grep . && fail 'no small file'
# damaged, or no place for it
for f in cache/autogo/latency/*; do
	echo 'median 0.001' >"$f"
done
expect 0 latency "$net" --runs 5 --threads 1 --json
is false cached
expect 0 latency "$net" --runs 5 --threads 1 --json
is true cached
touch file
XDG_CACHE_HOME=$work/file expect 0 latency "$net" --runs 5 --threads 1 --json
is false cached
[ ! -s errors ] || fail 'an unwritable cache is told as an error'

# ---- of each node
expect 0 latency "$net" --runs 5 --threads 1 --layers --json
is stem.conv1 layers/0/node
is Conv layers/0/op
is null layers/0/into
is stem.bn1 layers/1/node
is stem.conv1 layers/1/into
is 0 layers/1/ms
has layers/0/ms layers/0/share layers_ms layers_error
expect 0 latency "$net" --runs 5 --threads 1 --layers
grep -q '^ *[0-9.]* *[0-9.]*%  Conv  *stem.conv1$' out || fail 'a node with a time'
grep -q '^ *-  *-  BatchNormalization  *stem.bn1, within stem.conv1$' out || fail 'a fused node'
awk '$2 ~ /%$/ { sum += $2 } END { exit !(sum > 98 && sum < 102) }' out || fail 'the shares'
grep -q '^the nodes take [0-9.]* ms together, [-+][0-9.]* % of the whole run' out || fail 'the sum beside the whole'
awk '/%  / { sum += $1 } /^the nodes/ { told = $4 } END { d = sum - told; exit !(d < .01 && d > -.01) }' out ||
	fail 'the sum of the nodes'
expect 0 latency "$net" --runs 2 --json --threads 1
json layers >/dev/null 2>&1 && fail 'layers that nobody asked for'

# ---- put together from its layers
expect 0 latency "$net" --runs 5 --threads 1 --shapes --json
is 13 shapes
is 13 shapes_measured
has shapes_ms shapes_error
first=$(json shapes_ms)
expect 0 latency "$net" --runs 5 --threads 1 --shapes --json
is 0 shapes_measured
is "$first" shapes_ms
# other layers: what it has in common with the network above is known
expect 0 latency 'nb101:3|101|mp@s' --runs 5 --threads 1 --shapes --json
awk "BEGIN { exit !($(json shapes_measured) > 0 && $(json shapes_measured) < $(json shapes)) }" ||
	fail 'only shapes that are new are measured'
expect 0 latency "$net" --runs 5 --threads 1 --shapes
grep -q '^17 layers of 13 shapes, each shape measured by itself (0 now), take' out || fail 'the sum of the layers'

# ---- what cannot be
refuses 2 'whole number' latency "$net" --runs 0
refuses 2 'whole number' latency "$net" --batch 0
model "$(field 2 g)$(node Sin x y)$(field 11 "$(value x)")$(field 12 "$(value y)")" >opaque.onnx
refuses 4 "opaque.onnx: node 'y' (Sin)" latency opaque.onnx
model "$(field 2 g)$(node Relu x y)$(field 11 "$(value x)")$(field 12 "$(value y)")" >fixed.onnx
refuses 2 'fixed one of 1' latency fixed.onnx --batch 2
finish
