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
for z in resnet50 resnet101 vgg16 vgg16-gap mobilenetv2 edsr edsr-x3 edsr-x4 edsr-body fsrcnn fsrcnn-3 fsrcnn-4 \
	unet; do
	grep -q "^zoo:$z " out || fail "zoo lacks $z"
done
grep -q '^nb201  *4096 networks$' out || fail 'zoo lacks the families'
grep -q '^inception  *too many' out || fail 'zoo numbers what has no numbers'
expect 0 zoo --json
is resnet50 zoo/0/name
has families/0/name families/0/networks

# samples of a family
expect 0 zoo hiaml --json
is 38416 networks
is 5 examples
expect 0 info "$(json examples/4)"
expect 0 zoo inception@s
[ "$(grep -c '^inception:.*@s$' out)" = 5 ] || fail 'no examples'
expect 0 zoo hiaml@s --sample 12 --seed 7 -o set --json
is 12 files
is hiaml-s-00012.onnx files/11/file
arch=$(json files/11/arch)
[ "$(grep -c '^hiaml-s-000..[.]onnx,"hiaml:.*@s"$' set/index.csv)" = 12 ] || fail 'the index'
[ "$(tail -n +2 set/index.csv | cut -d, -f2- | sort -u | wc -l)" = 12 ] || fail 'some are the same'
grep -qF "hiaml-s-00012.onnx,\"$arch\"" set/index.csv || fail 'index and answer differ'
expect 0 info set/hiaml-s-00012.onnx --json
hash=$(json hash)
expect 0 info "$arch" --json
is "$hash" hash
cp -r set again
rm again/hiaml-s-00003.onnx
expect 0 zoo hiaml@s --sample 12 --seed 7 -o again
diff -r set again || fail 'the same command does not write the same set'
refuses 2 'set/index.csv: .*another set' zoo hiaml@s --sample 12 --seed 8 -o set
refuses 2 'set/index.csv: .*another set' zoo hiaml@s --sample 11 --seed 7 -o set
rm again/index.csv
refuses 2 'again/hiaml-s-00001.onnx: ' zoo hiaml@s --sample 12 --seed 8 -o again
diff -r set again | grep -v '^Only in set: index.csv$' && fail 'a refused set wrote something'
refuses 2 'hiaml has only 38416' zoo hiaml --sample 38417 -o x
refuses 2 'o DIR' zoo hiaml --sample 3
refuses 2 'how many' zoo hiaml -o x
refuses 2 'needs a family' zoo fsrcnn --sample 3 -o x
refuses 2 'needs a family' zoo nosuch --sample 3 -o x
refuses 2 'f.file' zoo hiaml@s --sample 1 -o f.file/x
[ ! -e x ] || fail 'a refused set made its folder'

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
for c in ui info convert segment candidates mutate diff verify zoo mine db run dump; do
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
