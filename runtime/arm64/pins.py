"""What the cache folder is made of: packages and wheels, each with the checksum it had when it was tried.

Debian's archive holds one version of a package a suite, and replaces it by a security update. So a pin names
the series that will do as well; whatever its version, a package is taken only as the archive's signed index
describes it, and one of the pinned version only with the pinned checksum.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pin:
    """One Debian package.

    Attributes:
        name, architecture: of the package.
        version: that was tried.
        sha256: of its file.
        series: how a version begins that replaces it.
    """

    name: str
    architecture: str
    version: str
    sha256: str
    series: str


# Suites of Debian that hold them, with the architectures whose indices are read.
SUITES = {"bookworm": ("amd64", "arm64"), "trixie": ("amd64",)}

# The guest's Python.
PYTHON = "3.11"

ROOT = (
    Pin(
        "libbz2-1.0",
        "arm64",
        "1.0.8-5+b1",
        "d3a96ece03326498b39ff093a76800dfcbcb1d4049d6ae6e9f6fa1aa7a590ad6",
        "1.0",
    ),
    Pin(
        "libc6",
        "arm64",
        "2.36-9+deb12u14",
        "01f4330719fd4f65580e16ea5a0527f372fca750e8f588d26deaf09f2d3b1cf4",
        "2.36",
    ),
    Pin(
        "libcrypt1",
        "arm64",
        "1:4.4.33-2",
        "eea0ad76ea5eb507127fea0c291622ea4ecdbb71c4b9a8ed9c76ae33fc1a0127",
        "1:4.4",
    ),
    Pin(
        "libexpat1",
        "arm64",
        "2.5.0-1+deb12u2",
        "8dc1976735acf825e3a922d82f171e20feec7394da2b8c616091983e38706275",
        "2.5",
    ),
    Pin(
        "libffi8",
        "arm64",
        "3.4.4-1",
        "80b5c36177dc0e29d531c7eddbed3cc7355cb490e49f8cfa5959572d161f27b3",
        "3.4",
    ),
    Pin(
        "libgcc-s1",
        "arm64",
        "12.2.0-14+deb12u1",
        "576926b283613db80168ddf76380a3bd877602778cf0d226caa7bfbfa71eacf3",
        "12.2",
    ),
    Pin(
        "liblzma5",
        "arm64",
        "5.4.1-1+deb12u1",
        "647ce9d81e41c30071ce6ac0d3324579216a33aaa1d28971d6952315f6a95a75",
        "5.4",
    ),
    Pin(
        "libpython3.11-minimal",
        "arm64",
        "3.11.2-6+deb12u8",
        "c48bac178c0fc43a2bf8ace784c762b5ee83e2b981894a991dc3ccfd3ec7cd4b",
        "3.11",
    ),
    Pin(
        "libpython3.11-stdlib",
        "arm64",
        "3.11.2-6+deb12u8",
        "e79876de55c6c2dca10d044b2fa69ccd863950ea01714220c1982d16008105f9",
        "3.11",
    ),
    Pin(
        "libssl3",
        "arm64",
        "3.0.20-1~deb12u2",
        "a256e03cc3abd7243ac5c6ee91a9deb56478221ef0d3c2b0748551e13140c0bf",
        "3.0",
    ),
    Pin(
        "libstdc++6",
        "arm64",
        "12.2.0-14+deb12u1",
        "26e138c677a985775331373828a6c286c551ff397cb735d00e2383cb273d1cb2",
        "12.2",
    ),
    Pin(
        "libuuid1",
        "arm64",
        "2.38.1-5+deb12u3",
        "3b2d19df0f3190108cf54228c4cfc822226c06d8f3615a5ab16a7dffb1f58aed",
        "2.38",
    ),
    Pin(
        "python3.11-minimal",
        "arm64",
        "3.11.2-6+deb12u8",
        "6a07dd571f1a15af2f855d64571766fe44b73a57cc3b5ca79502bc89156a5e12",
        "3.11",
    ),
    Pin(
        "zlib1g",
        "arm64",
        "1:1.2.13.dfsg-1",
        "52b8b8a145bbe1956bba82034f77022cbef0c3d0885c9e32d9817a7932fe1913",
        "1:1.2",
    ),
)

# QEMU's own remedy for the host's /proc/cpuinfo, and a correct SME, came with version 10. It is linked
# statically, which is why it loads no plug-ins.
EMULATOR = Pin(
    "qemu-user",
    "amd64",
    "1:10.0.13+ds-0+deb13u1",
    "ca6ede739327a20ae5a3498230c8a3a9a072c586e131bc6bcc1201eb1725e336",
    "1:10.0",
)
EMULATOR_BINARY = "usr/bin/qemu-aarch64"

# The last of Debian's QEMUs that loads plug-ins, with all its libraries.
COUNTER = (
    Pin(
        "libc6",
        "amd64",
        "2.36-9+deb12u14",
        "ba4f88f73dbc3ae9055f3c20f4523bfdbaf1ad13ff95e258924f77d20b4fbedf",
        "2.36",
    ),
    Pin(
        "libcapstone4",
        "amd64",
        "4.0.2-5",
        "41277f0388184f6e3b9fc02eda3184afbc999314b25b77ed75e8049428bdfe5e",
        "4.0",
    ),
    Pin(
        "libffi8",
        "amd64",
        "3.4.4-1",
        "6d9f6c25c30efccce6d4bceaa48ea86c329a3432abb360a141f76ac223a4c34a",
        "3.4",
    ),
    Pin(
        "libgcc-s1",
        "amd64",
        "12.2.0-14+deb12u1",
        "3016e62cb4b7cd8038822870601f5ed131befe942774d0f745622cc77d8a88f7",
        "12.2",
    ),
    Pin(
        "libglib2.0-0",
        "amd64",
        "2.74.6-2+deb12u9",
        "7ff85197685d89e150e342b29a59aab1beee400050ba7da73de81cd999ffee5a",
        "2.74",
    ),
    Pin(
        "libgmp10",
        "amd64",
        "2:6.2.1+dfsg1-1.1",
        "187aedef2ed763f425c1e523753b9719677633c7eede660401739e9c893482bd",
        "2:6.2",
    ),
    Pin(
        "libgnutls30",
        "amd64",
        "3.7.9-2+deb12u7",
        "30abec8c824feb1d2d7e9000a34083cccd19d139625e1b21547e3ac53b922f8e",
        "3.7",
    ),
    Pin(
        "libhogweed6",
        "amd64",
        "3.8.1-2",
        "ed8185c28b2cb519744a5a462dcd720d3b332c9b88a1d0002eac06dc8550cb94",
        "3.8",
    ),
    Pin(
        "libidn2-0",
        "amd64",
        "2.3.3-1+b1",
        "d50716d5824083d667427817d506b45d3f59dc77e1ca52de000f3f62d4918afa",
        "2.3",
    ),
    Pin(
        "libnettle8",
        "amd64",
        "3.8.1-2",
        "45922e6e289ffd92f0f92d2bb9159e84236ff202d552a461bf10e5335b3f0261",
        "3.8",
    ),
    Pin(
        "libnuma1",
        "amd64",
        "2.0.16-1",
        "639e1ab6bd66ead40db8a22c332d7199679fa22db261cac34444eb8eb4c17dda",
        "2.0",
    ),
    Pin(
        "libp11-kit0",
        "amd64",
        "0.24.1-2",
        "251330faddbf013f060fcdb41f4b0c037c8a6e89ba7c09b04bfcc4e3f0807b22",
        "0.24",
    ),
    Pin(
        "libpcre2-8-0",
        "amd64",
        "10.42-1",
        "030db54f4d76cdfe2bf0e8eb5f9efea0233ab3c7aa942d672c7b63b52dbaf935",
        "10.42",
    ),
    Pin(
        "libtasn1-6",
        "amd64",
        "4.19.0-2+deb12u1",
        "2c27c613b69be248d09432839ea3d3382f6ee27fabaa65987aa2d884cd00afda",
        "4.19",
    ),
    Pin(
        "libunistring2",
        "amd64",
        "1.0-2",
        "d466bbfe011d764d793c1d9d777cad9c7cf65b938e11598f27408171ad95a951",
        "1.0",
    ),
    Pin(
        "liburing2",
        "amd64",
        "2.3-3",
        "c23077e3640e6cb4b819c134b3f41d5cf21b3edac099654b1b4142c3069a39a3",
        "2.3",
    ),
    Pin(
        "qemu-user",
        "amd64",
        "1:7.2+dfsg-7+deb12u18+b3",
        "02a7d6a2675a12dd7fdd474924295552470c0c933e0b543975887f493a84219f",
        "1:7.2",
    ),
    Pin(
        "zlib1g",
        "amd64",
        "1:1.2.13.dfsg-1",
        "d7dd1d1411fedf27f5e27650a6eff20ef294077b568f4c8c5e51466dc7c08ce4",
        "1:1.2",
    ),
)

# sha256 of the ARM64 wheels for that Python, by distribution and version.
WHEELS = {
    ("ai-edge-litert", "2.3.0"): "853fc608f96da87bd5f3458465dfb9abbf18d5ae6b94eceacead407146f175ae",
    ("numpy", "2.4.6"): "0ab0a9c4ffb1a6d95ef519fe4247dba8eb6b18ad93999f76b7f657039acabd47",
    ("onnxruntime", "1.32.0"): "2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c",
}
