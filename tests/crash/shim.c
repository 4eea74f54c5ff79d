/* What a process does to a database's files, and what it says to others, in the order in which it does it.
 *
 * Preloaded (LD_PRELOAD), it writes one record for each
 *   W  write to a watched file (with the bytes)        T  truncation of one
 *   B  beginning of a sync of one                      S  end of it (what was written before B is on the disk)
 *   R  request read from a socket ("POST …")           A  answer ("HTTP/1.1 …") or router login, about to be sent
 * to the file $BANDO_SHIM_LOG. Watched are $BANDO_SHIM_FILE and the same name with "-wal". Writes and syncs are
 * logged under one lock together with the call itself, answers before the call: so the log never flatters.
 *
 * A record: kind (1 byte), file or descriptor (int32), offset (int64), length (int32), bytes. Host byte order.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real(#name))
#define SAID 65536 /* bytes of a request or answer that are kept */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

static ssize_t plain_write(int fd, const void *data, size_t size)
{
    static ssize_t (*call)(int, const void *, size_t);
    if (!call) call = REAL(write);
    return call(fd, data, size);
}

static void record(char kind, int32_t what, int64_t offset, const void *data, int32_t size)
{
    unsigned char head[17];
    struct iovec parts[2] = {{head, sizeof head}, {(void *)data, (size_t)size}};
    static ssize_t (*call)(int, const struct iovec *, int);
    const char *path = getenv("BANDO_SHIM_LOG");
    if (!call) call = REAL(writev);
    if (log_fd < 0 && path) log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) return;
    head[0] = (unsigned char)kind;
    memcpy(head + 1, &what, 4);
    memcpy(head + 5, &offset, 8);
    memcpy(head + 13, &size, 4);
    if (call(log_fd, parts, size ? 2 : 1) < 0) abort();
}

/* Which watched file a descriptor is: 0 none, 1 the database, 2 its write-ahead log. */
static int file_of(int fd)
{
    char link[64], path[PATH_MAX];
    const char *wanted = getenv("BANDO_SHIM_FILE");
    if (!wanted) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0) return 0;
    path[size] = 0;
    size_t stem = strlen(wanted);
    if (strncmp(path, wanted, stem)) return 0;
    return !path[stem] ? 1 : !strcmp(path + stem, "-wal") ? 2 : 0;
}

/* --- the database's files --- */

static ssize_t written(ssize_t (*call)(int, const void *, size_t, off64_t), int fd, const void *data, size_t size,
                       off64_t at)
{
    int file;
    pthread_mutex_lock(&lock);
    file = file_of(fd);
    ssize_t done = call(fd, data, size, at);
    if (file && done > 0) record('W', file, at, data, (int32_t)done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    static ssize_t (*call)(int, const void *, size_t, off64_t);
    if (!call) call = REAL(pwrite64);
    return written(call, fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

static int cut(int (*call)(int, off64_t), int fd, off64_t size)
{
    pthread_mutex_lock(&lock);
    int file = file_of(fd);
    int done = call(fd, size);
    if (file && !done) record('T', file, size, "", 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate64(int fd, off64_t size)
{
    static int (*call)(int, off64_t);
    if (!call) call = REAL(ftruncate64);
    return cut(call, fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

static int synced(int (*call)(int), int fd)
{
    pthread_mutex_lock(&lock);
    int file = file_of(fd);
    if (file) record('B', file, 0, "", 0);
    pthread_mutex_unlock(&lock);
    int done = call(fd);
    pthread_mutex_lock(&lock);
    if (file && !done) record('S', file, 0, "", 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd)
{
    static int (*call)(int);
    if (!call) call = REAL(fsync);
    return synced(call, fd);
}

int fdatasync(int fd)
{
    static int (*call)(int);
    if (!call) call = REAL(fdatasync);
    return synced(call, fd);
}

/* --- what is heard and said --- */

static int starts(const char *data, size_t size, const char *text)
{
    return size >= strlen(text) && !memcmp(data, text, strlen(text));
}

static void note(char kind, int fd, const void *data, size_t size)
{
    pthread_mutex_lock(&lock);
    record(kind, fd, 0, data, (int32_t)(size < SAID ? size : SAID));
    pthread_mutex_unlock(&lock);
}

static void about_to_say(int fd, const void *data, size_t size)
{
    if (starts(data, size, "HTTP/1.1 ") || memmem(data, size, "/active/login", 13)) note('A', fd, data, size);
}

static void said_parts(int fd, const struct iovec *parts, size_t count)
{
    char start[SAID];
    size_t size = 0;
    for (size_t n = 0; n < count && size < SAID; n++) {
        size_t more = parts[n].iov_len < SAID - size ? parts[n].iov_len : SAID - size;
        memcpy(start + size, parts[n].iov_base, more);
        size += more;
    }
    about_to_say(fd, start, size);
}

ssize_t write(int fd, const void *data, size_t size)
{
    about_to_say(fd, data, size);
    return plain_write(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    static ssize_t (*call)(int, const struct iovec *, int);
    if (!call) call = REAL(writev);
    said_parts(fd, parts, (size_t)count);
    return call(fd, parts, count);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    static ssize_t (*call)(int, const void *, size_t, int);
    if (!call) call = REAL(send);
    about_to_say(fd, data, size);
    return call(fd, data, size, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    static ssize_t (*call)(int, const struct msghdr *, int);
    if (!call) call = REAL(sendmsg);
    said_parts(fd, message->msg_iov, message->msg_iovlen);
    return call(fd, message, flags);
}

static ssize_t heard(int fd, const void *data, ssize_t size)
{
    if (size > 0 && starts(data, (size_t)size, "POST ")) note('R', fd, data, (size_t)size);
    return size;
}

ssize_t read(int fd, void *data, size_t size)
{
    static ssize_t (*call)(int, void *, size_t);
    if (!call) call = REAL(read);
    return heard(fd, data, call(fd, data, size));
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
    static ssize_t (*call)(int, void *, size_t, int);
    if (!call) call = REAL(recv);
    return heard(fd, data, call(fd, data, size, flags));
}
