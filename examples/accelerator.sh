#!/bin/sh
# One segment of U-Net, FSRCNN and EDSR is replaced by hand; what that does on a phone's accelerator.
#
#     sh examples/accelerator.sh AUTOGO FOLDER
#
# prints cycles and energy before and after, and leaves in FOLDER the mutated networks, the rooflines
# and drawings of the changes. examples/accelerator.md has what it printed.
set -eu
autogo=$1 out=$2
mkdir -p "$out"

change() # NETWORK SEGMENT RECORD
{
	"$autogo" mutate "zoo:$1" --segment "$2" --with "$3" --preset phone -o "$out/$1.onnx" >"$out/$1.txt"
	"$autogo" npu "zoo:$1" --preset phone -o "$out/$1-before.svg" >"$out/$1-before.txt"
	"$autogo" npu "$out/$1.onnx" --preset phone -o "$out/$1-after.svg" >"$out/$1-after.txt"
	"$autogo" diff "zoo:$1" "$out/$1.onnx" -o "$out/$1-change.svg" >"$out/$1-change.txt"
	echo "$1, segment $2 by $3"
	tail -n 2 "$out/$1-before.txt" | sed 's/^/  before  /'
	tail -n 2 "$out/$1-after.txt" | sed 's/^/  after   /'
}

change unet 1 s2564
change fsrcnn 1 s82
change edsr 4 s1484
