// A disk that fails on demand, preloaded into the program under test.
//
//     cc -shared -fPIC -O1 -o disk.so disk.c -ldl -lpthread
//     LD_PRELOAD=./disk.so DISK_PATH=/dir/a.db DISK_MODE=loss DISK_AT=57 DISK_SEED=1 expvault record ...
//
// It watches the files whose path begins with DISK_PATH: the database, its WAL and journal, and the draft that a new
// database is made as. Every call that changes one of them or makes it durable counts as one step. What happens at
// step DISK_AT depends on DISK_MODE:
//
//     count   nothing; at the end the number of steps is written to DISK_COUNT (a path), as in all other modes
//     kill    the process dies before the step: everything before it is kept, as by kill -9
//     loss    power fails before the step is done. What was written since a file's last fsync is kept or not, sector
//             by sector (512 bytes), in this or another order, as DISK_SEED decides; names that came, went or changed
//             since the directory's last fsync do so up to some point
//     enospc, eio, erofs
//             this step and the DISK_SPAN - 1 that follow fail with that error; half of what enospc refuses is
//             written first where it is a write, as a real disk does
//
// With DISK_NOSYNC=1 fsync says that it is done and does nothing, as "synchronous=OFF" would: the control, which must
// lose. -shm and -lock are left alone: the one is memory that nobody relies on after a crash, the other has no content
// that matters.
//
// What is durable is kept in memory beside the real files, which always show what was last written (the page cache, as
// it were); at the loss the real files are overwritten with what the disk would show after the reboot.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SECTOR = 512, FILES_MAX = 64, DESCRIPTORS_MAX = 4096, NAMES_MAX = 64, NAME_OPS_MAX = 256 };

enum mode { MODE_OFF, MODE_COUNT, MODE_KILL, MODE_LOSS, MODE_ERROR };

// A write that is not durable yet; `bytes` is NULL for a change of the length to `offset`.
struct op {
    off_t offset;
    size_t count;
    unsigned char *bytes;
    struct op *next;
};

struct file {
    unsigned char *durable;
    size_t size;
    size_t capacity;
    struct op *first, *last;
    int op_count;
};

struct name {
    char *path;
    struct file *file;
};

// What happened to names since the directory was last made durable: `to` NULL is an unlink, `from` NULL a creation.
struct name_op {
    char *from, *to;
    struct file *file;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static enum mode mode;
static int error_number;
static char prefix[4096], directory[4096], count_path[4096];
static size_t prefix_length;
static long step, step_at = -1, step_span = 1;
static int is_nosync;
static uint64_t random_state;
static struct file *descriptors[DESCRIPTORS_MAX];
static char is_directory[DESCRIPTORS_MAX];
static struct name live[NAMES_MAX], durable_names[NAMES_MAX];
static struct name_op name_ops[NAME_OPS_MAX];
static int name_op_count;

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);

static void stop(const char *words) {
    fprintf(stderr, "disk.c: %s\n", words);
    _exit(99);
}

static void *checked(void *pointer) {
    if (pointer == NULL) stop("out of memory");
    return pointer;
}

// splitmix64; https://prng.di.unimi.it/splitmix64.c (public domain)
static uint64_t next_random(void) {
    uint64_t z = (random_state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static int one_in(uint64_t n) { return next_random() % n == 0; }

static int ends_with(const char *path, const char *ending) {
    size_t length = strlen(path), own = strlen(ending);
    return length >= own && strcmp(path + length - own, ending) == 0;
}

static int is_watched(const char *path) {
    return mode != MODE_OFF && path != NULL && strncmp(path, prefix, prefix_length) == 0
        && !ends_with(path, "-shm") && !ends_with(path, "-lock");
}

static struct name *find(struct name *names, const char *path) {
    for (int i = 0; i < NAMES_MAX; i++)
        if (names[i].path != NULL && strcmp(names[i].path, path) == 0) return &names[i];
    return NULL;
}

static void bind_name(struct name *names, const char *path, struct file *file) {
    struct name *slot = find(names, path);
    for (int i = 0; slot == NULL && i < NAMES_MAX; i++)
        if (names[i].path == NULL) slot = &names[i];
    if (slot == NULL) stop("too many files");
    if (slot->path == NULL) slot->path = checked(strdup(path));
    slot->file = file;
}

static void unbind_name(struct name *names, const char *path) {
    struct name *slot = find(names, path);
    if (slot == NULL) return;
    free(slot->path);
    slot->path = NULL;
}

static void note_name_op(const char *from, const char *to, struct file *file) {
    if (name_op_count == NAME_OPS_MAX) stop("too many changes of names");
    name_ops[name_op_count++] = (struct name_op){
        from ? checked(strdup(from)) : NULL, to ? checked(strdup(to)) : NULL, file};
}

static void apply_name_op(const struct name_op *op) {
    if (op->from != NULL) unbind_name(durable_names, op->from);
    if (op->to != NULL) bind_name(durable_names, op->to, op->file);
}

static void grow(struct file *file, size_t size) {
    if (size > file->capacity) {
        size_t capacity = size * 2;
        file->durable = checked(realloc(file->durable, capacity));
        memset(file->durable + file->capacity, 0, capacity - file->capacity);
        file->capacity = capacity;
    }
    if (size > file->size) {
        memset(file->durable + file->size, 0, size - file->size);
        file->size = size;
    }
}

static void apply_part(struct file *file, const struct op *op, size_t from, size_t to) {
    grow(file, (size_t)op->offset + to);
    memcpy(file->durable + op->offset + from, op->bytes + from, to - from);
}

static void apply_length(struct file *file, const struct op *op) {
    if ((size_t)op->offset > file->size) grow(file, (size_t)op->offset);
    file->size = (size_t)op->offset;
}

static void clear_ops(struct file *file) {
    while (file->first != NULL) {
        struct op *op = file->first;
        file->first = op->next;
        free(op->bytes);
        free(op);
    }
    file->last = NULL;
    file->op_count = 0;
}

static void make_durable(struct file *file) {
    for (struct op *op = file->first; op != NULL; op = op->next) {
        if (op->bytes != NULL) apply_part(file, op, 0, op->count);
        else apply_length(file, op);
    }
    clear_ops(file);
}

static void note_op(struct file *file, off_t offset, const void *bytes, size_t count) {
    struct op *op = checked(calloc(1, sizeof *op));
    op->offset = offset;
    op->count = count;
    if (bytes != NULL) {
        op->bytes = checked(malloc(count + 1));
        memcpy(op->bytes, bytes, count);
    }
    if (file->last != NULL) file->last->next = op;
    else file->first = op;
    file->last = op;
    file->op_count++;
}

// What the disk makes of one file: one of five fates, all of which disks have shown.
static void lose(struct file *file) {
    if (file->op_count == 0) return;
    struct op **ops = checked(calloc((size_t)file->op_count, sizeof *ops));
    int count = 0;
    for (struct op *op = file->first; op != NULL; op = op->next) ops[count++] = op;
    uint64_t fate = next_random() % 5;
    int kept = count;
    if (fate == 0) kept = 0;                                            // nothing arrived
    if (fate == 1 || fate == 2) kept = (int)(next_random() % (uint64_t)(count + 1)); // only the first ones
    if (fate == 4)                                                      // all sorts, in another order
        for (int i = count - 1; i > 0; i--) {
            int j = (int)(next_random() % (uint64_t)(i + 1));
            struct op *swapped = ops[i];
            ops[i] = ops[j];
            ops[j] = swapped;
        }
    for (int i = 0; i < kept; i++) {
        int is_torn = fate >= 3 || (fate == 2 && i == kept - 1);        // 2: the last one torn; 3, 4: each
        if (ops[i]->bytes == NULL) {
            if (!is_torn || one_in(2)) apply_length(file, ops[i]);
            continue;
        }
        if (!is_torn) {
            apply_part(file, ops[i], 0, ops[i]->count);
            continue;
        }
        size_t begin = 0;
        while (begin < ops[i]->count) {
            size_t absolute = (size_t)ops[i]->offset + begin;
            size_t end = begin + SECTOR - absolute % SECTOR;
            if (end > ops[i]->count) end = ops[i]->count;
            if (one_in(2)) apply_part(file, ops[i], begin, end);
            begin = end;
        }
    }
    free(ops);
}

static void write_out(const char *path, const struct file *file) {
    int descriptor = real_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (descriptor < 0) stop("cannot write what is left");
    size_t done = 0;
    while (done < file->size) {
        ssize_t count = real_pwrite(descriptor, file->durable + done, file->size - done, (off_t)done);
        if (count <= 0) stop("cannot write what is left");
        done += (size_t)count;
    }
    real_close(descriptor);
}

static void write_count(void) {
    if (count_path[0] == 0) return;
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", step);
    int descriptor = real_open(count_path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (descriptor < 0) return;
    if (real_write(descriptor, text, (size_t)length) < 0) stop("cannot write the count");
    real_close(descriptor);
}

static void die(void) {
    write_count();
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void lose_power(void) {
    int kept = (int)(next_random() % (uint64_t)(name_op_count + 1));
    for (int i = 0; i < kept; i++) apply_name_op(&name_ops[i]);
    for (int i = 0; i < NAMES_MAX; i++)
        if (durable_names[i].path != NULL) lose(durable_names[i].file);
    for (int i = 0; i < NAMES_MAX; i++)
        if (live[i].path != NULL && find(durable_names, live[i].path) == NULL) real_unlink(live[i].path);
    for (int i = 0; i < NAMES_MAX; i++)
        if (durable_names[i].path != NULL) write_out(durable_names[i].path, durable_names[i].file);
    die();
}

// Counts a step; 0 where it is to be done, else the error to fail with. `mutex` is held.
static int begin_step(void) {
    step++;
    if (step_at < 0 || step < step_at) return 0;
    if (mode == MODE_ERROR) return step < step_at + step_span ? error_number : 0;
    if (step != step_at) return 0;
    if (mode == MODE_KILL) die();
    return 0;
}

// Power fails once the step has been noted, so that a write at which it fails may be torn itself.
static void end_step(void) {
    if (mode == MODE_LOSS && step == step_at) lose_power();
}

static void load(const char *path) {
    struct file *file = checked(calloc(1, sizeof *file));
    int descriptor = real_open(path, O_RDONLY);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) != 0) stop("cannot read a file that is there");
    grow(file, (size_t)status.st_size);
    size_t done = 0;
    while (done < file->size) {
        ssize_t count = pread(descriptor, file->durable + done, file->size - done, (off_t)done);
        if (count <= 0) stop("cannot read a file that is there");
        done += (size_t)count;
    }
    real_close(descriptor);
    bind_name(live, path, file);
    bind_name(durable_names, path, file);
}

static void load_all(void) {
    DIR *entries = opendir(directory);
    if (entries == NULL) return;
    struct dirent *entry;
    while ((entry = readdir(entries)) != NULL) {
        char path[8192];
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (is_watched(path)) load(path);
    }
    closedir(entries);
}

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtol(text, NULL, 10);
}

__attribute__((constructor)) static void begin(void) {
    real_open = dlsym(RTLD_NEXT, "open64");
    real_openat = dlsym(RTLD_NEXT, "openat64");
    real_close = dlsym(RTLD_NEXT, "close");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_rename = dlsym(RTLD_NEXT, "rename");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    const char *path = getenv("DISK_PATH"), *wanted = getenv("DISK_MODE");
    if (path == NULL || wanted == NULL || path[0] != '/') return;
    if (strcmp(wanted, "count") == 0) mode = MODE_COUNT;
    else if (strcmp(wanted, "kill") == 0) mode = MODE_KILL;
    else if (strcmp(wanted, "loss") == 0) mode = MODE_LOSS;
    else mode = MODE_ERROR;
    if (strcmp(wanted, "enospc") == 0) error_number = ENOSPC;
    if (strcmp(wanted, "eio") == 0) error_number = EIO;
    if (strcmp(wanted, "erofs") == 0) error_number = EROFS;
    if (mode == MODE_ERROR && error_number == 0) stop("DISK_MODE is none of count, kill, loss, enospc, eio, erofs");
    snprintf(prefix, sizeof prefix, "%s", path);
    prefix_length = strlen(prefix);
    snprintf(directory, sizeof directory, "%s", path);
    *strrchr(directory, '/') = 0;
    if (getenv("DISK_COUNT") != NULL) snprintf(count_path, sizeof count_path, "%s", getenv("DISK_COUNT"));
    step_at = number("DISK_AT", -1);
    step_span = number("DISK_SPAN", 1);
    random_state = (uint64_t)number("DISK_SEED", 1);
    is_nosync = (int)number("DISK_NOSYNC", 0);
    load_all();
}

__attribute__((destructor)) static void end(void) {
    if (mode == MODE_OFF) return;
    pthread_mutex_lock(&mutex);
    write_count();
    pthread_mutex_unlock(&mutex);
}

static int opened(int descriptor, const char *path, int flags) {
    if (descriptor < 0 || descriptor >= DESCRIPTORS_MAX) return descriptor;
    pthread_mutex_lock(&mutex);
    descriptors[descriptor] = NULL;
    is_directory[descriptor] = mode != MODE_OFF && path != NULL && strcmp(path, directory) == 0;
    if (is_watched(path) && (flags & O_ACCMODE) != O_RDONLY) {
        struct name *known = find(live, path);
        if (known == NULL) {
            struct file *file = checked(calloc(1, sizeof *file));
            bind_name(live, path, file);
            note_name_op(NULL, path, file);
            known = find(live, path);
        } else if (flags & O_TRUNC) {
            note_op(known->file, 0, NULL, 0);
        }
        descriptors[descriptor] = known->file;
    }
    pthread_mutex_unlock(&mutex);
    return descriptor;
}

static int refuses_creation(const char *path, int flags) {
    if (!is_watched(path) || !(flags & O_CREAT)) return 0;
    pthread_mutex_lock(&mutex);
    int code = 0;
    if (find(live, path) == NULL) {
        code = begin_step();
        end_step();
    }
    pthread_mutex_unlock(&mutex);
    return code;
}

#define OPEN_BODY(CALL)                                                     \
    mode_t permissions = 0;                                                 \
    if (flags & (O_CREAT | O_TMPFILE)) {                                    \
        va_list arguments;                                                  \
        va_start(arguments, flags);                                         \
        permissions = va_arg(arguments, mode_t);                            \
        va_end(arguments);                                                  \
    }                                                                       \
    int code = refuses_creation(path, flags);                               \
    if (code != 0) {                                                        \
        errno = code;                                                       \
        return -1;                                                          \
    }                                                                       \
    return opened(CALL, path, flags);

int open(const char *path, int flags, ...) { OPEN_BODY(real_open(path, flags, permissions)) }
int open64(const char *path, int flags, ...) { OPEN_BODY(real_open(path, flags, permissions)) }
int openat(int at, const char *path, int flags, ...) { OPEN_BODY(real_openat(at, path, flags, permissions)) }
int openat64(int at, const char *path, int flags, ...) { OPEN_BODY(real_openat(at, path, flags, permissions)) }

static struct file *file_of(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS_MAX ? descriptors[descriptor] : NULL;
}

int close(int descriptor) {
    if (descriptor >= 0 && descriptor < DESCRIPTORS_MAX) {
        pthread_mutex_lock(&mutex);
        descriptors[descriptor] = NULL;
        is_directory[descriptor] = 0;
        pthread_mutex_unlock(&mutex);
    }
    return real_close(descriptor);
}

static ssize_t put(int descriptor, const void *bytes, size_t count, off_t offset) {
    pthread_mutex_lock(&mutex);
    int code = begin_step();
    ssize_t result = -1;
    if (code == ENOSPC && count > 1) {
        result = real_pwrite(descriptor, bytes, count / 2, offset);
    } else if (code == 0) {
        result = real_pwrite(descriptor, bytes, count, offset);
        code = errno;
    }
    if (result > 0) note_op(file_of(descriptor), offset, bytes, (size_t)result);
    end_step();
    pthread_mutex_unlock(&mutex);
    if (result < 0) errno = code;
    return result;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    if (file_of(descriptor) == NULL) return real_pwrite(descriptor, bytes, count, offset);
    return put(descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t offset) {
    return pwrite(descriptor, bytes, count, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    if (file_of(descriptor) == NULL) return real_write(descriptor, bytes, count);
    off_t offset = lseek(descriptor, 0, SEEK_CUR);
    ssize_t result = put(descriptor, bytes, count, offset);
    if (result > 0) lseek(descriptor, offset + result, SEEK_SET);
    return result;
}

int ftruncate(int descriptor, off_t length) {
    struct file *file = file_of(descriptor);
    if (file == NULL) return real_ftruncate(descriptor, length);
    pthread_mutex_lock(&mutex);
    int code = begin_step(), result = -1;
    if (code == 0) {
        result = real_ftruncate(descriptor, length);
        code = errno;
    }
    if (result == 0) note_op(file, length, NULL, 0);
    end_step();
    pthread_mutex_unlock(&mutex);
    if (result < 0) errno = code;
    return result;
}

int ftruncate64(int descriptor, off_t length) { return ftruncate(descriptor, length); }

static int sync_file(int descriptor, int (*real)(int)) {
    struct file *file = file_of(descriptor);
    int names = descriptor >= 0 && descriptor < DESCRIPTORS_MAX && is_directory[descriptor];
    if (file == NULL && !names) return real(descriptor);
    pthread_mutex_lock(&mutex);
    int code = begin_step();
    // Power fails before anything is durable.
    end_step();
    if (code == 0 && !is_nosync) {
        if (file != NULL) make_durable(file);
        if (names) {
            for (int i = 0; i < name_op_count; i++) apply_name_op(&name_ops[i]);
            name_op_count = 0;
        }
    }
    // The machine that the tests run on need not wait for its own disk.
    pthread_mutex_unlock(&mutex);
    if (code != 0) {
        errno = code;
        return -1;
    }
    return 0;
}

int fsync(int descriptor) { return sync_file(descriptor, real_fsync); }
int fdatasync(int descriptor) { return sync_file(descriptor, real_fdatasync); }

int unlink(const char *path) {
    if (!is_watched(path)) return real_unlink(path);
    pthread_mutex_lock(&mutex);
    struct name *known = find(live, path);
    int code = known != NULL ? begin_step() : 0, result = -1;
    if (code == 0) {
        if (known != NULL) {
            note_name_op(path, NULL, known->file);
            unbind_name(live, path);
        }
        result = real_unlink(path);
        code = errno;
        if (known != NULL) end_step();
    }
    pthread_mutex_unlock(&mutex);
    if (result < 0) errno = code;
    return result;
}

int rename(const char *from, const char *to) {
    if (!is_watched(from) && !is_watched(to)) return real_rename(from, to);
    pthread_mutex_lock(&mutex);
    int code = begin_step(), result = -1;
    if (code == 0) {
        result = real_rename(from, to);
        code = errno;
        struct name *known = find(live, from);
        if (result == 0 && known != NULL) {
            struct file *file = known->file;
            unbind_name(live, from);
            bind_name(live, to, file);
            note_name_op(from, to, file);
        }
        end_step();
    }
    pthread_mutex_unlock(&mutex);
    if (result < 0) errno = code;
    return result;
}
