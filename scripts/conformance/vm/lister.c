/*
 * Lists images as this machine's Linux mounts them: run as the first program of a virtual machine whose kernel is the one to
 * compare with (see vm.ts). SPDX-License-Identifier: MIT
 *
 * /host/jobs has a line for each image: NAME TYPE OFFSET OPTIONS ("-": none). /host/out/NAME becomes a line an entry: hex of the
 * path, type, mode, uid, gid, size, mtime, and crc32 of a file's bytes or a symlink's target; or an error's number and call.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/klog.h>
#include <unistd.h>

static FILE *out;
static long budget; /* entries and 4 KiB of data that one image may still have */

static void hex(const char *text)
{
	for (; *text; text++)
		fprintf(out, "%02x", (unsigned char)*text);
}

static void failed(const char *path, const char *call)
{
	hex(path);
	fprintf(out, " error %d %s\n", errno, call);
}

/* zlib's crc32, begun with 0. */
static uint32_t crc32(uint32_t sum, const unsigned char *bytes, ssize_t count)
{
	static uint32_t table[256];

	if (!table[1])
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t value = i;

			for (int bit = 0; bit < 8; bit++)
				value = value & 1 ? 0xedb88320 ^ (value >> 1) : value >> 1;
			table[i] = value;
		}
	sum = ~sum;
	for (ssize_t i = 0; i < count; i++)
		sum = table[(sum ^ bytes[i]) & 255] ^ (sum >> 8);
	return ~sum;
}

static void visit(int parent, const char *name, const char *path, int depth)
{
	static unsigned char buffer[65536];
	uint32_t hash = 0;
	struct stat st;
	char type;

	if (budget-- <= 0)
		return;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		failed(path, "lstat");
		return;
	}
	switch (st.st_mode & S_IFMT) {
	case S_IFREG: type = 'f'; break;
	case S_IFDIR: type = 'd'; break;
	case S_IFLNK: type = 'l'; break;
	case S_IFCHR: type = 'c'; break;
	case S_IFBLK: type = 'b'; break;
	case S_IFIFO: type = 'p'; break;
	default: type = 's';
	}
	if (type == 'f') {
		int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW);
		ssize_t count;

		if (fd < 0) {
			failed(path, "open");
			return;
		}
		while ((count = read(fd, buffer, sizeof buffer)) > 0) {
			hash = crc32(hash, buffer, count);
			budget -= count / 4096;
			if (budget <= 0)
				break;
		}
		if (count < 0)
			failed(path, "read");
		close(fd);
		if (count < 0)
			return;
	} else if (type == 'l') {
		ssize_t count = readlinkat(parent, name, (char *)buffer, sizeof buffer);

		if (count < 0) {
			failed(path, "readlink");
			return;
		}
		hash = crc32(hash, buffer, count);
	} else if (type == 'c' || type == 'b') {
		hash = major(st.st_rdev) << 20 | minor(st.st_rdev);
	}
	hex(path);
	fprintf(out, " %c %o %u %u %lld %lld %08x\n", type, st.st_mode & 07777, st.st_uid, st.st_gid,
		type == 'd' ? 0LL : (long long)st.st_size, (long long)st.st_mtime, hash);
	if (type == 'd' && depth < 200) {
		int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		DIR *dir = fd < 0 ? NULL : fdopendir(fd);
		struct dirent *entry;

		if (!dir) {
			failed(path, "open");
			return;
		}
		for (errno = 0; (entry = readdir(dir)); errno = 0) {
			char *below;

			if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
				continue;
			if (asprintf(&below, "%s/%s", path, entry->d_name) < 0)
				break;
			visit(dirfd(dir), entry->d_name, below, depth + 1);
			free(below);
		}
		if (errno)
			failed(path, "readdir");
		closedir(dir);
	}
}

static void list(const char *name, const char *type, long long offset, const char *options)
{
	struct loop_info64 info = { .lo_offset = offset };
	char path[512], dev[64];
	int control, image, loop, number;

	snprintf(path, sizeof path, "/host/out/%s", name);
	out = fopen(path, "w");
	if (!out)
		return;
	snprintf(path, sizeof path, "/host/in/%s", name);
	klogctl(5, NULL, 0);
	control = open("/dev/loop-control", O_RDWR);
	number = ioctl(control, LOOP_CTL_GET_FREE);
	snprintf(dev, sizeof dev, "/dev/loop%d", number);
	image = open(path, O_RDWR);
	loop = open(dev, O_RDWR);
	if (image < 0 || loop < 0 || ioctl(loop, LOOP_SET_FD, image) < 0 || ioctl(loop, LOOP_SET_STATUS64, &info) < 0) {
		fprintf(out, "- error %d loop\n", errno);
	} else {
		if (mount(dev, "/mnt", type, MS_RDONLY, strcmp(options, "-") ? options : "") < 0) {
			fprintf(out, "- error %d mount\n", errno);
		} else {
			budget = 400000;
			visit(AT_FDCWD, "/mnt", ".", 0);
			if (budget <= 0)
				fprintf(out, "- error 0 too-much\n");
			umount2("/mnt", MNT_DETACH);
		}
		ioctl(loop, LOOP_CLR_FD, 0);
	}
	{
		static char log[1 << 18];
		int count = klogctl(3, log, sizeof log - 1);

		for (char *line = strtok(count > 0 ? (log[count] = 0, log) : NULL, "\n"); line; line = strtok(NULL, "\n"))
			fprintf(out, "# %s\n", line);
	}
	close(loop);
	close(image);
	close(control);
	fclose(out);
}

int main(void)
{
	char line[1024], name[256], type[64], options[512];
	long long offset;
	FILE *jobs = fopen("/host/jobs", "r");

	while (jobs && fgets(line, sizeof line, jobs))
		if (sscanf(line, "%255s %63s %lld %511s", name, type, &offset, options) == 4) {
			list(name, type, offset, options);
			printf("done %s\n", name);
			fflush(stdout);
		}
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
