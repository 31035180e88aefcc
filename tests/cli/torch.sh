# convert to a PyTorch module: both files, what is refused, and that plain PyTorch loads and trains it.
. "${srcdir:-.}/tests/cli/lib.sh"

net='nb101:3|101|c3@s'

expect 0 convert "$net" -o net.py --json
is net.py output
[ -s net.py ] && [ -s net.npz ] || fail 'both files'
mkdir again
expect 0 convert "$net" -o again/net.py
cmp net.py again/net.py && cmp net.npz again/net.npz || fail 'not the same twice'

# what cannot be written leaves both files as they were
model "$(field 2 g)$(node Mystery x y)$(field 11 "$(value x)")$(field 12 "$(value y)")" >odd.onnx
refuses 4 'Mystery' convert odd.onnx -o net.py
cmp net.py again/net.py && cmp net.npz again/net.npz || fail 'a refused network changed the files'
refuses 2 'nowhere/net.npz' convert "$net" -o nowhere/net.py
if [ -c /dev/full ]; then
	for part in py npz; do
		mkdir "full.$part"
		ln -s /dev/full "full.$part/net.$part"
		refuses 2 "full.$part/net.$part" convert "$net" -o "full.$part/net.py"
	done
	[ "$(ls full.npz full.py | grep -c net)" = 2 ] || fail 'one file without the other'
fi
[ -z "$(find . -name '*.py.*' -o -name '*.npz.*')" ] || fail 'something was left behind'

python=
for p in /usr/bin/python3 python3; do
	[ -z "$python" ] && $p -c 'from importlib.util import find_spec as f
exit(not (f("torch") and f("numpy")))' 2>/dev/null && python=$p
done
if [ -z "$python" ]; then
	echo 'skipped: loading and training, no python3 with torch and numpy (package python3-torch)'
	finish
fi
checks=$((checks + 1))
$python -B - >out 2>errors <<'EOF' || fail 'PyTorch does not train it'
import torch
import net

torch.set_num_threads(1)
torch.manual_seed(1)
model = net.load()
assert not model.training
x = torch.randn(4, 1, 32, 32)
with torch.no_grad():
    y = model(x)
    assert torch.allclose(model(x[:1]), y[:1], atol=1e-4), 'the batch is open'
model.train()
label = torch.arange(4) % y.shape[1]
step = torch.optim.SGD(model.parameters(), lr=0.01)
loss = []
for _ in range(5):
    step.zero_grad()
    loss.append(torch.nn.functional.cross_entropy(model(x), label))
    loss[-1].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    step.step()
assert loss[-1] < loss[0], loss
EOF
finish
