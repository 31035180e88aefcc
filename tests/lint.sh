#!/bin/sh
# make lint: formatting, the layer rule, complete file lists, and no paths of one machine.
set -u
top=${srcdir:-$(dirname "$0")/..}
cd "$top" || exit 99
rc=0
fail() { echo "lint: $*"; rc=1; }

sources=$(find src ui man tests -name '*.[ch]' -o -name '*.cc' | sort)
if command -v clang-format >/dev/null 2>&1; then
    # shellcheck disable=SC2086
    clang-format --dry-run -Werror $sources || fail "formatting (clang-format -i FILE mends it)"
else
    echo "lint: SKIP formatting (no clang-format)"
fi

sh tests/check-layers.sh || fail "layers"

# Every file below these folders is named in Makefile.am, so that `make dist` is complete.
for f in $(find src ui tests segments examples man -type f \
        ! -name '*.o' ! -name '*.log' ! -name '*.trs' ! -name '*.inc' ! -name '.*' \
        ! -path '*/.deps/*' ! -path 'tests/home/*' ! -name 'autogo.1' | sort); do
    case $f in
    tests/*/test_*.c | tests/*/*_*.c | *.c | *.h | *.cc | *.def | *.sh | *.in | *.txt | *.ag | *.md | *.rc | \
        *.onnx | *.json | *.db | *.vocab | *.out | *.screen | *.supp)
        grep -qF "$f" Makefile.am ||
            grep -qE "(^|[[:blank:]])${f%.c}([[:blank:]]|\$)" Makefile.am ||
            fail "$f is not in Makefile.am" ;;
    esac
done

# A path that only exists on one machine.
if grep -nE '(^|[^[:alnum:]_/.-])/(wor[k]|hom[e]|tm[p]/b-|Use[r]s)/' -r src ui tests man examples \
        segments Makefile.am configure.ac bootstrap debian CHANGELOG .ci README.md HACKING.md \
        --include='*' --exclude='*.db' --exclude='*.onnx' --exclude-dir=home --exclude='*.log' -I; then
    fail "machine paths"
fi
if grep -nE '[[:blank:]]+$' -r src ui tests --include='*.[ch]' --include='*.def' --include='*.sh'; then
    fail "trailing blanks"
fi
[ $rc = 0 ] && echo "lint: clean"
exit $rc
