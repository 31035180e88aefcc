# The completions of bash, zsh and fish have what --help has, and bash, zsh and fish complete with them.
. "${srcdir:-.}/tests/cli/lib.sh"
bash_file=$top/man/bash/autogo zsh_file=$top/man/zsh/_autogo fish_file=$top/man/fish/autogo.fish

# ---- what bash completes: `reply WORD... LAST` leaves it in the file `reply`, a line each
bash -n "$bash_file" || fail 'bash -n'
. "$bash_file"
autogo() { "$AUTOGO" "$@"; }
reply()
{
	checks=$((checks + 1))
	COMP_WORDS=(autogo "$@")
	COMP_CWORD=$#
	_autogo
	printf '%s\n' "${COMPREPLY[@]}" >reply
}
# offers WORDS : LINE...: all of the words are offered
offers()
{
	local wanted=$1 w
	shift 2
	reply "$@"
	for w in $wanted; do
		grep -qxF -e "$w" reply || fail "autogo $*: '$w' is not offered, but $(tr '\n' ' ' <reply)"
	done
}
# only WORDS : LINE...: they and nothing else
only()
{
	local wanted=$1 got
	shift 2
	reply "$@"
	got=$(sort reply | tr '\n' ' ')
	[ "${got% }" = "$(printf '%s\n' $wanted | sort | tr '\n' ' ' | sed 's/ $//')" ] || fail "autogo $*: '${got% }' is offered, not '$wanted'"
}

mkdir models
: >model.onnx
: >labels.csv

only 'info' : inf
only 'segment search' : se
offers 'zoo:resnet50' : info ''
offers 'zoo:resnet50 model.onnx models' : ui ''
offers 'info zoo:resnet50 model.onnx models' : ''
only 'model.onnx models' : info mo
only 'resnet50 resnet101' : info zoo : resnet
only 'resnet50 resnet101' : zoo : resnet
offers 'resnet50 unet' : info zoo :
only 'zoo:resnet50 zoo:resnet101' : info zoo:resnet
only 'zoo:unet' : diff --json zoo:edsr zoo:un
only '' : diff zoo:edsr zoo:unet zoo:
only 'os32' : npu zoo:unet --preset o
only 'os32' : npu zoo:unet --preset = o
only 'os32' : npu zoo:unet -p o
only '--preset=os32' : npu zoo:unet --preset=o
only 'eyeriss' : candidates zoo:unet --preset e
only 'acc,flops' : search zoo:unet --objectives acc,fl
only 'flops' : search zoo:unet --objectives = fl
only 'nsga2 random' : search --scheme ''
only 'mixed flops cycles paid random' : search --sources ''
only 'classify sr denoise segment keypoints' : fit zoo:unet --task ''
only 'psc psc-1to1 gnn' : train --variant ''
only 'graph' : dump zoo:unet --stage = g
only 'Conv,Relu' : search --ops Conv,Rel
offers 'canonical reference model.onnx' : segment zoo:unet --vocab ''
only 'labels.csv' : eval --labels lab
only 'models' : report mod
only 'models' : search zoo:unet -o m
only '' : info zoo:unet --seed ''
only 'list show stats check add remove' : db ''
only 'model.onnx models' : db add mo
only 'model.onnx models' : db check --json mo
only 'import' : labels ''
only 'labels.csv' : labels import lab
only 'nb201' : label nb2
offers 'resnet50 nb201' : zoo ''
only 'sample=' : mine nb201 : s
only '--threads' : info zoo:unet --thr
expect 0 segment zoo:resnet101 --json
expect 0 db add zoo:resnet101 --nodes "$(json segments/1/nodes/0),$(json segments/1/nodes/1)" --json
is false known
only 'u1' : db remove ''
only 'u1' : db show u

# ---- all that --help lists, in all three
"$AUTOGO" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' >commands
[ "$(wc -l <commands)" -ge 20 ] || fail 'help lists no commands'
# the options of a command, a line each
options_of()
{
	"$AUTOGO" "$1" --help | sed -n 's/^  \(-.*\)/\1/p' | sed 's/   .*//' | grep -oE '(^|, )--?[a-z][a-z0-9-]*' |
		sed 's/^, //' | sort
}
while read -r c; do
	checks=$((checks + 1))
	offers "$c" : "$c"
	grep -q "^  '$c:" "$zsh_file" || fail "zsh lacks $c"
	grep -q -- "-n __autogo_first -a $c -d " "$fish_file" || fail "fish lacks $c"
	options_of "$c" >wanted
	[ "$(wc -l <wanted)" -ge 5 ] || fail "$c --help lists no options"
	reply "$c" -
	sort reply | cmp -s wanted - || fail "bash: the options of $c are $(tr '\n' ' ' <reply)"
	sed -n "/^_autogo_command_$c()/,/^}/s/^    '[^']*[)*]\(--*[a-z][a-z0-9-]*\)=*\[.*/\1/p" "$zsh_file" |
		sort | cmp -s wanted - || fail "zsh: the options of $c"
	grep "^complete -c autogo -n '__autogo_command $c' " "$fish_file" |
		sed "s/ -[rfad] .*//" | grep -oE -e ' -[ls] [a-z0-9-]+' |
		sed 's/ -l /--/; s/ -s /-/' | sort | cmp -s wanted - || fail "fish: the options of $c"
done <commands

# ---- the other shells, where they are
if command -v zsh >/dev/null; then
	checks=$((checks + 1))
	zsh -n "$zsh_file" 2>errors || fail 'zsh -n'
	zsh -f -c "fpath=('${zsh_file%/*}' \$fpath); autoload -Uz compinit; compinit -u -D
		[[ \$_comps[autogo] = _autogo ]]" 2>errors || fail 'zsh does not find _autogo'
else
	echo 'SKIP zsh: not installed'
fi
if command -v fish >/dev/null; then
	fish -n "$fish_file" 2>errors || fail 'fish -n'
	# fished WORDS : LINE
	fished()
	{
		local got
		checks=$((checks + 1))
		got=$(HOME=$work fish --no-config -c "source '$fish_file'; complete -C '$3'" 2>errors |
			cut -f1 | tr '\n' ' ')
		[ "${got% }" = "$1" ] || fail "fish: '$3' gives '${got% }', not '$1'"
	}
	fished 'info' : 'autogo inf'
	fished 'zoo:unet' : 'autogo info zoo:u'
	fished '--preset=os32' : 'autogo npu zoo:unet --preset=os'
	fished 'os32' : 'autogo npu --json zoo:unet -p os'
	fished 'acc,flops' : 'autogo search zoo:unet --objectives acc,fl'
	fished 'add' : 'autogo db a'
	fished 'zoo:unet' : 'autogo db --top 3 add zoo:un'
	fished '--measure-every --measure-seeds --measure-top' : 'autogo search --measure'
	fished 'model.onnx models/' : 'autogo info mod'
else
	echo 'SKIP fish: not installed'
fi
finish
