# verify: what is wrong with a network is told, a node that cannot be run is named, and two networks
# are compared by what they compute.
. "${srcdir:-.}/tests/cli/lib.sh"

net='nb101:3|101|c3@s'
ends="$(field 11 "$(value x)")$(field 12 "$(value y)")"

# ---- one network
expect 0 verify "$net" --json
is true ok
is true shapes
is true checker
is true executed
is 2 runs
expect 0 verify "$net"
grep -q '^ok: .*finite (2 runs' out || fail 'what verify says'
refuses 2 'whole number' verify "$net" --runs 0
refuses 2 'tolerance' verify "$net" --tolerance -1
refuses 2 'tolerance' verify "$net" --tolerance x

# a node that cannot be run is named, and nothing is claimed
model "$(field 2 g)$(node Relu x a)$(node Sin a b)$(node Relu b y)$ends" >opaque.onnx
refuses 4 "opaque.onnx: not executed: node 'b' (Sin)" verify opaque.onnx
expect 4 verify opaque.onnx --json
is false ok
is true checker
is false executed
json reason | grep -q "node 'b' (Sin)" || fail 'the reason'
json runs >/dev/null 2>&1 && fail 'runs of a network that was not run'
refuses 4 "opaque.onnx: not executed: node 'b'" verify opaque.onnx opaque.onnx
# open sizes
dims="$(field 1 '\010\001')$(field 1 "$(field 2 w)")"
model "$(field 2 g)$(node Relu x y)$(field 11 "$(field 1 x)$(field 2 "$(field 1 \
	"\\010\\001$(field 2 "$dims")")")")$(field 12 "$(field 1 y)$(field 2 "$(field 1 \
	"\\010\\001$(field 2 "$dims")")")")" >open.onnx
refuses 4 'shape stays unknown' verify open.onnx
expect 0 verify open.onnx --input-shape 1x7
# the logarithm of a negative number
model "$(field 2 g)$(node Tanh x a)$(node Log a b)$(node Tanh b y)$ends" >log.onnx
refuses 1 "node 'b' (Log) gives no finite numbers" verify log.onnx
expect 1 verify log.onnx --json
is false ok
is true executed

# ---- two
for op in Relu Tanh LeakyRelu; do
	model "$(field 2 g)$(node $op x y)$ends" >$op.onnx
done
expect 0 verify Tanh.onnx Tanh.onnx --json
is true ok
is 0 max_abs_diff
is 0 max_rel_diff
is Tanh.onnx model
is Tanh.onnx other
refuses 1 'outputs differ by' verify Relu.onnx Tanh.onnx
expect 1 verify Relu.onnx Tanh.onnx --json
is false ok
is true executed
has max_abs_diff max_rel_diff tolerance reason
# LeakyRelu lets a hundredth of the negative side through
expect 1 verify Relu.onnx LeakyRelu.onnx --runs 50
expect 0 verify Relu.onnx LeakyRelu.onnx --runs 50 --tolerance 0.5 --json
is 0.5 tolerance
d=$(json max_rel_diff)
awk "BEGIN { exit !($d > 0.001 && $d < 0.5) }" || fail "a leak of 0.01 is a difference of $d"
expect 0 verify Relu.onnx LeakyRelu.onnx --tolerance 0.5 --json --seed 1
cp out one
expect 0 verify Relu.onnx LeakyRelu.onnx --tolerance 0.5 --json --seed 1
cmp one out || fail 'the same seed gives another difference'
expect 0 verify Relu.onnx LeakyRelu.onnx --tolerance 0.5 --json --seed 2
cmp -s one out && fail 'the seed changes nothing'
refuses 1 "$net does not fit Relu.onnx: input 1: float 1x4 against float 1x1x32x32" \
	verify Relu.onnx "$net"
refuses 2 gone.onnx verify Relu.onnx gone.onnx

# a segment in place of itself changes no bit; another one does
k=$("$AUTOGO" segment "$net" --json | sed 's/.*"index":\([0-9]*\).*/\1/')
k=$((k / 2))
expect 0 mutate "$net" --segment $k --with self -o self.onnx
expect 0 verify "$net" self.onnx --tolerance 0 --json
is 0 max_abs_diff
is 0 max_rel_diff
finish
