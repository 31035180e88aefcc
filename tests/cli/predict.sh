# labels, train, eval, predict: from a published table to an estimate.
. "${srcdir:-.}/tests/cli/lib.sh"

net='nb201:|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_3x3~2|'

# a published table: 60 cells with accuracies in per cent that follow a rule, two of them the same
{
	echo 'arch,index,twin,val,test'
	i=0
	for a in none skip_connect nor_conv_1x1 nor_conv_3x3 avg_pool_3x3; do
		for b in skip_connect nor_conv_1x1 nor_conv_3x3 avg_pool_3x3; do
			for c in nor_conv_1x1 nor_conv_3x3 skip_connect; do
				acc=60
				[ $a = nor_conv_3x3 ] && acc=$((acc + 10))
				[ $b = nor_conv_3x3 ] && acc=$((acc + 8))
				[ $c = nor_conv_3x3 ] && acc=$((acc + 6))
				[ $b = avg_pool_3x3 ] && acc=$((acc - 5))
				echo "|$c~0|+|$a~0|$b~1|+|$b~0|$a~1|$c~2|,$i,$((i / 2)),$acc.5,"
				i=$((i + 1))
			done
		done
	done
} >published.csv
gzip -k published.csv
expect 0 labels import published.csv.gz --column val --percent --group twin -o table.csv --json
is 60 rows
is 0 left_out
[ "$(wc -l <table.csv)" = 61 ] || fail 'rows of the table'
grep -q '^"nb201:|nor_conv_1x1~0|+|none~0|.*",0\.[0-9]*,0$' table.csv || fail 'how a row is written'
refuses 2 percent labels import published.csv --column val -o no.csv
refuses 2 'what' labels import published.csv --column what --percent -o no.csv
refuses 2 'no architecture' labels import published.csv --column test --percent -o no.csv
refuses 2 '' labels export published.csv -o no.csv
[ ! -e no.csv ] || fail 'a table after an error'

# learning, from the table alone
expect 0 train -l table.csv -o p.bin --members 2 --steps 40 --threads 2 --json
is 60 families/nb201
has seconds output
grep -q '^labels of nb201: 60 networks, table.csv, hash ' p.bin.manifest || fail 'the manifest'
cp p.bin first.bin
expect 0 train -l table.csv -o p.bin --members 2 --steps 40 --threads 1
cmp -s p.bin first.bin || fail 'the number of threads changes what is learnt'
refuses 2 'already' train -l table.csv -l table.csv -o p.bin --steps 5
head -12 table.csv >few.csv
refuses 2 '20 are needed' train -l few.csv -o few.bin
refuses 2 '' train -l missing.csv -o few.bin
refuses 2 '' train -l table.csv -o missing/p.bin --steps 5
refuses 2 '' train -o p.bin
[ ! -e few.bin ] || fail 'a predictor after an error'

# estimates
expect 0 predict "$net" --predictor p.bin --json
is nb201 family
has acc low high in_distribution distance sigma
low=$(json low) acc=$(json acc) high=$(json high)
[ "$(json in_distribution)" = false ] ||
	awk "BEGIN { exit !($low <= $acc && $acc <= $high) }" || fail 'the interval'
expect 0 predict zoo:vgg16-gap --predictor p.bin --json
is false in_distribution
is null acc
expect 0 predict zoo:vgg16-gap --predictor p.bin
grep -q 'unknown: out of distribution' out || fail 'an unknown network has an estimate'
refuses 2 'hiaml' predict "$net" --predictor p.bin --family hiaml
head -c 5000 p.bin >cut.bin
refuses 3 'cut.bin' predict "$net" --predictor cut.bin
refuses 3 'not a predictor' predict "$net" --predictor table.csv
refuses 2 '' predict "$net" --predictor missing.bin

# how good it is
expect 0 eval -l table.csv --seeds 2 --members 2 --steps 60 --table1 --json
is 2 seeds
is 60 families/nb201/n
has families/nb201/srcc_psc families/nb201/srcc_psc_1to1 families/nb201/srcc_gnn \
	families/nb201/kendall_psc families/nb201/delta_srcc families/nb201/delta_sign_accuracy \
	families/nb201/coverage
expect 0 eval -l table.csv --seeds 1 --members 2 --steps 10 --variant gnn --reference
grep -q '^nb201  *gnn ' out || fail 'the table of results'
# a table beside, of another family, is learnt from and not told about
{
	echo 'arch,acc'
	for i in src1 src3 r30 j30 a22 b23; do
		for k in src1 src3 r30 j30 a22; do
			echo "\"hiaml:$i,$k,src1,r30@s\",0.$((50 + ${#i} + ${#k}))"
		done
	done
} >beside.csv
expect 0 eval -l table.csv --beside beside.csv --seeds 1 --members 2 --steps 10 --learn 0.5 --json
has families/nb201/srcc_psc
json families/hiaml@s 2>/dev/null >/dev/null && fail 'the table beside is told about'
refuses 2 'already' eval -l table.csv --beside table.csv
refuses 2 'gnn' eval -l table.csv --variant cnn
refuses 2 '' eval -l table.csv --test 2

finish
