# report: one page about a search, complete, the same each time; and what is no finished search.
. "${srcdir:-.}/tests/cli/lib.sh"

net='nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|@s'
few='--evaluations 192 --population 16 --seed 3'

# many PATTERN FILE: how often it is there
many()
{
	grep -o -e "$1" "$2" | wc -l
}

# same WANT GOT WHAT
same()
{
	checks=$((checks + 1))
	[ "$1" = "$2" ] || fail "$3: $2, not $1"
}

# page DIR FILE: the page agrees with front.json
page()
{
	local n shown volume
	n=$("$JSON_GET" front <"$1/front.json")
	shown=$((n < 12 ? n : 12))
	same "$n" "$(many "class='point'" "$2")" 'points of the front'
	same "$n" "$(many "<tr class='member'>" "$2")" 'rows of the front'
	same 1 "$(many "<tr class='begun'>" "$2")" 'rows of the base'
	same 1 "$(many "class='base'" "$2")" 'marks of the base'
	same "$shown" "$(many '<details>' "$2")" 'points told about'
	same $((3 + shown - $(many 'The network begun with, as it was' "$2"))) \
		"$(many '<svg' "$2")" 'pictures'
	same "$(many '<svg' "$2")" "$(many '</svg>' "$2")" 'ends of pictures'
	same 0 "$(many ' id=[^ ]*' "$2" | sort | uniq -d | wc -l)" 'ids that are there twice'
	same 0 "$(grep -v -e '^ viewBox' "$2" | grep -c -i -e '<script' -e '<img' -e '<link ' -e '@import')" \
		'things from elsewhere'
	same 0 "$(sed -e 's/xmlns\(:xlink\)\?=["'"'"'][^"'"'"']*["'"'"']//g' "$2" | grep -c 'https\?:')" \
		'addresses'
	same 0 "$(many '<?xml\|<!DOCTYPE svg' "$2")" 'prologs of pictures'
	# what the archive gives is what the search said
	volume=$(printf '%.6g' "$("$JSON_GET" hypervolume <"$1/front.json")")
	grep -q "hypervolume of the front: $volume in the end" "$2" || fail "hypervolume is not $volume"
	grep -q "networks in the front: $n in the end" "$2" || fail "the front has not grown to $n"
	if command -v xmllint >/dev/null; then
		xmllint --noout "$2" 2>errors || fail "$2 is not well-formed"
	fi
}

expect 0 search "$net" -o found $few --objectives acc,flops,cycles
expect 0 report found --json
is found/report.html output
is "$(wc -c <found/report.html)" bytes
is "$("$JSON_GET" front <found/front.json)" points
is 12 generations
page found found/report.html
grep -q 'sigma of nb201@s' found/report.html || fail 'the scale of the estimates is missing'
grep -q '>estimated accuracy' found/report.html || fail 'estimates are not called so'
grep -q '<ol class=.lineage.><li>segment [0-9]* replaced by s[0-9]*: network' found/report.html ||
	fail 'no lineage'
grep -q "class='reasons'" found/report.html || fail 'no reasons of refusal'
grep -q 'Measured' found/report.html && fail 'something is said to be measured'

# ---- the same again, and from elsewhere
mkdir elsewhere
expect 0 report found -o elsewhere/page.html
sed 's|\.\./found/||g' elsewhere/page.html | cmp - found/report.html || fail 'another page'
grep -q "href='\.\./found/front/001.onnx'" elsewhere/page.html || fail 'links lead astray'
mv found/report.html first.html
expect 0 report found
cmp first.html found/report.html || fail 'the page is another the second time'

# ---- limits that the base does not keep, a search that went on, one objective
expect 0 search "$net" -o small $few --objectives flops,acc --max-flops -4%
expect 0 report small
page small small/report.html
expect 0 search "$net" -o small ${few/192/224} --objectives flops,acc --max-flops -4%
expect 0 report small
grep -q '224 in 14 generations' small/report.html || fail 'the page is of the shorter search'
page small small/report.html
expect 0 search "$net" -o one $few --objectives params
expect 0 report one
page one one/report.html

# ---- names are text, whatever is in them; measured numbers stand apart
cp -r found odd
sed 's|"model":"[^"]*"|"model":"<script>\&\\u0022\x27"|' found/front.json >odd/front.json
id=$("$JSON_GET" front/0/id <found/front.json)
cat >odd/measured.json <<END
{"task":"<b>digits</b>","metric":"accuracy","unit":"%","seeds":[1,2],
 "base":{"values":[90.5,91.5],"mean":91,"deviation":0.707},
 "points":[{"id":$id,"acc_sigma":0.1,"values":[92,93],"mean":92.5,"deviation":0.5,"change":1.5},
  {"id":99999}, {}, 7]}
END
expect 0 report odd
page odd odd/report.html
grep -q '<h1>Search from &#60;script&#62;&#38;&#34;&#39;' odd/report.html || fail 'names are markup'
grep -q 'Measured by training' odd/report.html || fail 'measured.json is not there'
same 5 "$(many "<tr class='measured'>" odd/report.html)" 'measured rows'
grep -q '92.5 &#177; 0.5</td><td>+1.5</td><td class=.text.>92, 93<' odd/report.html ||
	fail 'what was measured is not there'
grep -q '&#60;b&#62;digits' odd/report.html || fail 'the task is markup'

# ---- what is no finished search
refuses 2 'missing: there is no such folder' report missing
mkdir empty
refuses 2 'empty: not the folder of a search' report empty
refuses 2 'report' report
cp -r found cut
head -c 700 found/front.json >cut/front.json
refuses 3 'cut/front.json' report cut
[ -e cut/report.html ] && cmp -s cut/report.html found/report.html || fail 'the page there was lost'
rm cut/front.json
refuses 2 'cut/front.json: is missing' report cut
sed 's/"last_id":192/"last_id":1920/' found/front.json >cut/front.json
refuses 3 'cut/archive.db' report cut
sed 's|front/001.onnx|../../secret|' found/front.json >cut/front.json
refuses 3 'cut/front.json' report cut
cp found/front.json cut/front.json
echo '{"task":' >cut/measured.json
refuses 3 'cut/measured.json' report cut
rm cut/measured.json cut/front/001.onnx
refuses 2 'cut/front/001.onnx' report cut
echo 'no database, whatever it is, but long enough' >cut/archive.db
refuses 3 'cut/archive.db' report cut
refuses 2 'nowhere/page.html' report found -o nowhere/page.html

# ---- a search that runs, with a front of before and without
for run in again anew; do
	[ $run = again ] && cp -r found again
	rm -f progress
	"$AUTOGO" search "$net" -o $run ${few/192/100000000} --objectives acc,flops,cycles \
		--threads 1 --progress >/dev/null 2>progress &
	for i in $(seq 1 300); do
		[ -s progress ] && break
		sleep 0.1
	done
	refuses 2 "$run/archive.db: a running search is using it" report $run
	kill $!
	wait $! 2>/dev/null
done

finish
