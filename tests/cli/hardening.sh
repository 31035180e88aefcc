# The program and its module are hardened, unless configured with --disable-hardening.
. "${srcdir:-.}/tests/cli/lib.sh"
setting() { sed -n "s/^$1 = *//p" "$top/Makefile"; }

command -v readelf >/dev/null || { echo 'SKIP: no readelf'; exit 77; }
[ "$(setting HARDENING)" = yes ] || { echo 'SKIP: configured with --disable-hardening'; exit 77; }

# shows FILE PATTERN WHAT
shows()
{
	checks=$((checks + 1))
	readelf -W -hld --dyn-syms "$1" >out 2>errors || fail "readelf $1"
	grep -qE -e "$2" out || { : >out; fail "$1: $3"; }
}

for file in "$AUTOGO" "$top/autogo-mpi.so"; do
	[ -f "$file" ] || continue
	shows "$file" 'Type: *DYN' 'its address is fixed'
	shows "$file" 'GNU_RELRO' 'relocations stay writable'
	shows "$file" '\(FLAGS\).*BIND_NOW|\(BIND_NOW\)|\(FLAGS_1\).*NOW' 'functions are bound late'
	shows "$file" 'GNU_STACK .* RW ' 'its stack can be executed'
	readelf -W -d "$file" | grep -qE 'TEXTREL|RPATH|RUNPATH' && fail "$file: TEXTREL or a search path"
done
shows "$AUTOGO" '\(FLAGS_1\).*PIE' 'it is no position-independent program'
shows "$AUTOGO" '__stack_chk_fail' 'no stack protector'
case $(setting HARDEN_CPPFLAGS) in
*FORTIFY*) shows "$AUTOGO" '__(read|memcpy|snprintf|vsnprintf|fprintf)_chk' 'library calls are not checked' ;;
*) echo 'SKIP checked library calls: not optimised, sanitized, or set by CPPFLAGS' ;;
esac
finish
