// Makes the n-th file-system operation below a folder fail. Preloaded (LD_PRELOAD), so that it reaches Python, Arrow,
// TensorFlow and SQLite alike, and processes that they start. What fails stands in a file that all of them map: State.
//
// As SQLite is tested: https://www.sqlite.org/testing.html#i_o_error_testing
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// tests/faults/injection.py packs and unpacks the same fields.
struct State {
  long count;        // operations so far
  long fail_at;      // number of the operation that fails, from 1; 0: none
  int error;         // errno of the failure
  int kinds;         // of operations that count: a sum of Kind
  int lasting;       // whether all operations after it fail too
  int failed;        // how many have failed
  int started;       // whether the operations have begun that count
  int traced;        // whether each is written down, in a file beside that of the state
  char root[1024];   // the folder, with a slash at its end
  char start[1024];  // the first that counts is on a path that begins with this
  char what[1152];   // the operation that failed first, and its path
};

enum Kind { NAME = 1, WRITE = 2, SYNC = 4, LOOK = 8 };

static State *state() {
  static State *mapped = [] {
    const char *path = getenv("FAULTS_STATE");
    int file = path ? static_cast<int>(openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC)) : -1;
    if (file < 0) return static_cast<State *>(nullptr);
    void *memory = mmap(nullptr, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<State *>(memory);
  }();
  return mapped;
}

// By the kernel's own calls, which nothing here counts.
static void trace(long number, const char *operation, const char *path) {
  char file[PATH_MAX], line[2 * PATH_MAX];
  snprintf(file, sizeof file, "%s.trace", getenv("FAULTS_STATE"));
  int length = snprintf(line, sizeof line, "%ld %s %s\n", number, operation, path);
  long opened = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  syscall(SYS_write, opened, line, length);
  syscall(SYS_close, opened);
}

// Called with a path that may be relative to the current folder.
static bool fails(Kind kind, const char *operation, const char *path) {
  static thread_local bool inside = false;
  if (inside || !path) return false;
  inside = true;
  State *to = state();
  bool failing = false;
  char absolute[2 * PATH_MAX];
  if (to && to->fail_at && (to->kinds & kind)) {
    if (*path == '/') snprintf(absolute, sizeof absolute, "%s", path);
    else if (getcwd(absolute, PATH_MAX)) snprintf(absolute + strlen(absolute), PATH_MAX, "/%s", path);
    else *absolute = 0;
    if (!strncmp(absolute, to->start, strlen(to->start))) to->started = 1;
    if (to->started && !strncmp(absolute, to->root, strlen(to->root))) {
      long number = __atomic_add_fetch(&to->count, 1, __ATOMIC_SEQ_CST);
      if (to->traced) trace(number, operation, absolute);
      failing = number == to->fail_at || (to->lasting && number > to->fail_at);
      if (failing && !__atomic_fetch_add(&to->failed, 1, __ATOMIC_SEQ_CST))
        snprintf(to->what, sizeof to->what, "%s %.1100s", operation, absolute);
    }
  }
  inside = false;
  if (failing) errno = to->error;
  return failing;
}

static bool fails(Kind kind, const char *operation, int file) {
  char link[64], path[PATH_MAX];
  if (!state() || !state()->fail_at) return false;
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0 || *path != '/') return false;  // a pipe or a socket
  path[length] = 0;
  return fails(kind, operation, path);
}

// What nobody has written to can always be closed.
static bool dirty[1 << 16];

static bool write_fails(int file) {
  if (fails(WRITE, "write", file)) return true;
  if (file >= 0 && file < static_cast<int>(sizeof dirty)) dirty[file] = true;
  return false;
}

static bool close_fails(int file) {
  bool written = file >= 0 && file < static_cast<int>(sizeof dirty) && dirty[file];
  if (written) dirty[file] = false;
  return written && fails(SYNC, "close", file);
}

static Kind kind_of(int flags) { return (flags & (O_ACCMODE | O_CREAT)) == O_RDONLY ? LOOK : NAME; }

static Kind kind_of(const char *mode) { return *mode == 'r' && !strchr(mode, '+') ? LOOK : NAME; }

#define REAL(name) static auto real = reinterpret_cast<decltype(&name)>(dlsym(RTLD_NEXT, #name))
#define MODE(flags) \
  mode_t mode = 0; \
  if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

extern "C" {

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    REAL(name); MODE(flags); \
    return fails(kind_of(flags), "open", path) ? -1 : real(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
  int name(int folder, const char *path, int flags, ...) { \
    REAL(name); MODE(flags); \
    return fails(kind_of(flags), "open", folder == AT_FDCWD ? path : nullptr) ? -1 : real(folder, path, flags, mode); \
  }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name) \
  FILE *name(const char *path, const char *mode) { \
    REAL(name); return fails(kind_of(mode), "open", path) ? nullptr : real(path, mode); \
  }
FOPEN(fopen)
FOPEN(fopen64)

DIR *opendir(const char *path) { REAL(opendir); return fails(LOOK, "opendir", path) ? nullptr : real(path); }

ssize_t read(int file, void *data, size_t size) {
  REAL(read); return fails(LOOK, "read", file) ? -1 : real(file, data, size);
}
ssize_t write(int file, const void *data, size_t size) {
  REAL(write); return write_fails(file) ? -1 : real(file, data, size);
}
ssize_t writev(int file, const iovec *parts, int count) {
  REAL(writev); return write_fails(file) ? -1 : real(file, parts, count);
}
#define PREAD(name) \
  ssize_t name(int file, void *data, size_t size, off_t offset) { \
    REAL(name); return fails(LOOK, "read", file) ? -1 : real(file, data, size, offset); \
  }
PREAD(pread)
PREAD(pread64)
#define PWRITE(name) \
  ssize_t name(int file, const void *data, size_t size, off_t offset) { \
    REAL(name); return write_fails(file) ? -1 : real(file, data, size, offset); \
  }
PWRITE(pwrite)
PWRITE(pwrite64)
size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
  REAL(fwrite); return write_fails(fileno(file)) ? 0 : real(data, size, count, file);
}
int fflush(FILE *file) {
  REAL(fflush); return file && fails(WRITE, "write", fileno(file)) ? EOF : real(file);
}
#define SENDFILE(name) \
  ssize_t name(int to, int from, off_t *offset, size_t count) { \
    REAL(name); return write_fails(to) ? -1 : real(to, from, offset, count); \
  }
extern ssize_t sendfile(int, int, off_t *, size_t);
extern ssize_t sendfile64(int, int, off_t *, size_t);
SENDFILE(sendfile)
SENDFILE(sendfile64)
ssize_t copy_file_range(int from, off64_t *start, int to, off64_t *place, size_t size, unsigned flags) {
  REAL(copy_file_range);
  return write_fails(to) ? -1 : real(from, start, to, place, size, flags);
}
#define TRUNCATE(name) \
  int name(int file, off_t size) { REAL(name); return fails(WRITE, "truncate", file) ? -1 : real(file, size); }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int fsync(int file) { REAL(fsync); return fails(SYNC, "fsync", file) ? -1 : real(file); }
int fdatasync(int file) { REAL(fdatasync); return fails(SYNC, "fsync", file) ? -1 : real(file); }
int close(int file) {
  REAL(close);
  // The file is closed also where closing fails: man 2 close.
  bool failing = close_fails(file);
  int error = errno, result = real(file);
  if (failing) errno = error;
  return failing ? -1 : result;
}
int fclose(FILE *file) {
  REAL(fclose);
  bool failing = close_fails(fileno(file));
  int error = errno, result = real(file);
  if (failing) errno = error;
  return failing ? EOF : result;
}

int mkdir(const char *path, mode_t mode) { REAL(mkdir); return fails(NAME, "mkdir", path) ? -1 : real(path, mode); }
int link(const char *from, const char *to) { REAL(link); return fails(NAME, "link", to) ? -1 : real(from, to); }
int symlink(const char *from, const char *to) { REAL(symlink); return fails(NAME, "symlink", to) ? -1 : real(from, to); }
int rename(const char *from, const char *to) { REAL(rename); return fails(NAME, "rename", to) ? -1 : real(from, to); }
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
  REAL(renameat);
  return fails(NAME, "rename", to_folder == AT_FDCWD ? to : nullptr) ? -1 : real(from_folder, from, to_folder, to);
}
}
