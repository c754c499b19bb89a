/* Writes down, in order, what a process does to the files of one directory: what a disk would have to be told.
 *
 * Preloaded into a process with WRITTEN_IN (the directory) and WRITTEN_TO (the record). Each entry is a letter, the
 * length of the path, the offset, the length of the data, then path and data: W write, T truncate, S sync, U unlink.
 *
 * With FAIL_SEED one call in FAIL_ONE_IN fails with EIO or ENOSPC, and is written down as F, once something was
 * acknowledged; what is acknowledged itself never fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int record = -1;
static const char *directory;
static unsigned chance, one_in;
static int begun;

__attribute__((constructor)) static void begin(void) {
    const char *to = getenv("WRITTEN_TO");
    directory = getenv("WRITTEN_IN");
    if (getenv("FAIL_SEED")) chance = (unsigned)atoi(getenv("FAIL_SEED")), one_in = (unsigned)atoi(getenv("FAIL_ONE_IN"));
    if (to && directory) record = (int)syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

static void put(const void *bytes, size_t length) {
    const char *next = bytes;
    while (length > 0) {
        long done = syscall(SYS_write, record, next, length);
        if (done <= 0) abort();
        next += done;
        length -= (size_t)done;
    }
}

static void enter(char what, const char *path, uint64_t offset, const void *data, uint64_t length) {
    struct { uint64_t what, path, offset, length; } head = {(uint64_t)what, strlen(path), offset, length};
    if (record < 0 || strncmp(path, directory, strlen(directory)) != 0) return;
    put(&head, sizeof head);
    put(path, strlen(path));
    if (data) put(data, length);
}

static int path_of(int descriptor, char *path, size_t room) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    long found = syscall(SYS_readlinkat, AT_FDCWD, link, path, room - 1);
    if (found <= 0) return 0;
    path[found] = 0;
    return strncmp(path, directory ? directory : "/", strlen(directory ? directory : "/")) == 0;
}

static void enter_descriptor(char what, int descriptor, uint64_t offset, const void *data, uint64_t length) {
    char path[4096];
    if (record >= 0 && path_of(descriptor, path, sizeof path)) enter(what, path, offset, data, length);
}

static int fails(int descriptor) {
    char path[4096];
    if (!one_in || !path_of(descriptor, path, sizeof path)) return 0;
    if (strstr(path, "/acknowledged")) {
        begun = 1;
        return 0;
    }
    if (!begun || !strstr(path, ".db") || rand_r(&chance) % one_in) return 0;
    enter('F', path, 0, NULL, 0);
    errno = rand_r(&chance) % 2 ? EIO : ENOSPC;
    return 1;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define WATCHED(what, descriptor, offset, data, length, call) \
    pthread_mutex_lock(&turn); \
    long done = fails(descriptor) ? -1 : (call); \
    if (done >= 0) enter_descriptor(what, descriptor, (uint64_t)(offset), data, (uint64_t)(length)); \
    pthread_mutex_unlock(&turn); \
    return done

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    WATCHED('W', fd, at, data, done, real(fd, data, size, at));
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    WATCHED('W', fd, at, data, done, real(fd, data, size, at));
}
ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    WATCHED('W', fd, lseek(fd, 0, SEEK_CUR) - done, data, done, real(fd, data, size));
}
int ftruncate(int fd, off_t size) {
    REAL(int, ftruncate, int, off_t);
    WATCHED('T', fd, size, NULL, 0, real(fd, size));
}
int ftruncate64(int fd, off64_t size) {
    REAL(int, ftruncate64, int, off64_t);
    WATCHED('T', fd, size, NULL, 0, real(fd, size));
}
int fsync(int fd) {
    REAL(int, fsync, int);
    WATCHED('S', fd, 0, NULL, 0, real(fd));
}
int fdatasync(int fd) {
    REAL(int, fdatasync, int);
    WATCHED('S', fd, 0, NULL, 0, real(fd));
}
int unlink(const char *path) {
    REAL(int, unlink, const char *);
    pthread_mutex_lock(&turn);
    int done = real(path);
    if (done == 0) enter('U', path, 0, NULL, 0);
    pthread_mutex_unlock(&turn);
    return done;
}
