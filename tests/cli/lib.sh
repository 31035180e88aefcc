# Sourced by the tests of the command line: a folder of its own, and checks that count.
# AUTOGO is the program; JSON_GET reads a document (test_json.c).
set -u
: "${AUTOGO:?}"
top=${AUTOGO%/*}
JSON_GET=${JSON_GET:-$top/tests/cli/test_json}
work=$(mktemp -d)
# the interrupted ones still write while they end
trap 'cd /; sleep 0; rm -rf "$work"' EXIT
cd "$work" || exit 99
export XDG_STATE_HOME=$work/state XDG_DATA_HOME=$work/data
failed=0 checks=0

fail()
{
	echo "FAIL: $*"
	[ -s out ] && { echo "  stdout: $(head -c 600 out)"; }
	[ -s errors ] && { echo "  stderr: $(head -c 600 errors)"; }
	failed=$((failed + 1))
}

# expect CODE ARGS...: runs the program; out and errors keep what it said
expect()
{
	local want=$1 got
	shift
	checks=$((checks + 1))
	"$AUTOGO" "$@" >out 2>errors </dev/null
	got=$?
	[ "$got" = "$want" ] || { fail "autogo $* -> $got, not $want"; return 1; }
}

# refuses CODE PATTERN ARGS...: fails with one line on stderr that has PATTERN, nothing on stdout
refuses()
{
	local want=$1 pattern=$2
	shift 2
	expect "$want" "$@" || return 1
	[ "$(wc -l <errors)" = 1 ] || fail "autogo $*: not one line on stderr"
	grep -q "^autogo: " errors || fail "autogo $*: does not begin with its name"
	grep -q -e "$pattern" errors || fail "autogo $*: stderr lacks '$pattern'"
	[ ! -s out ] || fail "autogo $*: stdout is not empty"
}

# json PATH... of the last output
json()
{
	"$JSON_GET" "$@" <out
}

# is WANT PATH: the value in the last output
is()
{
	local got
	checks=$((checks + 1))
	got=$(json "$2" 2>&1)
	[ "$got" = "$1" ] || fail "$2 is '$got', not '$1'"
}

# has PATH...: all are there
has()
{
	checks=$((checks + 1))
	json "$@" >/dev/null 2>json.err || fail "missing: $(cat json.err)"
}

# field NUMBER ESCAPED-BYTES: a length-delimited protobuf field, as printf escapes
varint()
{
	local n=$1
	while [ "$n" -ge 128 ]; do
		printf '\\%03o' $((n % 128 + 128))
		n=$((n / 128))
	done
	printf '\\%03o' "$n"
}
field()
{
	local len
	len=$(printf "$2" | wc -c)
	varint $(($1 * 8 + 2))
	varint "$len"
	printf '%s' "$2"
}
# node OP IN OUT
node()
{
	field 1 "$(field 1 "$2")$(field 2 "$3")$(field 4 "$1")"
}
# a float value info NAME of shape 1x4
value()
{
	local dims
	dims="$(field 1 '\010\001')$(field 1 '\010\004')"
	printf '%s' "$(field 1 "$1")$(field 2 "$(field 1 "\\010\\001$(field 2 "$dims")")")"
}
# model GRAPH-ESCAPES >file: IR 8, op set 13
model()
{
	printf "\\010\\010$(field 7 "$1")$(field 8 '\020\015')"
}

finish()
{
	echo "$checks checks, $failed failed"
	[ "$failed" = 0 ]
	exit
}

skip()
{
	echo "SKIP: $*"
	exit 77
}

# Leaves the test where ranks cannot be started.
need_mpi()
{
	[ -e "$top/autogo-mpi.so" ] || skip 'built without MPI (Debian: libopenmpi-dev)'
	command -v mpirun >/dev/null || skip 'no mpirun (Debian: openmpi-bin)'
	grep -q __tsan_init "$AUTOGO" && skip 'ThreadSanitizer does not know MPI'
	# In containers, as root, with fewer processors than ranks; other launchers ignore these.
	export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
	export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_plm=isolated
	export OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_btl_vader_single_copy_mechanism=none
	export ASAN_OPTIONS=detect_leaks=0 # MPI's own
	mpirun -n 2 true >out 2>&1 || skip "mpirun does not work here: $(head -c 300 out)"
}
