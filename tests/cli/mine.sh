# mine: the same files each time, interrupted or not; what cannot be mined; merging; weights.
. "${srcdir:-.}/tests/cli/lib.sh"
set -m # without job control a shell starts its background jobs deaf to SIGINT

# alone NAME...: beside the tests' own files there are only these
alone()
{
	local name left
	left=$(ls | grep -v '^\(out\|errors\|state\|data\|json.err\)$' | tr '\n' ' ')
	name=$(printf '%s\n' "$@" | LC_ALL=C sort | tr '\n' ' ')
	[ "$left" = "$name" ] || fail "the folder has $left, not $name"
}

# ---- twice the same ----
mkdir a
cd a || exit 99
expect 0 mine zoo:fsrcnn-3 hiaml@s:sample=10 --seed 3 --merges 100 -o a.db --json
for k in schema networks vocab tokens merges segments seconds output vocab_file resumed_at; do
	has $k
done
is 11 networks
is 0 resumed_at
is a.db output
is vocab.json vocab_file
segments=$(json segments)
[ "$segments" -gt 20 ] || fail "only $segments segments"
[ "$(json merges)" -le 100 ] || fail 'more merges than asked for'
expect 0 mine zoo:fsrcnn-3 hiaml@s:sample=10 --seed 3 --merges 100 -o b.db --vocab b.json
cmp a.db b.db || fail 'the same sources give another database'
cmp vocab.json b.json || fail 'the same sources give another vocabulary'
grep -q "b.db: $segments segments" out || fail 'the text lacks the segments'
expect 0 mine zoo:fsrcnn-3 hiaml@s:sample=10 --seed 4 --merges 100 -o c.db --vocab c.json
cmp -s a.db c.db && fail 'the seed changes nothing'
alone a.db b.db b.json c.db c.json vocab.json

# ---- sources ----
mkdir -p nets/deep/er
"$AUTOGO" convert zoo:fsrcnn-3 -o nets/b.onnx >/dev/null
"$AUTOGO" convert zoo:fsrcnn -o nets/deep/a.onnx >/dev/null
"$AUTOGO" convert zoo:vgg16-gap -o nets/deep/er/z.json >/dev/null
echo 'no network' >nets/readme.txt
ln -s .. nets/deep/up
printf '# a list\n\n  nets   # the folder\nhiaml@s:sample=2\r\n@inner\n' >list
printf 'zoo:fsrcnn-4' >inner
expect 0 mine @list --merges 20 -o l.db --vocab l.json --json
is 6 networks
expect 0 mine nets/b.onnx nets/deep/a.onnx nets/deep/er/z.json --merges 20 -o l1.db --vocab l1.json
expect 0 mine nets/ --merges 20 -o l2.db --vocab l2.json
cmp l1.json l2.json || fail 'a folder is not its files in order'
refuses 2 "no family 'nosuch'" mine 'nosuch:*' -o x.db
refuses 2 "no family 'nosuch'" mine nosuch:sample=3 -o x.db
refuses 2 "no family 'nosuch'" mine nosuch:text -o x.db
refuses 2 'inception has too many' mine 'inception:*' -o x.db
refuses 2 'nb201 has only 4096' mine nb201:sample=4097 -o x.db
refuses 2 'not a number' mine nb201:sample=x -o x.db
refuses 2 'position 8: ' mine 'zoo:fsrcnn-3' 'nb201:|skip_x~0|' --merges 5 -o x.db
printf 'zoo:fsrcnn\n\nnosuch:*\n' >inner
refuses 2 'inner: line 3: ' mine @list -o x.db
printf '@list\n' >inner
refuses 2 'too deep' mine @list -o x.db
refuses 2 'gone' mine @gone -o x.db
refuses 2 'gone.onnx' mine gone.onnx -o x.db
mkdir empty
refuses 2 'no .onnx or .json' mine empty -o x.db
printf 'zoo:fsrcnn\n' >empty/cut.json
refuses 3 'empty/cut.json' mine empty -o x.db
refuses 2 'one file' mine zoo:fsrcnn -o x.db --vocab x.db
refuses 2 'whole number' mine zoo:fsrcnn -o x.db --max-piece 1
[ ! -e x.db ] || fail 'a refused mine left a database'
[ ! -e x.db.part ] || fail 'a refused mine left a state'
cd ..

# ---- interrupted in either pass, then gone on with ----
mkdir i
cd i || exit 99
"$AUTOGO" convert zoo:fsrcnn -o net.onnx >/dev/null
mkfifo pipe.onnx
sources='hiaml@s:sample=12 pipe.onnx twopath@s:sample=5'
options='--merges 80 --seed 1'
# A pipe is opened when its turn comes: whoever writes to it knows how far the program is. The next
# reader gets a new pipe, so that it cannot be given the end of this one.
feed()
{
	timeout 30 sh -c 'exec 8>pipe.onnx && mkfifo next && mv next pipe.onnx && cat net.onnx >&8'
}
# a source whose time has changed is another source
same_time() { touch -d @0 pipe.onnx; }
(feed; feed) &
expect 0 mine $sources $options -o whole.db --vocab whole.json
wait
for turn in 1 2; do
	rm -f db* v.json
	checks=$((checks + 1))
	same_time
	"$AUTOGO" mine $sources $options -o db --vocab v.json >out 2>errors </dev/null &
	pid=$!
	[ $turn = 2 ] && feed
	(sleep 30 && cat pipe.onnx >/dev/null) & # if the program never does
	guard=$!
	exec 9>pipe.onnx # waits until it is read
	kill -INT $pid
	exec 9>&-
	wait $pid
	[ $? = 130 ] || fail "interrupted in turn $turn: not exit 130"
	kill -- -$guard
	wait $guard 2>/dev/null
	grep -q '^autogo: interrupted; the same command goes on' errors || fail 'no way on is told'
	[ -s db.part ] || fail 'no state is saved'
	[ ! -e db ] || fail 'half a database'
	[ ! -e v.json ] || fail 'half a vocabulary'
	# another set of sources does not go on from there, and a damaged state is not believed
	if [ $turn = 1 ]; then
		cp db.part saved
		expect 0 mine zoo:fsrcnn --merges 10 -o db --vocab v.json --json
		is 0 resumed_at
		[ ! -e db.part ] || fail 'a finished run left its state'
		head -c $(($(wc -c <saved) / 2)) saved >db.part
		same_time
		(feed; feed) &
		expect 0 mine $sources $options -o db --vocab v.json --json
		wait
		is 0 resumed_at
		cmp db whole.db || fail 'a damaged state changes the result'
		cp saved db.part
	fi
	same_time
	if [ $turn = 1 ]; then (feed; feed) & else feed & fi
	expect 0 mine $sources $options -o db --vocab v.json --json
	wait
	is $((turn * 18 - 6)) resumed_at
	grep -q "^autogo: resumed at $((turn * 18 - 6)) of 36\$" errors || fail 'resuming is not told'
	cmp db whole.db || fail "interrupted in turn $turn: another database"
	cmp v.json whole.json || fail "interrupted in turn $turn: another vocabulary"
	[ ! -e db.part ] || fail 'the state is left'
done
cd ..

# ---- a disk that is full ----
mkdir f
cd f || exit 99
expect 0 mine zoo:fsrcnn-3 --merges 10 -o db --vocab v.json
cp db old.db
cp v.json old.json
# (in units of 1024 bytes) room for the vocabulary, not for the database
for room in 1 16; do
	checks=$((checks + 1))
	(ulimit -f $room; "$AUTOGO" mine hiaml@s:sample=40 --merges 200 -o db --vocab v.json) \
		>out 2>errors </dev/null
	[ $? = 2 ] || fail "no room for $room KiB is not exit 2"
	grep -q '^autogo: .*\(db\|v.json\).*: ' errors || fail 'the file without room is not named'
	cmp db old.db || fail 'the old database is gone'
	cmp v.json old.json || fail 'the old vocabulary is gone'
	alone db old.db old.json v.json
done
cd ..

# ---- weights ----
mkdir w
cd w || exit 99
"$AUTOGO" zoo nb201@s --sample 12 --seed 5 -o nets >/dev/null
# the index of samples, with a score: the later the better
awk -F, 'NR == 1 { print $0 ",acc" } NR > 1 { print $0 "," NR / 2 }' nets/index.csv >labels.csv
src='nb201@s:sample=12 zoo:fsrcnn-3'
expect 0 mine $src --seed 5 --merges 40 -o p.db --vocab p.json
expect 0 mine $src --seed 5 --merges 40 -o w.db --vocab w.json --labels labels.csv --json
is 12 labelled
is 13 networks
cmp -s p.json w.json && fail 'weights change nothing'
expect 0 mine $src --seed 5 --merges 40 -o w2.db --vocab w2.json --labels labels.csv
cmp w.json w2.json || fail 'weighted mining is not repeatable'
grep -q '12 of 13 networks have a score' out || fail 'it is not told how many have a score'
# tables leave out the family; quotes, CR LF, empty scores and repetitions are read
cell='|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|nor_conv_3x3~1|skip_connect~2|'
printf '%s\r\n' 'note,arch,"a ""b"""' '"x,' "y\",$cell,91.5" '' ',4|110101|co,' \
	',"zoo:fsrcnn",3' ',zoo:fsrcnn,4' >t.csv
src="nb201:$cell nb101:4|110101|c3,c1 zoo:fsrcnn"
expect 0 mine $src --merges 5 -o t.db --vocab t.json --labels t.csv --score 'a "b"' --json
is 2 labelled
sed -i 's/|co,/|co,7/' t.csv
expect 0 mine $src --merges 5 -o t.db --vocab t.json --labels t.csv --score 'a "b"' --json
is 3 labelled
refuses 2 "t.csv: there is no column 'acc'" mine $src -o x.db --labels t.csv
printf 'arch,acc\n%s,good\n' "$cell" >bad.csv
refuses 2 'bad.csv: line 2: .*no number' mine $src -o x.db --labels bad.csv
printf 'arch,acc\n\nx\n' >bad.csv
refuses 2 'bad.csv: line 3: .*too few' mine $src -o x.db --labels bad.csv
printf 'arch,acc\nzoo:unet,3\n' >bad.csv
refuses 2 'bad.csv: .*none of the 3' mine $src -o x.db --labels bad.csv
: >bad.csv
refuses 2 'bad.csv: .*header' mine $src -o x.db --labels bad.csv
refuses 2 'gone.csv' mine $src -o x.db --labels gone.csv
refuses 2 '--labels' mine $src -o x.db --score acc
[ ! -e x.db ] || fail 'bad labels left a database'
cd ..

# ---- merging, and what is no database ----
mkdir m
cd m || exit 99
"$AUTOGO" mine zoo:fsrcnn-3 zoo:edsr-body --merges 20 -o a.db --vocab a.json >/dev/null
"$AUTOGO" mine hiaml@s:sample=4 --merges 20 -o b.db --vocab b.json >/dev/null
seen()
{
	expect 0 db stats --segments "$1" --json
	json databases/0/segments
	json databases/0/occurrences
}
{ read -r sa; read -r oa; } < <(seen a.db)
{ read -r sb; read -r ob; } < <(seen b.db)
expect 0 mine --merge a.db b.db -o c.db --json
is c.db output
is 2 merged
{ read -r sc; read -r oc; } < <(seen c.db)
[ "$oc" = $((oa + ob)) ] || fail "$oa and $ob occurrences became $oc"
[ "$sc" -ge "$sa" ] && [ "$sc" -le $((sa + sb)) ] || fail "$sa and $sb segments became $sc"
expect 0 mine --merge a.db a.db -o d.db
{ read -r sd; read -r od; } < <(seen d.db)
[ "$sd $od" = "$sa $((2 * oa))" ] || fail 'a database merged with itself'
expect 0 db check c.db
expect 0 mine --merge c.db b.db -o c.db # over one of them
refuses 2 'without --vocab' mine --merge a.db -o x.db --vocab v.json
refuses 2 'gone.db' mine --merge a.db gone.db -o x.db

echo 'this is no database' >text.db
head -c 3000 a.db >cut.db
cp a.db newer.db # the version is at byte 60 of the file
printf '\377' | dd of=newer.db bs=1 seek=63 conv=notrunc 2>/dev/null
cp a.db other.db # another program's
printf 'XXXX' | dd of=other.db bs=1 seek=68 conv=notrunc 2>/dev/null
: >empty.db
for bad in text cut newer other empty; do
	cp $bad.db before
	refuses 3 $bad.db mine --merge a.db $bad.db -o x.db
	refuses 3 $bad.db db list --segments $bad.db
	refuses 3 $bad.db db stats --segments $bad.db
	refuses 3 $bad.db db check $bad.db
	refuses 3 $bad.db db add zoo:fsrcnn-3 --segment 2 --segments $bad.db --vocab a.json
	refuses 3 $bad.db db remove s1 --segments $bad.db
	cmp $bad.db before || fail "$bad.db was changed"
done
refuses 3 'newer than' db list --segments newer.db
[ ! -e x.db ] || fail 'a refused merge left a database'
alone a.db a.json b.db b.json before c.db cut.db d.db empty.db newer.db other.db text.db
cd ..
finish
