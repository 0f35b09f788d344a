"""Networks: any timm classification model as ordered layers, its cut, its freezing, its weights.

net.py      Net: backbone + our head; layers in order, which tensors belong to which
order.py    from parameter names to ordered layers
split.py    the cut: suffix(prefix(x)) == model(x), by replaying the outputs of frozen modules
freeze.py   one function that freezes, and the audit that proves it
head.py     classifiers
weights.py  where weights come from
describe.py parameters, FLOPs, shapes and speed of each layer
"""
