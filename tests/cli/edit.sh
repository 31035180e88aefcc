# edit: one node changed by hand, made as it is or repaired, and what cannot be.
. "${srcdir:-.}/tests/cli/lib.sh"

# run LINES...: a script on ResNet-50
run()
{
	{ echo 'open zoo:resnet50'; printf '%s\n' "$@"; } >script.ag
}
does()
{
	run "$@"
	expect 0 run script.ag
}
# cannot CODE PATTERN LINE
cannot()
{
	run "$3"
	expect "$1" run script.ag
	[ "$(wc -l <errors)" = 1 ] || fail "$3: not one line on stderr"
	grep -q 'script.ag: line 2: ' errors || fail "$3: the place is not told"
	grep -q -e "$2" errors || fail "$3: stderr lacks '$2'"
}

# ---- made as they are asked for
does 'edit layer1.0.conv2 kernel=5' 'edit layer1.0.conv2 kernel=3 dilation=2' 'edit conv1 kernel=5 stride=4' \
	'edit layer1.0.conv2 group=8' 'edit maxpool op=avgpool3x3/2' 'edit bn1 delete' \
	'edit layer2.0.conv2 after=conv3x3' 'edit layer2.0.conv2.conv3x3 after=hardswish' \
	'edit layer3.0.conv1 before=relu6' 'edit layer4.2.conv2 op=dw5x5' 'export hand.onnx' 'history'
grep -q '10 .*edit layer4.2.conv2 op=dw5x5' out || fail 'ten versions'
expect 0 verify hand.onnx
expect 0 diff zoo:resnet50 hand.onnx
grep -q 'layer2.0.conv2.conv3x3' out || fail 'the node put in'
# what the layer costs follows: 25 / 9 of its multiplications
flops()
{
	expect 0 info "$1" --json
	json flops_paper
}
does 'edit layer1.0.conv2 kernel=5' 'export five.onnx'
before=$(flops zoo:resnet50) after=$(flops five.onnx)
[ $((after - before)) = $((2 * 16 * 64 * 64 * 56 * 56)) ] || fail "kernel 5 costs $((after - before)) more"

# ---- widths are repaired, however far they reach
does 'edit layer1.0.conv1 width=48' 'edit layer4.2.conv3 width=1024' 'export narrow.onnx'
expect 0 verify narrow.onnx
does 'edit conv1 width=72' 'export wide.onnx' 'info'
expect 0 verify wide.onnx
cannot 1 '70' 'edit conv1 width=70 grow=1'

# ---- what cannot be
cannot 1 'layer1.0.add' 'edit layer1.0.conv2 stride=2'
cannot 1 "output 'output' would become Nx2048 instead of Nx1000" 'edit fc delete'
cannot 1 'changes nothing' 'edit conv1 stride=2'
cannot 1 'FLOPs than the limit' 'edit conv1 kernel=9 max-flops=+0.1%'
cannot 2 "no node 'nope'" 'edit nope delete'
cannot 2 'is lacking' 'edit conv1'
cannot 2 'not like kernel=5' 'edit conv1 kernel=0'
cannot 2 'no such operator (convKxK' 'edit conv1 op=conv'
cannot 2 'does not go with' 'edit conv1 delete op=relu'
cannot 2 '5 groups do not divide' 'edit conv1 group=5'
cannot 2 'no change' 'edit conv1 colour=blue'
cannot 2 'cannot be changed by hand' 'edit input delete'
cannot 2 'no window' 'edit bn1 kernel=3'

# ---- a network of another exporter, its nodes named by numbers or not at all
model "$(field 2 g)$(node Relu x y)$(node Sigmoid y z)$(field 11 "$(value x)")$(field 12 "$(value z)")" >plain.onnx
printf '%s\n' 'open plain.onnx' 'edit y op=hardswish' 'edit z before=elu' 'export hand2.onnx' >script.ag
expect 0 run script.ag
expect 0 verify hand2.onnx
finish
