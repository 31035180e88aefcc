#!/bin/sh
# The layer rule: a module includes its own headers and those of lower rows only, never a module of
# the same row. Libraries with a front door of their own stay in the one folder that owns them.
# The fronts (cli, ui) see session.h and read-only getters; calls that change are the session's.
set -u
top=${srcdir:-$(dirname "$0")/..}
cd "$top" || exit 99

find src ui -name '*.[ch]' -o -name '*.cc' | sort | xargs awk '
BEGIN {
    split("base:0 comm:1 graph:1 shape:2 onx:2 dot:2 bpe:3 cost:3 exec:3 family:3 torch:3 segdb:4 mend:4 pred:4 " \
          "mutate:5 search:6 session:7 cli:8 ui:8", rows, " ")
    for (i in rows) { split(rows[i], kv, ":"); layer[kv[1]] = kv[2] }
    # header (extended regular expression) -> modules that may include it
    own["^(glpk[.]h)$"] = "mend"
    own["^(gvc[.]h|cgraph[.]h|cdt[.]h|types[.]h|graphviz/.*)$"] = "dot"
    own["^(n?curses[.]h|ncursesw?/.*|term[.]h)$"] = "ui"
    own["^(sqlite3[.]h)$"] = "segdb search"
    own["^(cJSON[.]h|cjson/.*)$"] = "onx bpe segdb family cost session cli ui"
    own["^(onnx/.*|google/protobuf/.*|protobuf-c/.*)$"] = "onx"
    own["^(dnnl.*|oneapi/.*)$"] = "exec"
    own["^(mpi[.]h)$"] = "comm"
    # calls by which a front would change things behind the session
    around = "(graph_edit_[a-z_]+|node_set_[a-z_]+|segdb_(add|create)|mend_region) *[(]"
    bad = 0; seen = 0
}
function complain(what) { printf "%s:%d: %s\n", FILENAME, FNR, what; bad++ }
FNR == 1 {
    n = split(FILENAME, part, "/")
    mod = part[1] == "ui" ? "ui" : (n > 2 ? part[2] : "main")
    if (mod != "main" && !(mod in layer)) { complain("folder of no known module"); nextfile }
}
(mod == "cli" || mod == "ui") && $0 ~ around { complain("a front changes only through session.h") }
/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
    line = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", line)
    quoted = substr(line, 1, 1) == "\""
    h = line; sub(/^[<"]/, "", h); sub(/[>"].*$/, "", h)
    seen++
    for (re in own)
        if (h ~ re && (" " own[re] " ") !~ (" " mod " "))
            complain("<" h "> belongs to " own[re])
    if (h ~ /^onnx\/.*[.]h$/ && h !~ /pb-c[.]h$/ && FILENAME !~ /[.](cc|hh)$/)
        complain("<" h "> is C++: only the shim may include it")
    if (!quoted || h ~ /^onnx\//)
        next
    if (split(h, p, "/") < 2) { complain("\"" h "\" lacks its module folder"); next }
    to = p[1]
    if (!(to in layer)) { complain("\"" h "\" is of no known module"); next }
    if (mod == "main" || to == mod)
        next
    if (layer[to] >= layer[mod])
        complain(mod " (layer " layer[mod] ") must not include " to " (layer " layer[to] ")")
    if (h ~ /_priv[.]h$/)
        complain("\"" h "\" is private to " to)
}
END {
    if (!seen) { print "no includes found: wrong folder?"; exit 99 }
    if (bad) { print bad " violation(s) of the layer rule"; exit 1 }
    print seen " includes respect the layers"
}'
