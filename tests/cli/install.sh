# Installed below another root it finds its data, wherever it is called from; uninstalling takes all away.
. "${srcdir:-.}/tests/cli/lib.sh"
unset AUTOGO_DATA MAKEFLAGS MFLAGS MAKELEVEL
root=$work/root

staged()
{
	checks=$((checks + 1))
	make -C "$top" -s "$1" DESTDIR="$root" >out 2>errors || fail "make $1"
}

staged install
AUTOGO=$(find "$root" -name autogo -path '*/bin/*')
[ -x "$AUTOGO" ] || { fail 'no program'; finish; }
mkdir elsewhere
cd elsewhere
expect 0 info zoo:fsrcnn
expect 0 segment zoo:fsrcnn --json
is true segments/0/known
expect 0 candidates zoo:fsrcnn --segment 1 --top 1
expect 0 npu zoo:fsrcnn --preset tpu
expect 0 predict zoo:fsrcnn
cd "$work"
for f in man/man1/autogo.1 man/man5/autogo.5 bash-completion/completions/autogo \
	fish/vendor_completions.d/autogo.fish zsh/site-functions/_autogo; do
	checks=$((checks + 1))
	find "$root" -path "*/share/$f" -size +1k | grep -q . || fail "$f is not installed"
done

staged uninstall
find "$root" ! -type d >out
[ ! -s out ] || fail 'uninstalling leaves something'
finish
