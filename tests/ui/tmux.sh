#!/bin/bash
# The main job in a real terminal (tmux): open ResNet-50, walk the segments, choose a candidate, see
# its repair and before against after, apply, undo, apply another, export, quit; then the files.
set -u
: "${AUTOGO:=./autogo}"
if ! command -v tmux >/dev/null; then
	echo "skipped: tmux is not installed"
	exit 77
fi
AUTOGO=$(realpath "$AUTOGO")
work=$(mktemp -d)
export XDG_STATE_HOME=$work/state HOME=$work LC_ALL=C.UTF-8
socket=$work/tmux
t()
{
	tmux -S "$socket" -f /dev/null "$@"
}
finish()
{
	t kill-server 2>/dev/null
	cd /
	rm -rf "$work"
}
trap finish EXIT
cd "$work" || exit 99

screen()
{
	t capture-pane -p
}
# see TEXT: within 15 s it is on the screen
see()
{
	local i
	for ((i = 0; i < 150; i++)); do
		screen | grep -qF -e "$1" && return 0
		sleep 0.1
	done
	echo "FAIL: '$1' never came:"
	screen
	exit 1
}
# idle: no job is shown at work
idle()
{
	local i
	for ((i = 0; i < 150; i++)); do
		screen | head -1 | grep -qE 'working|[0-9]/[0-9]' || return 0
		sleep 0.1
	done
	echo "FAIL: a job never ended:"
	screen
	exit 1
}
keys()
{
	t send-keys "$@"
}

t new-session -d -x 100 -y 30 "'$AUTOGO' ui; echo \"exit \$?\"; sleep 60" || exit 99
see "zoo:resnet50"
keys Enter
see "segments"
keys j j j Down Up
see " 3  Conv1x1"
keys Enter
see "segment 3 "
idle
see " fit, "
keys j Enter
see "for segment 3"
keys Enter
see "before"
see "removed"
keys a
see "applied as version 1"
keys h
see "replace 3 "
keys q u
see "at version 0"
keys G k k Enter
see "candidates"
idle
see " fit, "
keys a
see "applied as version 2"
keys :
keys -l "export net.onnx"
keys Enter
see "net.onnx: written"
keys Q
see "exit 0"
[ -s net.onnx ] || { echo "FAIL: no net.onnx"; exit 1; }
"$AUTOGO" verify net.onnx >verify.txt 2>&1 || { echo "FAIL: verify:"; cat verify.txt; exit 1; }
journal=$(echo "$XDG_STATE_HOME"/autogo/sessions/*.journal)
for word in "replace 3 " undo "replace 1"; do
	grep -q "$word" "$journal" || { echo "FAIL: no '$word' in the journal:"; cat "$journal"; exit 1; }
done
# what was left by quit can be gone on with
t respawn-pane -k "'$AUTOGO' ui zoo:resnet50; echo \"exit \$?\"; sleep 60"
see "go on where you were? (y/n)"
keys y
see "gone on: version 2"
keys Q
see "exit 0"
echo "a walk of the main job in tmux: ok"
