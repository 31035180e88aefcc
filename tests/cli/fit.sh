# fit, latency, label: networks run, learn, and fill a table that survives kill -9.
. "${srcdir:-.}/tests/cli/lib.sh"
set -m # without job control a shell starts its background jobs deaf to SIGINT

net='nb101:3|101|c3@s'

# ---- latency
expect 0 latency "$net" --runs 5 --threads 1 --json
is 1 schema
is 1 threads
is 5 runs
has median_ms p10_ms p90_ms
expect 0 latency "$net" --runs 3 --batch 4 --threads 1
grep -q ' ms .*batch 4, 1 thread, 3 runs' out || fail 'what latency says'
refuses 2 'whole number' latency "$net" --runs 0

# ---- fit
refuses 2 'no images in it' fit "$net" --data .
refuses 2 'whole number' fit "$net" --epochs 0
refuses 2 'suffix' fit "$net" -o trained.txt
printf '\0\0\10\3\0\0\0\7\0\0\0\5\0\0\0\5' >train-images-idx3-ubyte
refuses 3 'shorter than its header' fit "$net" --data .
rm train-images-idx3-ubyte

if [ ! -e /usr/share/datasets/fashion-mnist ]; then
	echo 'SKIP: no Fashion-MNIST here (package dataset-fashion-mnist)'
	finish
fi
few='--images 2000 --test-images 1000 --threads 1'
expect 0 fit "$net" $few --epochs 2 --batch 32 --bn-images 500 -o trained.onnx --json
is accuracy metric
is 2 epochs
is 2000 images
is trained.onnx output
has acc loss seconds adapted epochs/0/loss epochs/1/test_acc
acc=$(json acc)
awk "BEGIN { exit !($acc > 0.7) }" || fail "2000 images, two epochs: accuracy $acc"
cp trained.onnx first.onnx
expect 0 fit "$net" $few --epochs 2 --batch 32 --bn-images 500 -o trained.onnx --json
is "$acc" acc
cmp first.onnx trained.onnx || fail 'the same seed gives other weights'
expect 0 verify trained.onnx --json
# what was learnt is in the file: nothing more to learn at a rate of nearly zero
expect 0 fit trained.onnx $few --epochs 1 --lr 1e-9 --bn-images 500 --json
awk "BEGIN { d = $(json acc) - $acc; exit !(d * d < 0.0004) }" || fail "trained.onnx: $(json acc)"
refuses 4 'one number for each\|no matrix\|does not take' fit zoo:edsr $few
refuses 2 'no task' fit "$net" --task draw

# ---- tasks: one tiny run of each; the metric has its name, its value and a trivial answer's
tiny='--images 64 --test-images 16 --batch 16 --epochs 1 --bn-images 32 --threads 1'
task() { # model, task, metric, what is said
	expect 0 fit "$1" --task $2 $tiny -o $2.onnx --json
	is $2 task
	is $3 metric
	has value baseline loss seconds epochs/0/test_value
	json adapted | grep -q "$4" || fail "$2: adapted: $(json adapted)"
	expect 0 verify $2.onnx --json
}
task zoo:fsrcnn sr psnr '16x16'
task zoo:unet denoise psnr '32x32'
task "$net" segment miou 'cut after .*pyramid pooling'
task "$net" keypoints pck 'cut after .*three transposed'
# with what the task says of rate and batch a network beats bilinear upscaling soon
expect 0 fit zoo:fsrcnn-3 --task sr --images 2000 --test-images 200 --threads 1 --json
is 16 batch
awk "BEGIN { exit !($(json lr) == 0.003) }" || fail "sr: lr $(json lr)"
awk "BEGIN { exit !($(json value) > $(json baseline) + 0.5) }" || fail "sr: $(json value) dB"
# what was made for a task needs no change for it any more
expect 0 fit segment.onnx --task segment $tiny --json
is '' adapted
refuses 4 'does not give images' fit zoo:resnet50 --task sr $tiny
refuses 4 'the task needs' fit zoo:unet --task sr $tiny
refuses 4 'no place for a head' fit zoo:fsrcnn --task segment $tiny

# ---- checkpoints: killed at any time, the same end
long="--images 1000 --test-images 200 --batch 32 --epochs 4 --bn-images 64 --average 0.4 --threads 1"
for task in classify keypoints; do
	few="$long --task $task"
	[ $task = classify ] || few="--images 100 --test-images 16 --batch 10 --epochs 4 --task $task --threads 1"
	expect 0 fit "$net" $few -o whole.onnx --json
	whole=$(json value)
	rm -f part.ckpt
	"$AUTOGO" fit "$net" $few --checkpoint part.ckpt >/dev/null 2>&1 &
	p1=$!
	while [ ! -e part.ckpt ] && kill -0 $p1 2>/dev/null; do sleep 0.05; done
	kill -9 $p1 2>/dev/null
	wait $p1 2>/dev/null
	expect 0 fit "$net" $few --checkpoint part.ckpt -o part.onnx --json
	[ "$(json resumed)" -ge 1 ] || fail 'nothing was resumed'
	is "$whole" value
	cmp whole.onnx part.onnx || fail "$task: other weights after kill -9"
	# finished already: the same answer without training
	expect 0 fit "$net" $few --checkpoint part.ckpt -o part.onnx --json
	is 4 resumed
	is "$whole" value
	cmp whole.onnx part.onnx || fail "$task: other weights from a finished checkpoint"
done
cp part.ckpt kept
refuses 2 'another network' fit "$net" $few --lr 0.01 --checkpoint part.ckpt
refuses 2 'another network' fit 'nb101:3|101|c1@s' $few --checkpoint part.ckpt
cmp part.ckpt kept || fail 'a foreign checkpoint was changed'
head -c 5000 kept >part.ckpt
refuses 3 'damaged or cut off' fit "$net" $few --checkpoint part.ckpt
printf x | dd of=part.ckpt bs=1 seek=300 conv=notrunc 2>/dev/null
refuses 3 'damaged' fit "$net" $few --checkpoint part.ckpt
echo mine >part.ckpt
refuses 3 'no checkpoint' fit "$net" $few --checkpoint part.ckpt
grep -q '^mine$' part.ckpt || fail 'a file that is no checkpoint was overwritten'
refuses 2 '' fit "$net" $few --checkpoint nowhere/part.ckpt

# ---- label
few="--images 300 --test-images 200 --epochs 1 --bn-images 64"
refuses 2 'no family' label resnet -n 2 -o t.csv
refuses 2 'needed' label nb201 -n 2
expect 0 label nb201 -n 2 --seeds 2 -o t.csv $few --json
is 4 rows
is 4 added
[ "$(head -1 t.csv)" = arch,seed,acc1,acc,loss,params,flops_paper,seconds,latency_ms ] || fail 'the header'
[ "$(wc -l <t.csv)" = 5 ] || fail 'one row for each run'
grep -q '^images: 300$' t.csv.manifest && grep -q '^machine: ' t.csv.manifest &&
	grep -q '^latency_ms: .*batch 1, one thread' t.csv.manifest || fail 'the manifest'
cp t.csv before
expect 0 label nb201 -n 2 --seeds 2 -o t.csv $few --json
is 4 rows
is 0 added
cmp before t.csv || fail 'a finished table is changed'
refuses 2 'another recipe' label nb201 -n 2 -o t.csv $few --lr 0.1
refuses 2 'header is another' label nb201 -n 2 -o t.csv --images 300 --epochs 2
refuses 2 'another recipe' label nb101 -n 2 -o t.csv $few
sed 1d t.csv | awk -F, '!($NF > 0.01 && $NF < 1000) { bad = 1 } END { exit bad }' || fail 'the latency'
grep -q test-retest t.csv.manifest && fail 'the reliability of two networks'
expect 0 label nb201 -n 3 --seeds 2 -o t.csv $few --json
is 3 retest_networks
[ "$(grep -c '^test-retest: Spearman .* 3 networks, mean of 1 seed each$' t.csv.manifest)" = 1 ] ||
	fail 'the reliability in the manifest'
# a half row is dropped and made again, the same but for the times
head -c -20 before >t.csv
expect 0 label nb201 -n 2 --seeds 2 -o t.csv $few --json
is 1 added
sed 's/,[^,]*,[^,]*$//' before >a
sed 's/,[^,]*,[^,]*$//' t.csv >b
cmp a b || fail 'the row that was made again'

# several processes, killed at any time: no row lost, none twice
rm -f t.csv t.csv.manifest
n=12
for wait in 0.3 0.7 1.1 0.5; do
	"$AUTOGO" label nb201 -n $n -o t.csv $few >/dev/null 2>&1 &
	p1=$!
	"$AUTOGO" label nb201 -n $n -o t.csv $few >/dev/null 2>&1 &
	p2=$!
	sleep $wait
	kill -9 $p1 $p2 2>/dev/null
	wait $p1 $p2 2>/dev/null
	cp t.csv "killed.$wait"
done
expect 0 label nb201 -n $n -o t.csv $few --json
is $n rows
[ "$(wc -l <t.csv)" = $((n + 1)) ] || fail 'rows after kill -9'
[ -z "$(cut -d, -f1,2 t.csv | sort | uniq -d)" ] || fail 'a row came twice'
for f in killed.*; do
	head -n $(wc -l <$f) t.csv | cmp - <(head -n $(wc -l <$f) $f) || fail 'a row was lost or changed'
done
grep -v '^"[^"]*",0,\(0\.[0-9]*,\)\{2\}[0-9.]*,[0-9]*,[0-9]*,[0-9.]*,[0-9.]*$' t.csv | sed 1d | grep . &&
	fail 'a damaged row'

"$AUTOGO" label nb201 -n 1000 -o stop.csv $few >out 2>errors &
p1=$!
for i in $(seq 300); do
	[ "$(wc -l <stop.csv 2>/dev/null || echo 0)" -gt 1 ] && break
	sleep .1
done
kill -INT $p1
wait $p1
[ $? = 130 ] || fail 'interrupted'
grep -q 'goes on from there' errors || fail 'what an interrupted label says'
finish
