# info, zoo, convert, help: what a model is, and into what it can be written.
. "${srcdir:-.}/tests/cli/lib.sh"

expect 0 info zoo:resnet50 --json
is 1 schema
is 25557032 params
is 176 nodes
is 53 ops/Conv
has name inputs/0/name inputs/0/shape outputs/0/name edges ops opaque macs flops flops_paper \
	peak_activation_bytes
[ "$(head -c 12 out)" = '{"schema":1,' ] || fail 'schema does not come first'
expect 0 info zoo:resnet50
grep -q '25557032' out || fail 'parameters in the text'

expect 0 zoo
for z in resnet50 resnet101 vgg16 vgg16-gap mobilenetv2 edsr edsr-body fsrcnn fsrcnn-3 fsrcnn-4 \
	unet; do
	grep -q "^zoo:$z " out || fail "zoo lacks $z"
done
expect 0 zoo --json
is resnet50 zoo/0/name

expect 0 zoo fsrcnn-3 -o f.onnx
expect 0 info zoo:fsrcnn-3 --json
hash=$(json hash)
expect 0 info f.onnx --json
is "$hash" hash
expect 0 convert f.onnx -o g.onnx
cmp f.onnx g.onnx || fail 'an untouched network is not written back as it was'
nb='nb201:|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|skip_connect~0|none~1|avg_pool_3x3~2|'
expect 0 convert "$nb" -o n.onnx
expect 0 info n.onnx --json
expect 0 convert zoo:vgg16-gap -o v.json --json
is v.json output
expect 0 info v.json --json
is 1 schema
for s in dot svg png pdf; do
	expect 0 convert zoo:fsrcnn-3 -o f.$s
	[ -s f.$s ] || fail "f.$s is empty"
done
expect 0 convert zoo:fsrcnn-3 -o seed0.onnx --seed 0
expect 0 convert zoo:fsrcnn-3 -o seed1.onnx --seed=1
cmp -s seed0.onnx seed1.onnx && fail 'the seed changes nothing'

# the same content under another name
cp v.json v.txt
expect 0 info v.txt
cp f.onnx f
expect 0 info ./f

expect 0 --help
mv out help
for c in ui info convert segment candidates mutate diff verify zoo run dump mine; do
	grep -q "^  $c " help || fail "--help lacks $c"
	expect 0 $c --help
	grep -q "^usage: autogo $c" out || fail "$c --help"
	for o in --json --seed --threads --help; do
		grep -q -e "$o" out || fail "$c --help lacks $o"
	done
done
expect 0 --version
grep -q '^autogo [0-9]' out || fail 'version'
finish
