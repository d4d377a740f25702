// SPDX-License-Identifier: Apache-2.0
//
// Keeps what a disk would hold after a power cut, for the files below one directory.
//
// Preloaded into a program, it lets every fsync and fdatasync through and then notes what has thereby
// become durable: of a file its content, of a folder its list of names. The rest of what was written
// is only in the page cache, which a power cut takes away; tests/power_loss/image.py chooses how much
// of it had reached the disk by then.
//
//   POWER_LOSS_ROOT    the directory that is watched
//   POWER_LOSS_IMAGE   where to note it, on the same file system: files/<inode> content as last synced,
//                      pins/<inode> the file itself (so that its number is not given to another one),
//                      folders/<inode> lines "<inode> <d or f> <name>"
//   POWER_LOSS_FORGET  a planted bug: "data" drops what fdatasync promises, "names" what
//                      fsync promises of a slot's folder
//
// While there is a file `broken` in the image's folder, syncing a file fails with an I/O error when its
// path contains what that file holds.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_uint numbered;

static void fail(const char *what) {
    fprintf(stderr, "power loss shim: %s: %s\n", what, strerror(errno));
    abort();  // a hole in the image would look like a loss
}

static int is_forgotten(const char *what) {
    const char *forgotten = getenv("POWER_LOSS_FORGET");
    return forgotten != NULL && strcmp(forgotten, what) == 0;
}

// The path behind a descriptor when it is watched, else 0.
static int watched(int descriptor, char *path) {
    const char *root = getenv("POWER_LOSS_ROOT");
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (root == NULL || length < 0) return 0;
    path[length] = '\0';
    size_t size = strlen(root);
    return strncmp(path, root, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

static void place(char *target, const char *folder, ino_t inode) {
    snprintf(target, PATH_MAX, "%s/%s/%llu", getenv("POWER_LOSS_IMAGE"), folder,
             (unsigned long long)inode);
}

static int new_note(char *path) {
    snprintf(path, PATH_MAX, "%s/note-%d-%u", getenv("POWER_LOSS_IMAGE"), getpid(),
             atomic_fetch_add(&numbered, 1));
    int note = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (note < 0) fail("a note cannot be made");
    return note;
}

static void keep_note(int note, const char *path, const char *folder, ino_t inode) {
    char target[PATH_MAX];
    place(target, folder, inode);
    close(note);
    if (rename(path, target) != 0) fail("a note cannot be kept");
}

static void pin(const char *path, ino_t inode) {
    char target[PATH_MAX];
    place(target, "pins", inode);
    // ENOENT: it was deleted meanwhile, and cannot be in a list of names that counts.
    if (linkat(AT_FDCWD, path, AT_FDCWD, target, AT_SYMLINK_FOLLOW) != 0 && errno != EEXIST &&
        errno != ENOENT)
        fail("a file cannot be pinned");
}

static void note_file(int descriptor, ino_t inode) {
    char path[PATH_MAX], link[64], portion[65536];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    pin(link, inode);
    int note = new_note(path);
    int reader = open(link, O_RDONLY | O_CLOEXEC);
    if (reader < 0) fail("a file cannot be read");
    ssize_t size;
    while ((size = read(reader, portion, sizeof portion)) > 0)
        if (write(note, portion, size) != size) fail("a note cannot be written");
    close(reader);
    keep_note(note, path, "files", inode);
}

static void note_folder(const char *folder, ino_t inode) {
    char path[PATH_MAX], child[PATH_MAX + NAME_MAX + 2];
    int note = new_note(path);
    DIR *names = opendir(folder);
    if (names == NULL) fail("a folder cannot be read");
    struct dirent *name;
    while ((name = readdir(names)) != NULL) {
        if (strcmp(name->d_name, ".") == 0 || strcmp(name->d_name, "..") == 0) continue;
        int is_folder = name->d_type == DT_DIR;
        snprintf(child, sizeof child, "%s/%s", folder, name->d_name);
        if (!is_folder) pin(child, name->d_ino);
        dprintf(note, "%llu %c %s\n", (unsigned long long)name->d_ino, is_folder ? 'd' : 'f',
                name->d_name);
    }
    closedir(names);
    keep_note(note, path, "folders", inode);
}

static void note(int descriptor) {
    char path[PATH_MAX];
    struct stat found;
    int before = errno;
    if (watched(descriptor, path) && fstat(descriptor, &found) == 0) {
        if (!S_ISDIR(found.st_mode)) note_file(descriptor, found.st_ino);
        else if (!is_forgotten("names") || strstr(path, "/slots/") == NULL)
            note_folder(path, found.st_ino);
    }
    errno = before;
}

static int is_broken(int descriptor) {
    char path[PATH_MAX], name[PATH_MAX], part[256];
    if (!watched(descriptor, path)) return 0;
    snprintf(name, sizeof name, "%s/broken", getenv("POWER_LOSS_IMAGE"));
    FILE *stream = fopen(name, "re");
    if (stream == NULL) return 0;
    size_t size = fread(part, 1, sizeof part - 1, stream);
    fclose(stream);
    part[size] = '\0';
    return size > 0 && strstr(path, part) != NULL;
}

int fsync(int descriptor) {
    static int (*real)(int);
    if (real == NULL) real = dlsym(RTLD_NEXT, "fsync");
    if (is_broken(descriptor)) {
        errno = EIO;
        return -1;
    }
    int result = real(descriptor);
    if (result == 0) note(descriptor);
    return result;
}

int fdatasync(int descriptor) {
    static int (*real)(int);
    if (real == NULL) real = dlsym(RTLD_NEXT, "fdatasync");
    if (is_broken(descriptor)) {
        errno = EIO;
        return -1;
    }
    int result = real(descriptor);
    if (result == 0 && !is_forgotten("data")) note(descriptor);
    return result;
}
