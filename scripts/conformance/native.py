"""The native side of conformance, as root: `make` images of random trees and what Linux says of them
(`make-with-tar`: and GNU tar's tar of each, a stand-in for ours), `judge` the tars made of them."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../fixtures'))
import build
import listing
import tree
from filesystems import FileSystem, by_name, file_systems, run
from tar_listing import list_tar

# What each tar program needs to be told to lose nothing.
EXTRACT = {
    'GNU tar': "tar --xattrs --xattrs-include='*' --acls --same-owner --numeric-owner -xpf {tar} -C {dir}",
    'bsdtar': 'bsdtar --xattrs --acls --same-owner --numeric-owner -xpf {tar} -C {dir}',
}
CREATE = "tar --format=pax --sparse --xattrs --xattrs-include='*' --acls --sort=name --numeric-owner -cf {tar} -C {dir} ."
# The attributes a scratch tmpfs can hold.
SCRATCH = ('user.', 'trusted.', 'security.', 'system.posix_acl_')


def mountable(type: str) -> bool:
    subprocess.run(['modprobe', '-q', type], check=False)
    with open('/proc/filesystems', encoding='ascii') as file:
        return type in file.read().split()


def make(out: str, seed: str, names: list, with_tar: bool) -> None:
    with tempfile.TemporaryDirectory(dir='/tmp') as scratch:
        for row in [by_name[name] for name in names] or [row for row in file_systems if row.wild]:
            try:
                make_one(row, seed, f'{scratch}/image', f'{out}/{row.name}', with_tar)
            except RuntimeError as error:
                print(f'{row.name}: not made: {str(error).splitlines()[0]}', flush=True)


def make_one(row: FileSystem, seed: str, image: str, out: str, with_tar: bool) -> None:
    if not mountable(row.type):
        raise RuntimeError(f'this kernel has no {row.type}')
    refused = build.make(row, image, tree.wild(f'{seed} {row.name}'))
    os.umask(0o022)
    with build.readable(row, image) as point:
        entries = listing.list_tree(point)
        for entry in entries:
            if 'error' in entry:
                raise RuntimeError(f'Linux cannot read what its mkfs made: {entry}')
        if with_tar:
            run(CREATE.format(tar=f'{out}.native.tar', dir=point))
    run(f'cp --sparse=always {image} {out}.img && rm {image}')
    with open(f'{out}.json', 'w', encoding='utf-8') as file:
        json.dump({'type': row.type, 'options': row.options, 'entries': entries,
                   'refused': {call: len(paths) for call, paths in refused.items()}}, file)
    print(f'{row.name}: {len(entries)} entries', flush=True)


def untold(type: str) -> tuple:
    """What another release of Linux tells otherwise: in newer ones squashfs has SEEK_HOLE."""
    return ('data',) if type == 'squashfs' and not platform.release().startswith('6.12.') else ()


def by_bsdtar(entries: list) -> list:
    """Without what bsdtar never restores: attributes of the directory it extracts into, the form of an ACL that only XFS has,
    and a time before 1970 that has nanoseconds (libarchive reads -1.5 as -1 s + 0.5 s)."""
    kept = []
    for entry in entries:
        if entry.get('path') == '.':
            continue
        seconds, ns = entry['mtime']
        xattrs = {name: value for name, value in entry.get('xattrs', {}).items() if not name.startswith('trusted.SGI_ACL_')}
        kept.append(entry | {'mtime': None if seconds < 0 and ns else entry['mtime'], 'xattrs': xattrs})
    return kept


def scratch_only(entries: list) -> list:
    kept = []
    for entry in entries:
        entry = dict(entry)
        xattrs = {name: value for name, value in entry.pop('xattrs', {}).items() if name.startswith(SCRATCH)}
        kept.append(entry | ({'xattrs': xattrs} if xattrs else {}))
    return kept


def judge(out: str, names: list) -> None:
    """Compare each tar with the listing made on the native mount; leave the verdicts in results.json."""
    results = {}
    # A file system that holds every attribute.
    run(f'mkdir -p {out}/scratch && mount -t tmpfs none {out}/scratch')
    for name in names:
        with open(f'{out}/{name}.json', encoding='utf-8') as file:
            native = json.load(file)
        entries = native['entries']
        expected = listing.regroup([entry for entry in entries if entry['type'] != 'socket'])
        if native['type'] == 'exfat':
            expected[0] = {**expected[0], 'mtime': None}  # its root has none: Linux shows the time of the mount
        tar = f'{out}/{name}.tar'
        verdicts = {}
        try:
            verdicts['tar'] = listing.differences(expected, list_tar(tar), untold(native['type']))
        except Exception as error:  # noqa: BLE001 a tar nobody can read is a verdict too
            verdicts['tar'] = [f'unreadable: {error!r}']
        for program, command in EXTRACT.items():
            with tempfile.TemporaryDirectory(dir=f'{out}/scratch') as scratch:
                done = subprocess.run(command.format(tar=tar, dir=scratch), shell=True, text=True, errors='replace',
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
                both = scratch_only(expected), scratch_only(listing.list_tree(scratch))
                if program == 'bsdtar':
                    both = tuple(map(by_bsdtar, both))
                verdicts[program] = listing.differences(*both, ('data',))
                foreign = any(not key.startswith(SCRATCH) for entry in expected for key in entry.get('xattrs', {}))
                if done.returncode and not verdicts[program] and not foreign:
                    verdicts[program] = [f'status {done.returncode}: {done.stdout}']
        results[name] = {'entries': len(expected), 'verdicts': verdicts}
    run(f'umount {out}/scratch')
    with open(f'{out}/results.json', 'w', encoding='utf-8') as file:
        json.dump(results, file)


if __name__ == '__main__':
    if shutil.which('bsdtar') is None:
        sys.exit('native.py: bsdtar is missing: apt-get install libarchive-tools')
    os.environ['LC_ALL'] = 'C.UTF-8'
    verb, directory, *rest = sys.argv[1:]
    if verb in ('make', 'make-with-tar'):
        make(directory, rest[0], rest[1:], verb == 'make-with-tar')
    else:
        judge(directory, rest)
