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
