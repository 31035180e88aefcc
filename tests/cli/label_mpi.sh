# label under an MPI launcher: the rows of one process, kept when a rank is killed.
. "${srcdir:-.}/tests/cli/lib.sh"
set -m # without job control a shell starts its background jobs deaf to SIGINT

# ---- nobody else pays for MPI, whatever the build
ldd "$AUTOGO" | grep -q libmpi && fail 'the program is linked with MPI'
OMPI_COMM_WORLD_SIZE=2 LD_DEBUG=files "$AUTOGO" --version 2>&1 | grep -q 'libmpi\|autogo-mpi' &&
	fail 'a command that needs no other process loads MPI'
[ $failed = 0 ] || finish

need_mpi
[ -e /usr/share/datasets/fashion-mnist ] || skip 'no Fashion-MNIST (package dataset-fashion-mnist)'

few='--images 128 --epochs 1 --test-images 64 --bn-images 64'

# label RANKS ARGS...
label()
{
	local ranks=$1
	shift
	checks=$((checks + 1))
	timeout 200 mpirun -n "$ranks" "$AUTOGO" label nb201 $few "$@" >out 2>errors </dev/null
}

# rows FILE: what must not depend on who made them
rows()
{
	sed 1d "$1" | cut -d, -f1-7 | sort
}

# rank NUMBER FILE: the process id of that rank of the label that writes FILE
rank()
{
	local p
	for p in $(pgrep -f -- "-o $2"); do
		tr '\0' '\n' 2>/dev/null <"/proc/$p/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$1" &&
			echo "$p" && return
	done
}

# start FILE: four ranks label 40 networks; comes back when there are rows
start()
{
	local i
	timeout 200 mpirun -n 4 "$AUTOGO" label nb201 $few -n 40 -o "$1" >out 2>errors </dev/null &
	launcher=$!
	for ((i = 0; i < 600; i++)); do
		[ -e "$1" ] && [ "$(wc -l <"$1")" -ge 4 ] && break
		sleep 0.1
	done
	checks=$((checks + 1))
	[ "$i" -lt 600 ] || fail 'no rows after a minute'
}

# ---- the same rows
expect 0 label nb201 $few -n 6 -o one.csv
label 4 -n 6 -o four.csv || fail 'four ranks'
[ "$(cat out)" = 'four.csv: 6 of 6 rows, 6 of them new' ] || fail 'not one answer'
[ ! -s errors ] || fail 'four ranks complain'
cmp <(head -1 one.csv) <(head -1 four.csv) || fail 'another header'
cmp <(rows one.csv) <(rows four.csv) || fail 'other rows than those of one process'
cmp one.csv.manifest four.csv.manifest || fail 'another manifest'
# they go on from each other's tables
label 3 -n 6 --seeds 2 -o one.csv --json || fail 'three ranks'
is 12 rows
is 6 added
expect 0 label nb201 $few -n 6 --seeds 2 -o one.csv --json
is 12 rows
is 0 added
# one rank loads no MPI
LD_DEBUG=files mpirun -n 1 "$AUTOGO" label nb201 $few -n 6 -o one.csv 2>&1 |
	grep -q 'autogo-mpi' && fail 'MPI for one rank'

# ---- errors are told once, with their exit code
label 3 -n 6 -o four.csv --lr 0.1
[ $? = 2 ] || fail 'another recipe is not exit 2'
[ "$(grep -c '^autogo: ' errors)" = 1 ] || fail 'told more than once'
grep -q 'another recipe' errors || fail 'another recipe'
label 3 -n 6
[ $? = 2 ] && [ "$(grep -c '^autogo: ' errors)" = 1 ] || fail 'a missing option'

# ---- a rank dies
k=$work/k.csv
start "$k"
victim=$(rank 2 "$k")
cp "$k" before
kill -9 "$victim" || fail 'no rank 2'
wait $launcher
[ $? != 0 ] || fail 'a killed rank is not noticed'
[ "$(wc -l <"$k")" -lt 41 ] || fail 'all rows: nothing was killed'
head -c "$(wc -c <before)" "$k" | cmp - before || fail 'a row was lost'
label 4 -n 40 -o "$k" || fail 'going on after a rank was killed'
grep -q '^autogo: resumed at' errors || fail 'not resumed'
[ "$(cut -d, -f1,2 "$k" | sed 1d | sort -u | wc -l)" = 40 ] && [ "$(wc -l <"$k")" = 41 ] ||
	fail 'rows after a rank was killed'
[ "$(sed 1d "$k" | cut -d, -f1-7 | grep -Fxc -f <(rows four.csv))" = 6 ] || fail 'other rows'

# ---- a signal to any rank stops all
for r in 0 2; do
	rm -f "$k" "$k.manifest"
	start "$k"
	kill -INT "$(rank $r "$k")" || fail "no rank $r"
	wait $launcher
	[ $? = 130 ] || fail "rank $r interrupted"
	[ "$(grep -c '^autogo: ' errors)" = 1 ] && grep -q 'goes on from there' errors ||
		fail 'what an interrupted label says'
	[ -z "$(pgrep -f -- "-o $k")" ] || fail 'a rank is left'
done
expect 0 label nb201 $few -n 6 -o "$k" # what is left is a sound table
finish
