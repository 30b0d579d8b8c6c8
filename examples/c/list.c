/* Mounts a disk and lists its root, by system calls: lkl run --disk disk.img -- ./list.wasm /dev/vda ext4 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

static int failed(const char *what)
{
	fprintf(stderr, "list: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	struct utsname machine;
	struct statvfs size;
	struct dirent *entry;
	DIR *root;

	if (argc != 3) {
		fprintf(stderr, "list DEVICE TYPE\n");
		return 2;
	}
	if (uname(&machine))
		return failed("uname");
	printf("%s %s\n", machine.sysname, machine.machine);
	if (mkdir("/mnt", 0755) && errno != EEXIST)
		return failed("/mnt");
	if (mount(argv[1], "/mnt", argv[2], MS_RDONLY, NULL))
		return failed(argv[1]);
	if (statvfs("/mnt", &size))
		return failed("statvfs");
	printf("%llu of %llu KiB are free\n", (unsigned long long)size.f_bavail * size.f_bsize / 1024,
	       (unsigned long long)size.f_blocks * size.f_frsize / 1024);
	root = opendir("/mnt");
	if (!root)
		return failed("/mnt");
	while ((entry = readdir(root)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			puts(entry->d_name);
	closedir(root);
	return umount("/mnt") ? failed("umount") : 0;
}
