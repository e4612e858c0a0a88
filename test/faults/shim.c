/*
 * Stands between a process and its files below one folder (LD_PRELOAD): writes down what is done to them, and fails what it is told to.
 *
 *   HOLDFAST_SHIM_DIR      the folder, absolute, without a slash at its end
 *   HOLDFAST_SHIM_TRACE    where operations are written down, in their order, with their data; absent: nowhere
 *   HOLDFAST_SHIM_CONTROL  64-bit words that others may change at any time:
 *       0 kinds that may fail (bits, below) · 1 errno · 2 the how-manieth of them fails first, from 1; 0: none · 3 how many fail
 *       4 how many of these kinds came by (counted here) · 5 how many were failed (counted here)
 *       6 … 11 operations by kind (counted here)
 *
 * A record of the trace: 32 bytes (op, 3 bytes nothing, i32 descriptor, i32 errno, u32 bytes of the first part, u32 bytes of the second
 * part, u32 nothing, u64 offset), then the two parts. Ops: O open (offset: flags) C close W write T truncate F flush U unlink R rename
 * D mkdir d rmdir M mark (a write to standard output) X something that is not modelled (first part: its name).
 * Shared memory files of SQLite (-shm) hold nothing that outlives a process: they may fail, but are not written down.
 * One lock around each operation and its record: the order of the trace is the order in which things happened.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READ, WRITE, FLUSH, OPEN, TRUNCATE, NAMES, KINDS };
#define DESCRIPTORS 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *dir;
static size_t dir_length;
static int trace = -1;
static volatile uint64_t *control;
static char *paths[DESCRIPTORS];
static int tracing_marks;

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

struct record {
  char op, nothing[3];
  int32_t fd, error;
  uint32_t first, second, nothing2;
  uint64_t offset;
};

__attribute__((constructor)) static void begin(void) {
  dir = getenv("HOLDFAST_SHIM_DIR");
  if (!dir) return;
  dir_length = strlen(dir);
  const char *file = getenv("HOLDFAST_SHIM_TRACE");
  if (file) trace = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
  tracing_marks = trace >= 0;
  file = getenv("HOLDFAST_SHIM_CONTROL");
  int fd = file ? (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC, 0) : -1;
  if (fd >= 0) {
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) control = at;
    syscall(SYS_close, fd);
  }
}

static int inside(const char *path) {
  return dir && path && strncmp(path, dir, dir_length) == 0 && (path[dir_length] == '/' || path[dir_length] == 0);
}

static char *path_of(int fd) { return fd >= 0 && fd < DESCRIPTORS ? paths[fd] : NULL; }

static int is_shared_memory(const char *path) {
  size_t n = strlen(path);
  return n > 4 && strcmp(path + n - 4, "-shm") == 0;
}

/* All of it or nothing: a trace with a hole would rebuild a disk that never was. */
static void put(const void *data, size_t length) {
  const char *at = data;
  while (length > 0) {
    long n = syscall(SYS_write, trace, at, length);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      static const char text[] = "the trace cannot be written\n";
      syscall(SYS_write, 2, text, sizeof text - 1);
      _exit(99);
    }
    at += n;
    length -= (size_t)n;
  }
}

static void note2(char op, int fd, int error, uint64_t offset, const void *first, size_t n1, const void *second, size_t n2) {
  if (trace < 0) return;
  int saved = errno;
  struct record it = {.op = op, .fd = fd, .error = error, .first = (uint32_t)n1, .second = (uint32_t)n2, .offset = offset};
  put(&it, sizeof it);
  put(first, n1);
  put(second, n2);
  errno = saved;
}

static void note(char op, int fd, int error, uint64_t offset, const void *data, size_t length) {
  note2(op, fd, error, offset, data, length, NULL, 0);
}

static void note_path(char op, const char *path) { note(op, -1, 0, 0, path, strlen(path)); }

/* Says the errno that this operation has to fail with, or 0. Under the lock. */
static int fails(int kind) {
  if (!control) return 0;
  control[6 + kind]++;
  if (!(control[0] & (1u << kind))) return 0;
  uint64_t n = ++control[4], from = control[2];
  if (from == 0 || n < from || n - from >= control[3]) return 0;
  control[5]++;
  return (int)control[1];
}

#define ENTER pthread_mutex_lock(&lock)
#define LEAVE pthread_mutex_unlock(&lock)
#define FAIL(kind) \
  do { \
    int code = fails(kind); \
    if (code) { \
      LEAVE; \
      errno = code; \
      return -1; \
    } \
  } while (0)

/* ---- open, close */

static void opened(int fd, const char *path, int flags) {
  if (fd < 0 || fd >= DESCRIPTORS) return;
  free(paths[fd]);
  paths[fd] = strdup(path);
  if (!is_shared_memory(path)) note('O', fd, 0, (uint64_t)(uint32_t)flags, path, strlen(path));
}

static int do_open(int at, const char *path, int flags, mode_t mode) {
  if (!inside(path)) return (int)syscall(SYS_openat, at, path, flags, mode);
  ENTER;
  FAIL(OPEN);
  int fd = (int)syscall(SYS_openat, at, path, flags | O_LARGEFILE, mode);
  if (fd >= 0) opened(fd, path, flags);
  LEAVE;
  return fd;
}

#define OPEN_MODE \
  mode_t mode = 0; \
  if (flags & (O_CREAT | O_TMPFILE)) { \
    va_list list; \
    va_start(list, flags); \
    mode = va_arg(list, mode_t); \
    va_end(list); \
  }

int open(const char *path, int flags, ...) { OPEN_MODE return do_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { OPEN_MODE return do_open(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { OPEN_MODE return do_open(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { OPEN_MODE return do_open(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int fd) {
  REAL(close);
  if (!path_of(fd)) return real(fd);
  ENTER;
  if (!is_shared_memory(paths[fd])) note('C', fd, 0, 0, NULL, 0);
  free(paths[fd]);
  paths[fd] = NULL;
  int result = real(fd);
  LEAVE;
  return result;
}

/* ---- reading */

#define READING(name, parameters, arguments) \
  ssize_t name parameters { \
    REAL(name); \
    if (path_of(fd)) { \
      ENTER; \
      FAIL(READ); \
      LEAVE; \
    } \
    return real arguments; \
  }
READING(read, (int fd, void *data, size_t n), (fd, data, n))
READING(pread, (int fd, void *data, size_t n, off_t at), (fd, data, n, at))
READING(pread64, (int fd, void *data, size_t n, off64_t at), (fd, data, n, at))
READING(readv, (int fd, const struct iovec *parts, int n), (fd, parts, n))
READING(preadv, (int fd, const struct iovec *parts, int n, off_t at), (fd, parts, n, at))
READING(preadv64, (int fd, const struct iovec *parts, int n, off64_t at), (fd, parts, n, at))

/* ---- writing */

static void wrote(int fd, const void *data, ssize_t n, off64_t at) {
  if (n > 0 && !is_shared_memory(paths[fd])) note('W', fd, 0, (uint64_t)at, data, (size_t)n);
}

/* Standard output carries the marks of the test: they have their place among the operations. */
static int is_mark(int fd) { return tracing_marks && fd == 1; }

ssize_t write(int fd, const void *data, size_t n) {
  REAL(write);
  if (!path_of(fd) && !is_mark(fd)) return real(fd, data, n);
  ENTER;
  if (is_mark(fd)) {
    ssize_t done = real(fd, data, n);
    if (done > 0) note('M', fd, 0, 0, data, (size_t)done);
    LEAVE;
    return done;
  }
  FAIL(WRITE);
  ssize_t done = real(fd, data, n);
  if (done > 0) wrote(fd, data, done, lseek64(fd, 0, SEEK_CUR) - done);
  LEAVE;
  return done;
}

static ssize_t do_pwrite(int fd, const void *data, size_t n, off64_t at) {
  REAL(pwrite64);
  if (!path_of(fd)) return real(fd, data, n, at);
  ENTER;
  FAIL(WRITE);
  ssize_t done = real(fd, data, n, at);
  wrote(fd, data, done, at);
  LEAVE;
  return done;
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return do_pwrite(fd, data, n, at); }
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) { return do_pwrite(fd, data, n, at); }

/* Parts one after the other: each is a write of its own, as for a disk. */
static ssize_t do_writev(int fd, const struct iovec *parts, int n, off64_t at) {
  ssize_t sum = 0;
  for (int i = 0; i < n; i++) {
    ssize_t done = at < 0 ? write(fd, parts[i].iov_base, parts[i].iov_len) : do_pwrite(fd, parts[i].iov_base, parts[i].iov_len, at + sum);
    if (done < 0) return sum > 0 ? sum : -1;
    sum += done;
    if ((size_t)done < parts[i].iov_len) break;
  }
  return sum;
}
ssize_t writev(int fd, const struct iovec *parts, int n) {
  REAL(writev);
  return path_of(fd) || is_mark(fd) ? do_writev(fd, parts, n, -1) : real(fd, parts, n);
}
ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t at) {
  REAL(pwritev);
  return path_of(fd) ? do_writev(fd, parts, n, at) : real(fd, parts, n, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int n, off64_t at) {
  REAL(pwritev64);
  return path_of(fd) ? do_writev(fd, parts, n, at) : real(fd, parts, n, at);
}

static int do_truncate(int fd, off64_t length) {
  REAL(ftruncate64);
  if (!path_of(fd)) return real(fd, length);
  ENTER;
  FAIL(TRUNCATE);
  int result = real(fd, length);
  if (result == 0 && !is_shared_memory(paths[fd])) note('T', fd, 0, (uint64_t)length, NULL, 0);
  LEAVE;
  return result;
}
int ftruncate(int fd, off_t length) { return do_truncate(fd, length); }
int ftruncate64(int fd, off64_t length) { return do_truncate(fd, length); }

#define FLUSHING(name) \
  int name(int fd) { \
    REAL(name); \
    if (!path_of(fd)) return real(fd); \
    ENTER; \
    int code = fails(FLUSH); \
    int result = code ? -1 : real(fd); \
    if (!code && result) code = errno; \
    if (!is_shared_memory(paths[fd])) note('F', fd, code, 0, NULL, 0); \
    LEAVE; \
    if (code) errno = code; \
    return result; \
  }
FLUSHING(fsync)
FLUSHING(fdatasync)

/* ---- names */

#define NAMING(name, op, path, parameters, arguments) \
  int name parameters { \
    REAL(name); \
    if (!inside(path)) return real arguments; \
    ENTER; \
    FAIL(NAMES); \
    int result = real arguments; \
    if (result == 0 && !is_shared_memory(path)) note_path(op, path); \
    LEAVE; \
    return result; \
  }
NAMING(unlink, 'U', path, (const char *path), (path))
NAMING(mkdir, 'D', path, (const char *path, mode_t mode), (path, mode))
NAMING(rmdir, 'd', path, (const char *path), (path))
NAMING(truncate, 'X', path, (const char *path, off_t n), (path, n))
NAMING(truncate64, 'X', path, (const char *path, off64_t n), (path, n))
NAMING(link, 'X', from, (const char *from, const char *to), (from, to))
#define path to
NAMING(symlink, 'X', path, (const char *from, const char *to), (from, to))
#undef path

int remove(const char *path) {
  REAL(remove);
  struct stat it;
  if (!inside(path)) return real(path);
  return lstat(path, &it) == 0 && S_ISDIR(it.st_mode) ? rmdir(path) : unlink(path);
}

int unlinkat(int at, const char *path, int flags) {
  REAL(unlinkat);
  char whole[4096];
  const char *folder = path[0] == '/' ? NULL : path_of(at);
  snprintf(whole, sizeof whole, "%s%s%s", folder ? folder : "", folder ? "/" : "", path);
  if (!inside(whole)) return real(at, path, flags);
  ENTER;
  FAIL(NAMES);
  int result = real(at, path, flags);
  if (result == 0 && !is_shared_memory(whole)) note_path(flags & AT_REMOVEDIR ? 'd' : 'U', whole);
  LEAVE;
  return result;
}

static int do_rename(const char *from, const char *to) {
  REAL(rename);
  if (!inside(from) && !inside(to)) return real(from, to);
  ENTER;
  FAIL(NAMES);
  int result = real(from, to);
  if (result == 0) note2('R', -1, 0, 0, from, strlen(from), to, strlen(to));
  LEAVE;
  return result;
}
int rename(const char *from, const char *to) { return do_rename(from, to); }
int renameat(int a, const char *from, int b, const char *to) {
  REAL(renameat);
  return inside(from) || inside(to) ? do_rename(from, to) : real(a, from, b, to);
}
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  REAL(renameat2);
  return inside(from) || inside(to) ? do_rename(from, to) : real(a, from, b, to, flags);
}

/* ---- what changes a file in ways that are not modelled: said, so that no campaign passes on a disk that it does not know */

static void unmodelled(int fd, const char *what) {
  if (!path_of(fd) || is_shared_memory(paths[fd])) return;
  ENTER;
  note('X', fd, 0, 0, what, strlen(what));
  LEAVE;
}

int posix_fallocate(int fd, off_t at, off_t n) {
  REAL(posix_fallocate);
  unmodelled(fd, "posix_fallocate");
  return real(fd, at, n);
}
int fallocate(int fd, int mode, off_t at, off_t n) {
  REAL(fallocate);
  unmodelled(fd, "fallocate");
  return real(fd, mode, at, n);
}
/* Whoever copies by these goes on with reads and writes where the kernel cannot do it. */
static ssize_t cannot(int code) {
  errno = code;
  return -1;
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t n) {
  REAL(sendfile64);
  return path_of(out) ? cannot(EINVAL) : real(out, in, at, n);
}
ssize_t sendfile(int out, int in, off_t *at, size_t n) { return sendfile64(out, in, at, n); }
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t n, unsigned flags) {
  REAL(copy_file_range);
  return path_of(out) ? cannot(EXDEV) : real(in, from, out, to, n, flags);
}
void *mmap64(void *address, size_t n, int protection, int flags, int fd, off64_t at) {
  REAL(mmap64);
  if ((protection & PROT_WRITE) && (flags & MAP_SHARED) && fd >= 0) unmodelled(fd, "mmap");
  return real(address, n, protection, flags, fd, at);
}
int dup(int fd) {
  REAL(dup);
  unmodelled(fd, "dup");
  return real(fd);
}
/* libuv calls these by their numbers. */
long syscall(long number, ...) {
  REAL(syscall);
  long a[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_close && path_of((int)a[0])) return close((int)a[0]);
  if (number == SYS_copy_file_range && path_of((int)a[2])) return cannot(EXDEV);
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
