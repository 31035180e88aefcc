# npu: presets, totals, the roofline, candidates' cycles.
src=$(cd "${srcdir:-.}" && pwd)
. "$src/tests/cli/lib.sh"

expect 0 npu zoo:mobilenetv2 --json
is '32x32 output stationary' preset
has cycles utilisation sram_bytes dram_bytes energy_uj power_mw layers/0/node layers/0/cycles
is false incomplete
cycles=$(json cycles)
expect 0 npu zoo:mobilenetv2 --preset tpu -o roof.svg --json
is roof.svg output
grep -q '</svg>' roof.svg || fail 'the picture'
[ "$(json cycles)" -lt "$cycles" ] || fail 'the TPU is slower'
expect 0 npu zoo:mobilenetv2
grep -q '^32x32 output stationary: .* cycles' out || fail 'the last lines'
refuses 2 'nothing.npu' npu zoo:mobilenetv2 --preset nothing
refuses 2 '.svg' npu zoo:mobilenetv2 -o roof.png
refuses 2 'missing/roof.svg' npu zoo:mobilenetv2 -o missing/roof.svg
[ ! -e roof.png ] || fail 'a picture after an error'

# the example: one segment of each of three networks, fewer cycles
sh "$src/examples/accelerator.sh" "$AUTOGO" acc >acc.out || fail 'the example'
[ "$(grep -c '^  before ' acc.out)" = 6 ] && [ "$(grep -c '^  after ' acc.out)" = 6 ] || fail 'what the example says'
awk '/before .* cycles/ { b = $3 } /after .* cycles/ { if ($3 + 0 >= b + 0) exit 1 }' acc.out ||
	fail 'the example saves nothing'
for f in unet fsrcnn edsr; do grep -q '</svg>' acc/$f-change.svg || fail "the picture of $f"; done

# a preset of one's own
cat >mine.npu <<'TXT'
name = mine
rows = 8
columns = 8 # small
dataflow = is
clock_mhz = 100
element_bytes = 1
sum_bytes = 4
input_kib = 64
weight_kib = 64
output_kib = 64
dram_bytes_per_cycle = 4
vector_lanes = 8
fuse = yes
mac_pj = 1
sram_pj_per_byte = 1
dram_pj_per_byte = 100
static_mw = 1
TXT
expect 0 npu zoo:mobilenetv2 --preset ./mine.npu --json
is mine preset
sed 's/rows = 8/rows = 0/' mine.npu >bad.npu
refuses 2 'bad.npu: line 2: rows' npu zoo:mobilenetv2 --preset ./bad.npu
sed 's/^fuse.*/fuses = yes/' mine.npu >bad.npu
refuses 2 "line 13: the key 'fuses'" npu zoo:mobilenetv2 --preset ./bad.npu
grep -v clock mine.npu >bad.npu
refuses 2 "'clock_mhz' is missing" npu zoo:mobilenetv2 --preset ./bad.npu

expect 0 candidates zoo:mobilenetv2 -k 3 --top 2 --preset ./mine.npu --json
is mine candidates/0/npu
has candidates/0/delta_cycles candidates/0/delta_energy_uj
expect 0 candidates zoo:mobilenetv2 -k 3 --top 2 --preset ./bad.npu --json
is null candidates/0/delta_cycles
grep -q 'no cycles' errors || fail 'a bad preset passes in silence'

finish
