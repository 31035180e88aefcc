# search: faults are told in one line that names the file, and the search goes on to the same end.
. "${srcdir:-.}/tests/cli/lib.sh"
set -m # without job control a shell starts its background jobs deaf to SIGINT

net='nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|@s'
few='--evaluations 96 --population 16 --seed 3 --objectives acc,flops,cycles --threads 1'
endless=${few/96/1000000}

expect 0 search "$net" -o whole $few
size=$(stat -c %s whole/archive.db)

# goes_on DIR ARGS...: the search of the arguments ends as the undisturbed one
goes_on()
{
	local dir=$1
	shift
	expect 0 search "$@" || return 1
	cmp whole/front.json "$dir/front.json" || fail "$dir ends elsewhere"
}

# damaged: a copy of the whole one to be damaged
damaged()
{
	rm -rf damaged
	cp -r whole damaged
}

# begin DIR: an endless search in the background; $running once it has a generation
begin()
{
	rm -f progress
	"$AUTOGO" search "$net" -o "$1" $endless --progress >/dev/null 2>progress &
	running=$!
	for i in $(seq 1 600); do
		[ -s progress ] && break
		sleep 0.05
	done
}

# ---- no room: files end at so many blocks
for blocks in 1 4 8 16 24 32 64; do
	rm -rf full
	checks=$((checks + 1))
	(
		ulimit -f $blocks
		"$AUTOGO" search "$net" -o full $few 2>&1 >/dev/null </dev/null | cat >errors
		exit ${PIPESTATUS[0]}
	)
	[ $? = 2 ] || fail "$blocks blocks: not exit 2"
	grep -q '^autogo: full/[a-z/]*[.0-9a-z]*: .*\(File too large\|is there room\)' errors ||
		fail "$blocks blocks: not told"
	[ "$(wc -l <errors)" = 1 ] || fail "$blocks blocks: not one line"
	goes_on full "$net" -o full $few
	find full | grep '\.onnx\.\|\.json\.\|journal' && fail 'something is left over'
done

# ---- no permission, no folder
touch file
refuses 2 'file/x: cannot be made: Not a directory' search "$net" -o file/x $few
refuses 2 'file/archive.db: ' search "$net" -o file $few
refuses 2 'no/where: cannot be made: No such file' search "$net" -o no/where $few
mkdir -p kept/archive.db
refuses 2 'kept/archive.db: ' search "$net" -o kept $few
ordinary=
[ "$(id -u)" = 0 ] && ordinary='setpriv --reuid=65534 --regid=65534 --clear-groups'
chmod 755 "$work"
if $ordinary test -x "$AUTOGO" && $ordinary test -r "${AUTOGO_DATA:-$top}/segments/segments.db"; then
	# may_not PATTERN DIR: who may not write there is told so
	may_not()
	{
		checks=$((checks + 1))
		$ordinary "$AUTOGO" search "$net" -o "$2" $few >out 2>errors </dev/null
		[ $? = 2 ] || fail "$2: not exit 2"
		[ "$(wc -l <errors)" = 1 ] && grep -q "^autogo: $1" errors || fail "$2: not told"
	}
	mkdir locked
	chmod 555 locked
	may_not 'locked/archive.db: unable to open' locked
	may_not 'locked/x: cannot be made: Permission denied' locked/x
	damaged
	chmod -R a=rX damaged
	may_not 'damaged/\(archive.db\|search.json\): .*\(readonly\|Permission denied\)' damaged
	chmod -R u+w damaged locked
	goes_on damaged --resume damaged
else
	echo 'SKIP: no permission: no ordinary user can run the program here'
fi

# ---- two at a time: the second one touches nothing
begin running
cp running/search.json settings
refuses 2 'running/archive.db: a running search is using it' search "$net" -o running $few
refuses 2 'running/archive.db: a running search is using it' search --resume running --max-flops 1G
cmp settings running/search.json || fail 'a refused search changed the settings'
[ ! -e running/front.json ] || fail 'a refused search wrote a front'
kill -9 $running
wait $running 2>/dev/null

# ---- other options: nothing is touched either
damaged
refuses 2 'damaged/archive.db: .*other options' search "$net" -o damaged $few --max-flops -10%
cmp whole/search.json damaged/search.json || fail 'other options changed the settings'
goes_on damaged --resume damaged

# ---- interrupted, at several moments
for sig in INT TERM INT TERM INT TERM; do
	begin interrupted
	sleep "0.0$((RANDOM % 10))"
	checks=$((checks + 1))
	kill -$sig $running
	wait $running 2>/dev/null
	[ $? = 130 ] || fail "$sig is not exit 130"
	grep -q '^autogo: interrupted; the same command goes on from there$' progress ||
		fail "$sig is not told"
	[ ! -e interrupted/front.json ] || fail 'an interrupted search has a front'
done
expect 0 search --resume interrupted --evaluations 16 --json
tried=$(json evaluated)
expect 0 search "$net" -o calm ${few/96/$tried}
cmp calm/front.json interrupted/front.json || fail 'an interrupted search ends elsewhere'

# ---- nothing to do
model "$(field 2 g)$(node Identity x y)$(field 11 "$(value x)")$(field 12 "$(value y)")" >same.onnx
model "$(field 2 g)$(node Sin x y)$(field 11 "$(value x)")$(field 12 "$(value y)")" >opaque.onnx
little='--evaluations 16 --population 16'
for again in 1 2; do
	refuses 1 'can be replaced\|was refused' search same.onnx -o same $little
	refuses 1 'can be replaced\|was refused' search opaque.onnx -o opaque $little
	refuses 1 'nothing of this network can be replaced' search "$net" -o frozen $few --freeze 0-23
	refuses 1 'was refused.* is allowed' search "$net" -o none $few --ops Sigmoid
	for limit in flops params memory cycles energy latency; do
		refuses 1 'keeps within the limits' search "$net" -o $limit $few \
			--evaluations 16 --max-$limit 0.00001
	done
done
refuses 1 'keeps within the limits' search --resume cycles
refuses 1 'was refused' search --resume none
refuses 2 'neither a node nor a segment' search "$net" -o frozen $few --freeze 0-99
refuses 2 "'' is no operator" search "$net" -o none $few --ops ''

# ---- a damaged archive
for n in 50 100 1024 4096 8192 $((size / 2)) $((size - 4096)) $((size - 1)); do
	damaged
	truncate -s $n damaged/archive.db
	refuses 3 '^autogo: damaged/archive.db: ' search --resume damaged
	[ "$(stat -c %s damaged/archive.db)" = $n ] || fail 'a damaged archive was written to'
done
for n in $(seq 1 40); do
	damaged
	at=$((4096 + (RANDOM * 32768 + RANDOM) % (size - 4096)))
	printf "\\$(printf %03o $((RANDOM % 256)))" |
		dd of=damaged/archive.db bs=1 seek=$at conv=notrunc 2>dd.err
	checks=$((checks + 1))
	"$AUTOGO" search --resume damaged >out 2>errors
	case $? in
	0) cmp whole/front.json damaged/front.json || fail "byte $at: ends elsewhere" ;;
	2 | 3) grep -q '^autogo: damaged/archive.db: ' errors || fail "byte $at: not told" ;;
	*) fail "byte $at: another exit" ;;
	esac
done
damaged
: >damaged/archive.db # as if killed before anything was written
goes_on damaged --resume damaged
rm damaged/archive.db
goes_on damaged --resume damaged
# another version: the number in the header of SQLite
damaged
printf '\0\0\0\1' | dd of=damaged/archive.db bs=1 seek=60 conv=notrunc 2>dd.err
refuses 3 'damaged/archive.db: an archive of another version' search --resume damaged
# a database of something else
damaged
cp "${AUTOGO_DATA:-$top}/segments/segments.db" damaged/archive.db
refuses 3 '^autogo: damaged/archive.db: ' search --resume damaged

# ---- damaged settings
# settings PATTERN FILTER...: of search.json
settings()
{
	local pattern=$1
	shift
	damaged
	"$@" <whole/search.json >damaged/search.json
	refuses 3 "^autogo: damaged/search.json: $pattern" search --resume damaged
}
for n in 0 1 40 100 200; do
	settings 'not the settings' head -c $n
done
settings 'not the settings' tr '{' '['
settings 'not the settings' sed 's/"seed":"3"/"seed":3/'
settings 'not the settings' sed 's/"seed":"3"/"seed":"-3"/'
settings 'not the settings' sed 's/"input_shape":null/"input_shape":[1]/'
settings 'not the settings' sed 's/"model":"[^"]*"/"model":{}/'
settings "'evaluations' is no text" sed 's/"96"/96/'
settings "evaluations: 'many' is not" sed 's/"96"/"many"/'
settings "objectives: 'beauty' is none" sed 's/acc,flops/beauty/'
damaged
truncate -s 3G damaged/search.json
refuses 2 'damaged/search.json: larger than' search --resume damaged
rm damaged/search.json
refuses 2 'damaged/search.json: .*No such file' search --resume damaged
refuses 2 'nowhere/search.json: .*No such file' search --resume nowhere
goes_on damaged "$net" -o damaged $few
goes_on damaged --resume damaged

# ---- the model is gone, and comes back; is another one
expect 0 convert "$net" -o net.onnx
expect 0 search net.onnx -o file-of $few
cp file-of/front.json before.json
mv net.onnx away.onnx
refuses 2 'net.onnx: cannot open: No such file' search --resume file-of
expect 0 convert zoo:fsrcnn -o net.onnx
refuses 2 'file-of/archive.db: .*another network' search --resume file-of
mv away.onnx net.onnx
expect 0 search --resume file-of
cmp before.json file-of/front.json || fail 'a model that was away changes the end'

finish
