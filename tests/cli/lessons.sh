# Lessons: the three of examples/ run from beginning to end, and what they claim is what the program
# says (their #= lines); what a lesson may not be is refused with file and line before anything runs.
. "${srcdir:-.}/tests/cli/lib.sh"
cp -r "$srcdir/examples" . && chmod -R u+w examples

for l in examples/lesson-*.ag; do
	expect 0 run --echo "$l" || continue
	cp out said
	[ ! -s errors ] || fail "$l: stderr is not empty"
	# every text and question is told, the right answer is marked and explained
	sed -n 's/^#: //p; s/^#? /? /p; s/^#+ .* | //p' "$l" >told
	[ "$(wc -l <told)" -ge 30 ] || fail "$l teaches little"
	while IFS= read -r line; do
		grep -qxF -e "$line" said || fail "$l does not tell: $line"
	done <told
	questions=$(grep -c '^#?' "$l") right=$(grep -c '^\* [1-5]  ' said)
	[ "$questions" = "$right" ] || fail "$l: $questions questions, $right right answers"
	[ "$questions" -ge 4 ] || fail "$l asks little"
	[ "$(grep -c '^#=' "$l")" -ge 7 ] || fail "$l is hardly checked"
	stops=$(grep -c '^#[-?]' "$l")
	[ "$stops" -ge 15 ] && [ "$stops" -le 26 ] || fail "$l has $stops steps"
	commands=$(grep -c '^[a-z]' "$l") ran=$(grep -c '^> ' said)
	[ "$commands" = "$ran" ] || fail "$l: $ran of $commands commands ran"
	# as a plain list of commands it does the same: the lines of a lesson are comments
	expect 0 run --json "$l"
	is true ok
	is "$(wc -l <"$l")" lines
done
[ "$checks" -ge 9 ] || fail 'a lesson is missing'
[ -e /usr/share/datasets/fashion-mnist ] ||
	echo 'SKIP: the training of lesson 3, no Fashion-MNIST here (package dataset-fashion-mnist)'

# ---- what a command says
printf 'open zoo:fsrcnn-3\n#= 12345 nodes\n' >x.ag
expect 1 run x.ag
grep -q "^autogo: x.ag: line 2: the command before does not say '12345 nodes'" errors ||
	fail 'an expectation that is not met'
printf '#!/usr/bin/autogo run\n# a comment\n#-----\n#x\topen nothing\n#: one\n#: two\n\n#: three\n' >x.ag
refuses 2 'x.ag: line 4: an answer without a question' run x.ag
sed -i 4d x.ag
expect 0 run x.ag
printf '\none\ntwo\n\nthree\n' | cmp -s - out || fail 'texts of a lesson'
printf '#? Why?\r\n#x no | not so\r\n#+ yes | so it is\r\n' >x.ag
expect 0 run x.ag
printf '\n? Why?\n  1  no\n* 2  yes\nso it is\n' | cmp -s - out || fail 'a question of a lesson'

# ---- what is no lesson: nothing of it runs
# bad LINE PATTERN TEXT: behind a command
bad()
{
	{ printf 'open zoo:fsrcnn-3\n'; printf "$3"; } >bad.ag
	refuses 2 "^autogo: bad.ag: line $1: .*$2" run bad.ag
}
long=$(printf '%0241d' 0)
bad 2 'without a text' '#:\n'
bad 2 'without a question' '#?\ninfo\n'
bad 2 'takes no text' '#- then\n'
bad 2 'without a text' '#=  \n'
bad 2 'less than two answers' '#? a\n#+ b | c\ninfo\n'
bad 2 'less than two answers' '#? a\n'
bad 2 'no right answer' '#? a\n#x b | c\n#x d | e\n#-\n'
bad 2 'more than one right' '#? a\n#+ b | c\n#+ d | e\n'
bad 3 'explanation' '#? a\n#+ b\n'
bad 3 'must have a text' '#? a\n#+ | b\n'
bad 3 'less than two\|without a question' 'info\n#+ c | d\n'
bad 8 'at most 5' '#? a\n#+ a | a\n#x b | b\n#x c | c\n#x d | d\n#x e | e\n#x f | f\n'
bad 2 'more than 240' "#? $long\n"
bad 4 'more than 600' "#: $long\n#: $long\n#: $long\n"
bad 3 'at most 72' "#? a\n#+ $long | b\n"
bad 2 'cannot be shown' '#: a\033[2Jb\n'
bad 2 'cannot be shown' '#: \377\n'
printf '#= nothing ran\n' >bad.ag
refuses 2 'bad.ag: line 1: #= without a command' run bad.ag
printf 'info\0\n' >bad.ag
refuses 2 'bad.ag: is not a text file' run bad.ag
finish
