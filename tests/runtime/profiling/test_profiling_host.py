"""The host's fingerprint: stable, telling machines apart, and free of names."""

import getpass
import json
import platform
from dataclasses import asdict, replace

from ldikit.runtime.profiling.host import Host, parse_cpuinfo, this_host

HOST = Host("Some CPU", "x86_64", 4, 8, 8, 15.6, "Linux", "6.1", "3.11.7", {"torch": "2.13.0"})


def test_id_ignores_software_and_sees_hardware():
    assert replace(HOST, release="6.2", python="3.12", versions={}).id == HOST.id
    for change in ({"cpu": "Other CPU"}, {"usable_cores": 2}, {"memory_gib": 31.2}, {"system": "Darwin"}):
        assert replace(HOST, **change).id != HOST.id
    assert len(HOST.id) == 16
    int(HOST.id, 16)


def test_this_host_names_its_parts_and_nobody():
    host = this_host()
    assert host == this_host()
    assert host.cpu
    assert host.logical_cores >= host.usable_cores >= 1
    assert host.memory_gib > 0
    assert host.versions["torch"].startswith("2.")
    text = json.dumps(asdict(host))
    assert platform.node() not in text.replace(host.release, "") or len(platform.node()) < 4
    assert getpass.getuser() not in host.cpu


def test_cpuinfo_of_a_virtual_machine_keeps_the_generation():
    first = "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nstepping\t: 1\n"
    text = f"{first}\nprocessor\t: 1\nmodel name\t: Other\n"
    assert parse_cpuinfo(text) == "AMD EPYC (cpu family 25, model 17, stepping 1)"


def test_cpuinfo_of_an_arm_machine_has_no_model_name():
    text = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\nCPU revision\t: 1\n"
    assert parse_cpuinfo(text) == "(CPU implementer 0x41, CPU part 0xd0c, CPU revision 1)"
