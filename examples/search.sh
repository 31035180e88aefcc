#!/bin/sh
# The autopilot on real networks, one command each.
#
#     sh examples/search.sh AUTOGO FOLDER [NAME...]
#
# searches from all networks below, or from those named; each leaves its archive, front.json, the
# networks of the front and report.html in FOLDER/NAME, and prints what examples/search/NAME.txt has
# of an earlier run. Families of architecture strings begin with the best network of their table
# (segments/labels) and train those with the best estimates, three times each.
set -eu
autogo=$1 out=$2
shift 2
tables=$(dirname "$0")/../segments/labels
mkdir -p "$out"

search() # NAME MODEL OPTIONS...
{
	name=$1 model=$2
	shift 2
	"$autogo" search "$model" -o "$out/$name" --seed 1 "$@" >"$out/$name.txt"
	"$autogo" report "$out/$name" >>"$out/$name.txt"
	cat "$out/$name.txt"
}

# The arch column is quoted: it may hold commas.
best() # FAMILY
{
	sed 1d "$tables/$1.csv" | sed 's/^"\([^"]*\)",/\1\t/' | awk -F '\t' '
		{ split($2, v, ","); if (v[3] > most) { most = v[3]; arch = $1 } } END { print arch }'
}

family() # FAMILY IMAGES RATE MEASURED: as label trains it
{
	search "$1" "$(best "$1")" --evaluations 5000 --objectives acc,flops --max-flops +10% \
		--threads 1 --measure-top "$4" --measure-seeds 3 --batch 32 --images "$2" --lr "$3"
}

scenario() # NAME
{
	case $1 in
	vgg16) # its networks are large files
		search vgg16 zoo:vgg16 --evaluations 10000 --objectives acc,flops --population 32 ;;
	resnet50 | resnet101 | mobilenetv2)
		search "$1" "zoo:$1" --evaluations 10000 --objectives acc,flops,params ;;
	edsr | fsrcnn)
		search "$1" "zoo:$1" --evaluations 10000 --objectives acc,cycles,energy --preset phone ;;
	unet) # as the paper's last table: fewer cycles and less power, at what quality?
		search unet zoo:unet --seed 2 --evaluations 640 --population 32 \
			--objectives acc,cycles,energy --preset phone --max-cycles -15% --max-energy -5% \
			--freeze 5 --no-ops MaxPool,AveragePool --threads 1 --task denoise --epochs 1 \
			--images 1000 --test-images 300 --measure-top 8 --measure-seeds 3 ;;
	hiaml | twopath) family "$1" 10000 .01 5 ;;
	nb101) family "$1" 10000 .01 15 ;;
	inception) family "$1" 5000 .02 5 ;;
	nb201) family "$1" 5000 .02 12 ;;
	*)
		echo "search.sh: no scenario '$1'" >&2
		exit 2
		;;
	esac
}

[ $# -gt 0 ] || set -- resnet50 resnet101 vgg16 mobilenetv2 edsr fsrcnn unet hiaml twopath nb101 nb201 inception
for name; do
	scenario "$name"
done
