# kill -9 at random moments: the file that was there is whole, and the same command comes to its usual
# end. AUTOGO_HEAVY=1: 200 kills of each command.
. "${srcdir:-.}/tests/cli/lib.sh"
. "${srcdir:-.}/tests/faults/cases.sh"

kills=3
[ -n "${AUTOGO_HEAVY:-}" ] && kills=200
RANDOM=17
for k in $kinds; do
	begin "$k" || continue
	clean
	start=$(date +%s%N)
	"run_$k" >/dev/null 2>&1 </dev/null
	us=$((($(date +%s%N) - start) / 1000))
	for i in $(seq 1 $kills); do
		clean
		after=$((RANDOM * us / 32768))
		what="$k, kill $i after $after of $us us"
		checks=$((checks + 1))
		# the shell's own word about it is not wanted
		{ timeout -s KILL "$(printf '0.%06d' $((after % 1000000 + 1)))" \
			bash -c "$(declare -f "run_$k"); run_$k" >out 2>errors </dev/null; } 2>/dev/null
		whole
		ends
	done
done
finish
