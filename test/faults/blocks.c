// A disk that writes down what happens to it: a file system of two files in user space, spoken to the kernel by its own protocol (linux/fuse.h),
// so that no library is needed. A loop device on `disk` is the device of whatever file system is tried.
//
//   blocks IMAGE RECORD MOUNTPOINT     as root; ends when it is unmounted, and says 'ready' on standard output when it can be used
//
//   disk     as long as IMAGE, which holds what it would show; writes and flushes are recorded in the order in which they come
//   marks    what is written to it is recorded as well, in its place among the others, and kept nowhere else
//
// RECORD, little endian, one after the other: u8 what ('W' write, 'F' flush, 'M' mark), 3 bytes 0, u32 length, u64 offset; then so many bytes.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ROOT = FUSE_ROOT_ID, DISK = 2, MARKS = 3 };
enum { PAGE = 4096, PAGES_MAX = 256, WRITE_MAX = PAGE * PAGES_MAX, REQUEST_MAX = WRITE_MAX + PAGE };
/** Names and sizes never change. */
#define VALID_SECONDS 3600

static int fuse, image, record;
static uint64_t disk_bytes;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void reply(uint64_t unique, int error, const void *data, size_t bytes) {
  struct fuse_out_header head = {.len = sizeof head + (error ? 0 : bytes), .error = -error, .unique = unique};
  struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, error ? 0 : bytes}};
  // ENOENT: whoever asked was interrupted.
  if (writev(fuse, parts, 2) < 0 && errno != ENOENT) fail("reply");
}

static void note(char what, uint64_t offset, const void *data, uint32_t bytes) {
  struct {
    char what, zero[3];
    uint32_t bytes;
    uint64_t offset;
  } head = {what, {0}, bytes, offset};
  struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, bytes}};
  if (writev(record, parts, 2) != (ssize_t)(sizeof head + bytes)) fail("record");
}

static struct fuse_attr attr_of(uint64_t node) {
  struct fuse_attr it = {.ino = node, .nlink = 1, .blksize = PAGE};
  it.mode = node == ROOT ? S_IFDIR | 0700 : S_IFREG | 0600;
  it.size = node == DISK ? disk_bytes : 0;
  it.blocks = it.size / 512;
  return it;
}

static void lookup(uint64_t unique, const char *name) {
  uint64_t node = strcmp(name, "disk") == 0 ? DISK : strcmp(name, "marks") == 0 ? MARKS : 0;
  struct fuse_entry_out out = {.nodeid = node, .entry_valid = VALID_SECONDS, .attr_valid = VALID_SECONDS, .attr = attr_of(node)};
  reply(unique, node ? 0 : ENOENT, &out, sizeof out);
}

static void attributes(uint64_t unique, uint64_t node) {
  struct fuse_attr_out out = {.attr_valid = VALID_SECONDS, .attr = attr_of(node)};
  reply(unique, 0, &out, sizeof out);
}

/** Straight through: nothing that is written waits in the kernel's memory for this file, and marks have no length. */
static void open_file(uint64_t unique) {
  struct fuse_open_out out = {.open_flags = FOPEN_DIRECT_IO};
  reply(unique, 0, &out, sizeof out);
}

static void read_disk(uint64_t unique, uint64_t node, const struct fuse_read_in *in) {
  static char data[WRITE_MAX];
  ssize_t got = node == DISK ? pread(image, data, in->size < sizeof data ? in->size : sizeof data, in->offset) : 0;
  if (got < 0) fail("image");
  reply(unique, 0, data, got);
}

static void write_to(uint64_t unique, uint64_t node, const struct fuse_write_in *in) {
  const void *data = in + 1;
  struct fuse_write_out out = {.size = in->size};
  if (node == DISK && in->offset + in->size > disk_bytes) return reply(unique, ENOSPC, NULL, 0);
  note(node == DISK ? 'W' : 'M', node == DISK ? in->offset : 0, data, in->size);
  if (node == DISK && pwrite(image, data, in->size, in->offset) != in->size) fail("image");
  reply(unique, 0, &out, sizeof out);
}

static void flush(uint64_t unique, uint64_t node) {
  if (node == DISK) note('F', 0, NULL, 0);
  reply(unique, 0, NULL, 0);
}

static void begin(uint64_t unique, const struct fuse_init_in *in) {
  struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION};
  out.max_readahead = in->max_readahead;
  // No write-back: the kernel keeps nothing that it has been given.
  out.flags = in->flags & (FUSE_BIG_WRITES | FUSE_MAX_PAGES | FUSE_INIT_EXT);
  out.max_background = 16;
  out.congestion_threshold = 12;
  out.max_write = WRITE_MAX;
  out.max_pages = PAGES_MAX;
  out.time_gran = 1;
  reply(unique, 0, &out, sizeof out);
}

static void statistics(uint64_t unique) {
  struct fuse_statfs_out out = {.st = {.bsize = PAGE, .frsize = PAGE, .namelen = 255, .blocks = disk_bytes / PAGE}};
  reply(unique, 0, &out, sizeof out);
}

static void serve(const struct fuse_in_header *head, const void *body) {
  switch (head->opcode) {
    case FUSE_INIT: return begin(head->unique, body);
    case FUSE_LOOKUP: return lookup(head->unique, body);
    case FUSE_GETATTR:
    case FUSE_SETATTR: return attributes(head->unique, head->nodeid);
    case FUSE_OPEN:
    case FUSE_OPENDIR: return open_file(head->unique);
    case FUSE_READ: return read_disk(head->unique, head->nodeid, body);
    case FUSE_WRITE: return write_to(head->unique, head->nodeid, body);
    case FUSE_FSYNC: return flush(head->unique, head->nodeid);
    case FUSE_STATFS: return statistics(head->unique);
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
    case FUSE_FLUSH:
    case FUSE_ACCESS:
    case FUSE_DESTROY: return reply(head->unique, 0, NULL, 0);
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT: return;
    default: return reply(head->unique, ENOSYS, NULL, 0);
  }
}

int main(int count, char **args) {
  static char request[REQUEST_MAX] __attribute__((aligned(8)));
  char options[128];
  struct stat about;
  if (count != 4) return fputs("blocks IMAGE RECORD MOUNTPOINT\n", stderr), 2;
  if ((image = open(args[1], O_RDWR | O_CLOEXEC)) < 0 || fstat(image, &about) < 0) fail(args[1]);
  if ((record = open(args[2], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600)) < 0) fail(args[2]);
  if ((fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC)) < 0) fail("/dev/fuse");
  disk_bytes = about.st_size;
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
  if (mount("blocks", args[3], "fuse", MS_NOSUID | MS_NODEV, options) < 0) fail(args[3]);
  puts("ready");
  fflush(stdout);
  for (;;) {
    ssize_t got = read(fuse, request, sizeof request);
    if (got < 0 && errno == ENODEV) return 0;
    if (got < 0 && errno != EINTR && errno != EAGAIN && errno != ENOENT) fail("request");
    if (got >= (ssize_t)sizeof(struct fuse_in_header)) serve((void *)request, request + sizeof(struct fuse_in_header));
  }
}
