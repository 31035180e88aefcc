# search --measure-top: the best of the front trained for real; what was trained is not trained again.
. "${srcdir:-.}/tests/cli/lib.sh"

net='nb101:3|101|c3@s'
few='--evaluations 64 --population 16 --seed 1 --threads 1'

refuses 2 'whole number' search "$net" -o x $few --measure-top 0
refuses 2 'no task' search "$net" -o x $few --measure-top 1 --task painting
[ ! -e x ] || fail 'a search began although its end is impossible'
if [ ! -e /usr/share/datasets/fashion-mnist ]; then
	echo 'SKIP: no Fashion-MNIST here (package dataset-fashion-mnist)'
	finish
fi
recipe='--images 640 --test-images 500 --batch 32 --bn-images 100'
expect 0 search "$net" -o two $few --measure-top 2 --measure-seeds 2 $recipe
grep -q '^trained for real: accuracy in %, mean and deviation of 2 seeds$' out || fail 'what came of it'
[ "$("$JSON_GET" points/1/values/1 <two/measured.json)" ] || fail 'two networks with two seeds'
"$JSON_GET" points/2/id <two/measured.json >/dev/null 2>&1 && fail 'three networks'
first=$("$JSON_GET" base/values/0 <two/measured.json)
second=$("$JSON_GET" base/values/1 <two/measured.json)
[ "$first" != "$second" ] || fail 'the seeds make no difference'
# the largest estimates, which are of the front
a=$("$JSON_GET" points/0/acc_sigma <two/measured.json)
b=$("$JSON_GET" points/1/acc_sigma <two/measured.json)
awk "BEGIN { exit !($a >= $b) }" || fail 'not by their estimates'
[ "$a" = "$("$JSON_GET" front/0/acc_sigma <two/front.json)" ] || fail 'not the best of the front'

# ---- gone on with: more seeds, the same values
cp two/measured.json before.json
if command -v sqlite3 >/dev/null; then
	[ "$(sqlite3 two/archive.db 'select count(*) from measured')" = 6 ] || fail 'not six trainings'
fi
expect 0 search --resume two --threads 1 --measure-top 2 --measure-seeds 2 $recipe
cmp before.json two/measured.json || fail 'measured again, it is something else'
if command -v sqlite3 >/dev/null; then
	[ "$(sqlite3 two/archive.db 'select count(*) from measured')" = 6 ] || fail 'trained again'
fi
"$AUTOGO" search --resume two --threads 1 --measure-top 3 --measure-seeds 4 $recipe >/dev/null 2>&1 &
sleep 2
kill -9 $! 2>/dev/null
wait $! 2>/dev/null
expect 0 search --resume two --threads 1 --measure-top 3 --measure-seeds 3 $recipe --json
is 64 evaluated
[ "$("$JSON_GET" base/values/0 <two/measured.json)" = "$first" ] || fail 'the first value is another one'
[ "$("$JSON_GET" points/0/values/2 <two/measured.json)" ] || fail 'no third seed'

# ---- another task
expect 0 search zoo:fsrcnn-3 -o sr $few --evaluations 16 --measure-top 1 --measure-seeds 1 --task sr \
	--images 128 --test-images 50 --batch 16
[ "$("$JSON_GET" metric <sr/measured.json)" = psnr ] || fail 'PSNR'
refuses 4 '' search "$net" -o y $few --measure-top 1 --measure-seeds 1 --task sr --images 64
finish
