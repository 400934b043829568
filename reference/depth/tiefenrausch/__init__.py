"""`tiefenrausch`: the depth network of "One Shot 3D Photography" (Kopf et al., SIGGRAPH 2020), as released.

It is published as a pair of Caffe2 nets for int8: `tiefenrausch.pb`, the operations with the range of every
result, and `tiefenrausch_init.pb`, the weights. `wire` and `netdef` read them, `planner` checks what they are
and makes a `plan`, `network` computes it in float within the published ranges, `load` makes the depth network
of a program.
"""
