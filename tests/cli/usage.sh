# Wrong command lines: exit 2, one line, a hint.
. "${srcdir:-.}/tests/cli/lib.sh"

refuses 2 "did you mean 'info'" inof zoo:resnet50
refuses 2 'autogo --help' frobnicate
refuses 2 'unknown option' info zoo:resnet50 --frobnicate
refuses 2 'autogo info --help' info zoo:resnet50 --frobnicate=3
refuses 2 'usage: autogo info' info
refuses 2 'usage: autogo info' info a b
refuses 2 '--seed' info zoo:fsrcnn --seed
refuses 2 'whole number' info zoo:fsrcnn --seed x
refuses 2 'whole number' info zoo:fsrcnn --threads 0
refuses 2 'takes no value' info zoo:fsrcnn --json=1
refuses 2 'segment K' candidates zoo:fsrcnn
refuses 2 'there is no segment' candidates zoo:fsrcnn --segment 9999
refuses 2 '--with ID' mutate zoo:fsrcnn --segment 1
refuses 2 'is no candidate' mutate zoo:fsrcnn --segment 1 --with 12 -o x.onnx
refuses 2 '.onnx' mutate zoo:fsrcnn --segment 1 --with self -o x.doc
refuses 2 '-o FILE' convert zoo:fsrcnn
refuses 2 '.onnx' convert zoo:fsrcnn -o x.doc
refuses 2 '--stage' dump zoo:fsrcnn
refuses 2 '--stage' dump zoo:fsrcnn --stage=nothing
refuses 2 '-o DB' mine zoo:fsrcnn
refuses 2 'nosuch' zoo nosuch -o x.onnx
refuses 2 'zoo:nosuch' info zoo:nosuch
refuses 2 'nb201' info nb201:garbage
refuses 2 'input-shape' info zoo:fsrcnn --input-shape 1x2x
refuses 2 'input-shape' info zoo:fsrcnn --input-shape nosuch=1x1x8x8
refuses 2 'terminal' ui zoo:fsrcnn
refuses 2 'terminal' zoo:fsrcnn
refuses 2 'terminal'
refuses 2 'no/such.onnx' info no/such.onnx
finish
