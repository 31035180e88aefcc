#!/bin/bash
# A long walk through all views in a real terminal (tmux), by keys, commands, the mouse and changes of
# size, chosen by a fixed seed. After each step the terminal's screen is compared, cell by cell, with
# what the workbench believes to be on it. AUTOGO_HEAVY=1: 300 steps, else 60. Under a sanitizer the
# workbench's own report is part of the result.
set -u
: "${AUTOGO:=./autogo}"
command -v tmux >/dev/null || { echo "skipped: tmux is not installed"; exit 77; }
AUTOGO=$(realpath "$AUTOGO")
steps=60
[ -n "${AUTOGO_HEAVY:-}" ] && steps=300
work=$(mktemp -d)
export XDG_STATE_HOME=$work/state XDG_DATA_HOME=$work/data XDG_CONFIG_HOME=$work HOME=$work LC_ALL=C.UTF-8
t() { tmux -S "$work/tmux" -f /dev/null "$@"; }
trap 't kill-server 2>/dev/null; cd /; rm -rf "$work"' EXIT
cd "$work" || exit 99
mkdir autogo
printf 'set mouse on\nbind F9 save-display %s/believed\n' "$work" >autogo/config
printf 'open zoo:fsrcnn-3\nsegment 1\n#: A text to be read.\n#-\ncandidates 3\n' >lesson.ag

screen() { t capture-pane -p 2>/dev/null; }
title() { screen | head -1 | sed 's/ *$//; s/.* //'; }
die()
{
	echo "FAIL: step $step ($what): $1"
	screen
	cat errors 2>/dev/null | head -40
	exit 1
}

# free: ends what keeps keys from the view: no line is being typed, no question open, no lesson on
free()
{
	case $(screen | tail -1) in
	:* | /*) t send-keys Escape ;;
	*'(y/n)'*) t send-keys n ;;
	*'Esc end'*) t send-keys Escape ;;
	esac
}

# compare: believed and shown agree but for the message line, within some seconds
compare()
{
	local i
	for ((i = 0; i < 60; i++)); do
		free # what is being typed gets no keys of its own
		rm -f believed
		t send-keys F9
		for ((k = 0; k < 50; k++)); do
			[ -s believed ] && break
			sleep 0.02
		done
		[ -s believed ] || { t list-panes -F '#{pane_dead}' | grep -q 1 && die 'the workbench ended'; continue; }
		h=$(wc -l <believed)
		sleep 0.05
		# line h-1 has the message of the dump itself
		screen | sed "$((h - 1))d" >shown
		sed "$((h - 1))d" believed >wanted
		cmp -s shown wanted && return
		sleep 0.1
	done
	diff wanted shown | head -20
	die 'the screen is not what the workbench believes'
}

click() # BUTTON COLUMN ROW
{
	t send-keys -l "$(printf '\033[<%d;%d;%dM\033[<%d;%d;%dm' "$1" "$2" "$3" "$1" "$2" "$3")"
}

keys=(j k j k Down Up Down PgDn PgUp G g Enter Enter Tab Tab z Z F t v V s S n N J K H L Left Right = c a y w d M
	b m x r u C-r h i f '?' + - 1 C-l C-n C-p C-t)
commands=('open zoo:fsrcnn-3' 'open zoo:resnet50' 'segment 3' 'segment 2' 'heat FLOPs' 'heat off' 'set theme light'
	'set theme default' 'set ascii on' 'set ascii off' 'stats' 'fields' 'info' 'history' 'tab zoo:unet'
	'filter conv' 'filter' 'batch by dflops in 3 dflops<0' 'diff' 'name walk' 'note a word' 'play lesson.ag'
	'search' 'graph' 'nodes' 'edit no_such_node kernel=3' 'no such command' 'candidates' 'undo' 'redo')

RANDOM=42
what=start step=0
t new-session -d -x 100 -y 30 "AUTOGO_WALK=1 TERM=xterm-256color '$AUTOGO' ui zoo:resnet50 2>errors; echo \"exit \$?\"; sleep 600" || exit 99
t set-option -g remain-on-exit on
for ((i = 0; i < 200; i++)); do
	screen | head -1 | grep -q segments && break
	sleep 0.1
done
: >seen
for ((step = 1; step <= steps; step++)); do
	now=$(title)
	echo "$now" >>seen
	[ -n "${AUTOGO_WALK_TRACE:-}" ] && echo "$step $now: after $what"
	r=$((RANDOM % 100))
	if [ $r -lt 8 ]; then
		w=$((40 + RANDOM % 161)) h=$((10 + RANDOM % 51)) what="size ${w}x$h"
		t resize-window -x $w -y $h
	elif [ $r -lt 18 ]; then
		what="click ${now}"
		click $((RANDOM % 4 == 0 ? 64 + RANDOM % 2 : 0)) $((1 + RANDOM % 100)) $((1 + RANDOM % 30))
	elif [ $r -lt 32 ]; then
		what=":${commands[RANDOM % ${#commands[@]}]}"
		free
		sleep 0.1
		t send-keys -l "$what"
		t send-keys Enter
	elif [ $r -lt 45 ] && [ "$now" != models ] && [ "$now" != segments ]; then
		what="q in $now"
		free
		t send-keys q
	else
		what=${keys[RANDOM % ${#keys[@]}]}
		# training would take longer than the walk
		[ "$now" = fit ] && [ "$what" = s ] && what=k
		t send-keys "$what"
	fi
	compare
done
what=end
t resize-window -x 100 -y 30
sleep 0.3
free
sleep 0.2
t send-keys -l ':quit'
t send-keys Enter
for ((i = 0; i < 300; i++)); do
	screen | grep -q '^exit ' && break
	sleep 0.1
done
screen | grep -q '^exit 0' || die 'it does not end well'
[ ! -s errors ] || die 'it complains'
echo "$steps steps, views: $(sort seen | uniq -c | sort -rn | awk '{printf "%s %s, ", $2, $1}')"
