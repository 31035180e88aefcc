# search --measure-every: networks trained on the way correct the estimates of the others; one front
# whatever the threads, and after a kill.
. "${srcdir:-.}/tests/cli/lib.sh"

net='nb101:3|101|c3@s'
few='--population 16 --seed 1 --measure-every 16 --measure-seeds 2'

refuses 2 'whole number' search "$net" -o x $few --evaluations 64 --measure-every 0
refuses 2 'no task' search "$net" -o x $few --evaluations 64 --task painting
[ ! -e x ] || fail 'a search began although it cannot train'
if [ ! -e /usr/share/datasets/fashion-mnist ]; then
	echo 'SKIP: no Fashion-MNIST here (package dataset-fashion-mnist)'
	finish
fi
recipe='--images 320 --test-images 200 --batch 32 --bn-images 64'
expect 0 search "$net" -o one $few --evaluations 96 --threads 1 $recipe
grep -q '^trained on the way: accuracy in %, mean and deviation of 2 seeds$' out || fail 'what was trained'
get() { "$JSON_GET" "$1" <"$2" 2>/dev/null; }

# ---- the base, then one every 16
[ "$(get measured/0/id one/front.json)" = 0 ] || fail 'the network begun with is not the first'
[ "$(get measured/6/generation one/front.json)" = 6 ] || fail 'not one behind each generation'
[ -z "$(get measured/7/id one/front.json)" ] || fail 'more than one behind a generation'
[ "$(get measured_every one/front.json)" = 16 ] || fail 'how often'

# ---- estimates are corrected, and kept apart from what the predictor alone says
i=0 apart=0
while id=$(get front/$i/id one/front.json) && [ "$id" ]; do
	a=$(get front/$i/acc_sigma one/front.json) b=$(get front/$i/acc_sigma_predicted one/front.json)
	[ "$a" = "$b" ] || apart=$((apart + 1))
	i=$((i + 1))
done
[ $apart -gt 0 ] || fail 'no estimate was corrected'

# ---- the same on two threads
expect 0 search "$net" -o two $few --evaluations 96 --threads 2 $recipe
cmp one/front.json two/front.json || fail 'it depends on the threads'

# ---- longer, and killed on the way: the settings are those of the folder
expect 0 search "$net" -o half $few --evaluations 48 --threads 2 $recipe
expect 0 search --resume half --evaluations 96 --threads 2 --progress --json
cmp one/front.json half/front.json || fail 'gone on with, it is another one'
grep -q '"trained":7' errors || fail 'progress does not say how many were trained'
for wait in 1 2 3; do
	"$AUTOGO" search "$net" -o killed $few --evaluations 96 --threads 2 $recipe >/dev/null 2>&1 &
	sleep $wait
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
done
expect 0 search "$net" -o killed $few --evaluations 96 --threads 2 $recipe
cmp one/front.json killed/front.json || fail 'killed, it is another one'
refuses 2 'with other options' search --resume killed --measure-every 8
refuses 2 'with other options' search --resume killed --images 640

# ---- the page
expect 0 report one
grep -q '<h2>Trained on the way</h2>' one/report.html || fail 'the report does not show them'
finish
