# search: one seed gives one front, also after kill -9 at any moment; limits; what cannot be.
. "${srcdir:-.}/tests/cli/lib.sh"

net='nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|@s'
few='--evaluations 192 --population 16 --seed 3 --objectives acc,flops,cycles'

expect 0 search "$net" -o alone $few --threads 1 --json
is 192 evaluated
has hypervolume front/0/acc_sigma front/0/file evaluated_per_s feasible_rate duplicates
[ "$(json accepted)" -gt 20 ] || fail 'hardly anything is accepted'
is true front/0/executed
[ "$(ls alone/front | wc -l)" -gt 2 ] || fail 'the front has no networks'
for f in alone/front/*.onnx; do
	expect 0 verify "$f" || break
done
volume=$("$JSON_GET" hypervolume <alone/front.json)

# ---- other threads
expect 0 search "$net" -o two $few --threads 2 --json
cmp alone/front.json two/front.json || fail 'the front depends on threads'

# ---- killed again and again: twenty times, half of them once it has got further, half at any moment
endless=${few/192/1000000}
for i in $(seq 1 20); do
	rm -f progress
	how="search $net -o killed $endless"
	[ $((i % 2)) = 0 ] && [ -e killed/search.json ] && how='search --resume killed'
	"$AUTOGO" $how --threads 1 --progress >/dev/null 2>progress &
	for k in $(seq 1 600); do
		[ $((i % 4)) -gt 1 ] || [ -s progress ] && break
		sleep 0.05
	done
	sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
	checks=$((checks + 1))
	kill -9 $! || fail 'a search ended by itself'
	wait $! 2>/dev/null
done
expect 0 search "$net" -o killed $few --threads 1 --json
tried=$(json evaluated)
echo "$tried were tried between 20 kills"
expect 0 search "$net" -o whole ${few/192/$tried} --threads 1 --json
cmp whole/front.json killed/front.json || fail 'a killed search ends elsewhere'
for f in whole/front/*.onnx; do
	cmp "$f" "killed/${f#whole/}" || fail 'a killed search has other networks'
done

# ---- going on with more
expect 0 search "$net" -o alone ${few/192/256} --threads 2 --json
is 12 resumed_at
is 256 evaluated
awk "BEGIN { exit !($(json hypervolume) >= $volume) }" || fail 'a longer search is worse'
refuses 2 'other options' search "$net" -o alone $few --max-flops -10% --threads 1
refuses 2 'other options' search zoo:fsrcnn -o alone $few --threads 1

# ---- limits changed between resumes: each is met again where it was, also after a kill
under_way()
{
	rm -f progress
	"$AUTOGO" search "$@" --evaluations 1000000 --threads 1 --progress >/dev/null 2>progress &
	for k in $(seq 1 600); do
		[ -s progress ] && break
		sleep 0.05
	done
	sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
	checks=$((checks + 1))
	kill -9 $! || fail 'a search ended by itself'
	wait $! 2>/dev/null
}
under_way "$net" -o cut $few
under_way --resume cut --max-flops -3% --no-ops MaxPool
under_way --resume cut
under_way --resume cut --max-flops default --freeze 0-1
under_way --resume cut
expect 0 search --resume cut --evaluations 16 --threads 1 --json
is 'max-flops -3%' changes/0/setting
is 'no-ops 1 operator' changes/1/setting
is 'max-flops none' changes/2/setting
first=$(json changes/0/generation) second=$(json changes/2/generation) tried=$(json evaluated)
[ "$(json changes/3/generation)" = "$second" ] || fail 'two changes at once are two'
[ "$first" -lt "$second" ] || fail 'the changes are not in order'
expect 0 search "$net" -o same ${few/192/$((16 * first))} --threads 1
expect 0 search --resume same --max-flops -3% --no-ops MaxPool --evaluations $((16 * second)) --threads 2 --json
most=$(json base/flops)
for i in $(seq 0 $(($(json front) - 1))); do
	awk "BEGIN { exit !($(json front/$i/flops) <= .97 * $most) }" || fail 'it stays in the front, beyond'
done
expect 0 search --resume same --max-flops default --freeze 0-1 --evaluations "$tried" --threads 2
cmp same/front.json cut/front.json || fail 'changes and kills: it ends elsewhere'
grep -q '^changed behind generation' out || fail 'changes are not told'
expect 0 report same
grep -q "changed on the way</th><td>max-flops -3%, behind generation $first<" same/report.html ||
	fail 'the report does not tell of changes'
grep -q "hypervolume of the front: $(printf '%.6g' "$("$JSON_GET" hypervolume <same/front.json)") in the end" \
	same/report.html || fail 'the report has another front'
refuses 2 '--population: this search has 16, which stays' search --resume same --population 32
refuses 2 '--objectives: this search has acc,flops,cycles' search --resume same --objectives acc
refuses 2 '--max-latency: this search has the default' search --resume same --max-latency 3
refuses 2 '--seed: this search has 3' search --resume same --seed 4
refuses 2 'freeze is [0-9,]* (--resume changes it)' search "$net" -o same $few
refuses 1 'no network keeps within' search --resume same --max-flops 1

# ---- limits
expect 0 info "$net" --json
most=$(json flops_paper)
expect 0 search "$net" -o small $few --max-flops -4% --json
for i in 0 1; do
	awk "BEGIN { exit !($(json front/$i/flops) <= .96 * $most) }" || fail 'beyond the limit of FLOPs'
done
refuses 2 'is not like 4.2G' search "$net" -o none --max-flops 4x
refuses 1 'limits' search "$net" -o none --evaluations 16 --population 16 --max-flops 1

# ---- what cannot be
refuses 2 '-o DIR' search "$net"
refuses 2 'none of acc' search "$net" -o x --objectives acc,beauty
refuses 2 'different' search "$net" -o x --objectives acc,acc
refuses 2 'missing/x' search "$net" -o missing/x
mkdir junk && echo 'no database, whatever it is, but long enough' >junk/archive.db
refuses 3 'junk/archive.db' search "$net" -o junk --evaluations 16 --population 16
grep -q 'no database' junk/archive.db || fail 'a foreign file was touched'

finish
