"""Plays the batches of test/conformance/calls.json on the Linux it runs on, as root on x86-64, and prints what it answered.

Reads {"constants": {word: value}, "cases": {name: [call]}} on stdin and writes {name: [result]} on stdout. Each case has a
process, a mount namespace and an empty ramfs as working directory of its own, and no open file. Outputs are shown as the batch
language shows them, but of structs only the fields whose values Linux defines.
"""

import base64
import ctypes
import errno
import json
import mmap
import os
import re
import struct
import sys
import tempfile

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWNET = 0x20000, 0x4000000, 0x8000000, 0x40000000
MS_REC_PRIVATE = 0x44000

# struct → [(field, format or struct, defined)], laid out as x86-64 has it.
STRUCTS = {
    "timespec": [("tv_sec", "q", 1), ("tv_nsec", "q", 1)],
    "itimerspec": [("it_interval", "timespec", 1), ("it_value", "timespec", 1)],
    "pollfd": [("fd", "i", 1), ("events", "h", 1), ("revents", "h", 1)],
    "epoll_event": [("events", "I", 1), ("data", "Q", 1)],
    "rlimit64": [("rlim_cur", "Q", 1), ("rlim_max", "Q", 1)],
    "stat": [("st_dev", "Q", 0), ("st_ino", "Q", 0), ("st_nlink", "Q", 1), ("st_mode", "I", 1), ("st_uid", "I", 1),
             ("st_gid", "I", 1), ("pad", "I", 0), ("st_rdev", "Q", 1), ("st_size", "q", 1), ("st_blksize", "q", 0),
             ("st_blocks", "q", 0), ("rest", "72s", 0)],
    "statx": [("stx_mask", "I", 0), ("stx_blksize", "I", 0), ("stx_attributes", "Q", 0), ("stx_nlink", "I", 1),
              ("stx_uid", "I", 1), ("stx_gid", "I", 1), ("stx_mode", "H", 1), ("pad", "H", 0), ("stx_ino", "Q", 0),
              ("stx_size", "Q", 1), ("rest", "208s", 0)],
    "statfs": [("f_type", "q", 1), ("f_bsize", "q", 1), ("rest", "104s", 0)],
    "sockaddr_un": [("sun_family", "H", 0), ("sun_path", "108s", 1)],
    "flock": [("l_type", "h", 1), ("l_whence", "h", 1), ("pad", "i", 0), ("l_start", "q", 1), ("l_len", "q", 1),
              ("l_pid", "q", 0)],
}
# Two names of one errno: the one that Linux's headers define first.
SYNONYMS = {"ENOTSUP": "EOPNOTSUPP", "EDEADLOCK": "EDEADLK", "EWOULDBLOCK": "EAGAIN"}
SIMPLE = {"int": "i", "s32": "i", "u32": "I", "s64": "q", "u64": "Q"}


def size_of(name):
    return struct.calcsize("<" + SIMPLE[name]) if name in SIMPLE else sum(
        size_of(kind) if kind in STRUCTS else struct.calcsize("<" + kind) for _, kind, _ in STRUCTS[name])


def pack(name, value):
    if name in SIMPLE:
        return struct.pack("<" + SIMPLE[name], number(value))
    parts = []
    for field, kind, _ in STRUCTS[name]:
        if kind in STRUCTS:
            parts.append(pack(kind, value.get(field, {})))
        elif kind.endswith("s"):
            parts.append(struct.pack("<" + kind, value.get(field, "").encode()))
        else:
            parts.append(struct.pack("<" + kind, number(value.get(field, 0)) & ((1 << 8 * struct.calcsize(kind)) - 1)
                                     if kind.isupper() else number(value.get(field, 0))))
    return b"".join(parts)


def unpack(name, data):
    if name in SIMPLE:
        return struct.unpack("<" + SIMPLE[name], data)[0]
    shown, at = {}, 0
    for field, kind, defined in STRUCTS[name]:
        size = size_of(kind) if kind in STRUCTS else struct.calcsize("<" + kind)
        part = data[at:at + size]
        at += size
        if kind in STRUCTS:
            shown[field] = unpack(kind, part)
        elif defined:
            value = struct.unpack("<" + kind, part)[0]
            shown[field] = value.split(b"\0")[0].decode() if isinstance(value, bytes) else value
    return shown


def dirents(data):
    found = []
    while data:
        length = struct.unpack_from("<H", data, 16)[0]
        found.append({"d_type": data[18], "d_name": data[19:length].split(b"\0")[0].decode()})
        data = data[length:]
    return found


def names(data):
    return [name.decode() for name in data.split(b"\0")[:-1]]


def shown(data):
    value = {"base64": base64.b64encode(data).decode()}
    try:
        return {"utf8": data.decode(), **value}
    except UnicodeDecodeError:
        return value


constants, refs = {}, {}


def number(value):
    value = resolve(value)
    if isinstance(value, int):
        return value
    total = 0
    for word in str(value).split("|"):
        total |= constants[word] if word in constants else int(word, 8 if re.fullmatch(r"0\d+", word) else 0)
    return total


def is_number(text):
    return all(word in constants or re.fullmatch(r"-?(0x[0-9a-f]+|\d+)", word) for word in text.split("|"))


def resolve(value):
    if not (isinstance(value, dict) and "ref" in value):
        return value
    name, *steps = value["ref"].split(".")
    result = refs[name]
    if not steps:
        return result["ret"]
    found = result["raw"]
    for step in steps:
        found = found[int(step)] if isinstance(found, list) else found[step]
    return found


class Memory:
    """What the arguments of one call point at, and how what the call wrote there is shown."""

    def __init__(self):
        self.kept, self.outputs = [], []

    def bytes(self, data):
        buffer = ctypes.create_string_buffer(data, len(data) + 1)
        self.kept.append(buffer)
        return buffer

    def argument(self, value):
        value = resolve(value)
        if value is None:
            return 0
        if isinstance(value, int):
            return value
        if isinstance(value, str) and is_number(value):
            return number(value)
        return ctypes.addressof(self.buffer(value))

    def buffer(self, value):
        if isinstance(value, str):
            return self.bytes(value.encode())
        if isinstance(value, list):
            return self.array(value)
        if "out" in value:
            return self.output(value)
        if "utf8" in value:
            return self.bytes(value["utf8"].encode())
        if "hex" in value:
            return self.bytes(bytes.fromhex(value["hex"]))
        buffer = self.bytes(pack(value["struct"], value))
        if value.get("inout"):
            self.outputs.append(lambda ret: unpack(value["struct"], buffer.raw[:-1]))
        return buffer

    def array(self, items):
        if "struct" in items[0]:
            kind = items[0]["struct"]
            buffer = self.bytes(b"".join(pack(kind, item) for item in items))
            step = size_of(kind)
            if kind == "pollfd":
                self.outputs.append(lambda ret: [unpack(kind, buffer.raw[i * step:][:step]) for i in range(len(items))])
            return buffer
        # The buffers of an iovec.
        parts = []
        for item in items:
            size = item["out"] if "out" in item else len(item["utf8"].encode())
            parts.append((self.bytes(b"\0" * size) if "out" in item else self.bytes(item["utf8"].encode()), size))
        if "out" in items[0]:
            def filled(ret):
                pieces, left = [], ret
                for part, size in parts:
                    pieces.append(shown(part.raw[:max(0, min(left, size))]))
                    left -= size
                return pieces
            self.outputs.append(filled)
        return self.bytes(b"".join(struct.pack("<QQ", ctypes.addressof(part), size) for part, size in parts))

    def output(self, value):
        out, kind = value["out"], value.get("type")
        if isinstance(out, int):
            buffer = self.bytes(b"\0" * out)
            show = {None: shown, "linux_dirent64": dirents, "names": names, "cstr": lambda data: shown(data.removesuffix(b"\0"))}[kind]
            self.outputs.append(lambda ret: show(buffer.raw[:min(ret, out)]))
            return buffer
        name, count = re.fullmatch(r"(\w+?)(?:\[(\d+)\])?", out).groups()
        step = size_of(name)
        buffer = self.bytes(b"\0" * step * int(count or 1))
        one = lambda i: unpack(name, buffer.raw[i * step:][:step])
        if count is None:
            self.outputs.append(lambda ret: one(0))
        elif name == "epoll_event":
            self.outputs.append(lambda ret: [one(i) for i in range(ret)])
        else:
            self.outputs.append(lambda ret: [one(i) for i in range(int(count))])
        return buffer


def make(call, numbers):
    memory = Memory()
    args = [ctypes.c_long(memory.argument(arg)) for arg in call.get("args", [])]
    args += [ctypes.c_long(0)] * (6 - len(args))
    ctypes.set_errno(0)
    ret = libc.syscall(ctypes.c_long(numbers[call["call"]]), *args)
    number_ = ctypes.get_errno()
    if ret < 0:
        name = errno.errorcode[number_]
        result = {"ret": -number_, "errno": SYNONYMS.get(name, name)}
        refs[call.get("as")] = {"ret": -number_, "raw": None}
        return result
    values = [show(ret) for show in memory.outputs]
    raw = values[0] if len(values) == 1 else None
    refs[call.get("as")] = {"ret": ret, "raw": raw}
    result = {"ret": ret}
    if raw is not None:
        result["out"] = raw
    for left_out in call.get("undefined", []):
        result.pop(left_out, None)
    return result


def play(calls, numbers, directory):
    """In a child: the results as JSON."""
    for flags in (CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWNET):
        if libc.unshare(flags) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
    libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None)
    if libc.mount(b"ramfs", directory.encode(), b"ramfs", 0, None) != 0:
        raise OSError(ctypes.get_errno(), "mount")
    os.chdir(directory)
    os.umask(0o22)
    os.closerange(0, 4096)
    return json.dumps([make(call, numbers) for call in calls])


def syscall_numbers():
    with open("/usr/include/x86_64-linux-gnu/asm/unistd_64.h") as header:
        return {name: int(nr) for name, nr in re.findall(r"#define __NR_(\w+) (\d+)", header.read())}


def main():
    request = json.load(sys.stdin)
    constants.update(request["constants"])
    numbers = syscall_numbers()
    answers = {}
    # The child may end up without rights, files or a file system: it answers through memory.
    shared = mmap.mmap(-1, 2 ** 22)
    with tempfile.TemporaryDirectory() as directory:
        for name, calls in request["cases"].items():
            shared.seek(0)
            pid = os.fork()
            if pid == 0:
                try:
                    text = play(calls, numbers, directory)
                except BaseException as cause:
                    text = json.dumps({"error": repr(cause)})
                shared.write(text.encode() + b"\0")
                os._exit(0)
            _, status = os.waitpid(pid, 0)
            answers[name] = json.loads(shared[:].split(b"\0")[0]) if status == 0 else {"error": f"status {status}"}
            if isinstance(answers[name], dict):
                sys.exit(f"{name}: {answers[name]['error']}")
    json.dump(answers, sys.stdout)


main()
