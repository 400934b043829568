"""The ARM64 builds of the runtimes on this machine, under QEMU's user-mode emulation.

A phone's processor runs other kernels than a desk's. `ldikit arm64 setup` makes a cache folder with a small
ARM64 root and the same versions of the runtimes as are installed here; the backends `onnxruntime@CPU` and
`litert@CPU` run a model file there, and instructions of an inference can be counted.
"""
