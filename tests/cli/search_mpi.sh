# search under an MPI launcher: islands that send each other networks; a rank that dies loses nothing.
. "${srcdir:-.}/tests/cli/lib.sh"
set -m # without job control a shell starts its background jobs deaf to SIGINT

need_mpi

net='nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|@s'
few='--population 16 --seed 3'

# search RANKS DIR EVALUATIONS
search()
{
	checks=$((checks + 1))
	timeout 200 mpirun -n "$1" "$AUTOGO" search "$net" -o "$2" $few --evaluations "$3" --json >out 2>errors </dev/null
}

search 3 alone 1536 || fail "three ranks -> $?"
is 3 islands
is 1536 evaluated
is 32 generations
for a in archive archive-1 archive-2; do
	[ -s "alone/$a.db" ] || fail "no $a.db"
done
if command -v sqlite3 >/dev/null; then
	[ "$(sqlite3 alone/archive.db 'select count(*) from child where fate = 4')" -gt 0 ] || fail 'no guests'
fi
expect 0 report alone --json
grep -q 'of 3 islands' alone/report.html || fail 'the page does not tell of islands'
search 3 again 1536 || fail "three ranks -> $?"
cmp alone/front.json again/front.json || fail 'the same ranks end elsewhere'

# ---- ranks that are killed, the first one too
for rank in 2 0 1; do
	timeout 200 mpirun -n 3 "$AUTOGO" search "$net" -o killed $few --evaluations 1536 >out 2>errors </dev/null &
	sleep "0.$((4 + rank))"
	for p in $(pgrep -f -- '-o killed'); do
		tr '\0' '\n' 2>/dev/null <"/proc/$p/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$rank" && kill -9 "$p"
	done
	wait 2>/dev/null
done
[ ! -e killed/front.json ] || fail 'nothing was killed'
search 3 killed 1536 || fail "gone on -> $?"
cmp alone/front.json killed/front.json || fail 'killed ranks end elsewhere'

# ---- longer; with other ranks it is another search
search 3 alone 2304 || fail "longer -> $?"
is 32 resumed_at
search 2 alone 2304 && fail 'another number of ranks goes on'
grep -q 'other options' errors || fail 'what is wrong with two ranks'

# ---- what cannot be ends all ranks
timeout 100 mpirun -n 2 "$AUTOGO" search "$net" -o missing/x $few >out 2>errors </dev/null
[ $? = 2 ] || fail "no such folder: exit code"
grep -q 'missing/x' errors || fail 'what cannot be made'
finish
