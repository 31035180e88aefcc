# SIGINT and SIGTERM: exit 130, no half files.
. "${srcdir:-.}/tests/cli/lib.sh"
set -m # without job control a shell starts its background jobs deaf to SIGINT

# interrupt MESSAGE SIGNAL ARGS...: waits until the program sits in its wait for a pipe
interrupt()
{
	local message=$1 sig=$2 pid i
	shift 2
	checks=$((checks + 1))
	"$AUTOGO" "$@" >out 2>errors </dev/null &
	pid=$!
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		grep -qs 'State:.*S' /proc/$pid/status && [ $i -gt 3 ] && break
		sleep 0.05
	done
	kill -$sig $pid
	# on a loaded machine the first one may have come before the wait began
	for i in 1 2 3 4 5 6 7 8 9 10; do
		sleep 0.1
		grep -qs 'State:.*Z' /proc/$pid/status && break
		[ $i = 10 ] && kill -$sig $pid
	done
	wait $pid
	[ $? = 130 ] || fail "$sig is not exit 130"
	grep -q "^autogo: $message\$" errors || fail "$sig is not told"
}

mkfifo pipe.onnx
for sig in INT TERM; do
	interrupt interrupted $sig info pipe.onnx
	interrupt 'interrupted; the same command goes on from there' $sig \
		mine zoo:fsrcnn pipe.onnx -o db --vocab v.json
	[ ! -e db ] || fail 'an interrupted mine left a database'
	[ ! -e v.json ] || fail 'an interrupted mine left a vocabulary'
	echo "open pipe.onnx" >s.ag
	interrupt interrupted $sig run s.ag
done
[ -z "$(ls | grep -v '^\(pipe.onnx\|s.ag\|db.part\|out\|errors\)$')" ] || fail "left behind: $(ls)"
finish
