/* System calls with the edges taken off: EINTR, short writes, close-on-exec, replace by rename. */
#ifndef AXMAKE_BASE_OS_H
#define AXMAKE_BASE_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/str.h"

/* All return 0 or an errno value unless said otherwise; none prints. Paths are C strings relative to the folder `at`. Every descriptor is close-on-exec. */
int os_write_all(int fd, const void *p, size_t n); /* EAGAIN waits by poll */
int os_pwrite_all(int fd, const void *p, size_t n, off_t at); /* of a file */
bool os_read_exactly(int fd, char *p, size_t n); /* n bytes; false when there are fewer, or on an error */
/* Up to *n bytes of a file from there; *n becomes how many they are, on an error too: fewer where it ends. */
int os_read_at(int fd, void *p, size_t *n, uint64_t from);
/* Opens what is a file and nothing else: EISDIR for a folder, EINVAL for a pipe, for which nobody waits. flags: O_NOFOLLOW, or 0. *fd is -1 on an error. */
int os_open_file(int at, const char *path, int flags, int *fd, uint64_t *size);
bool os_read_exactly_at(int fd, char *p, size_t n, uint64_t at); /* the same, from offset `at` */
bool os_write_exactly_at(int fd, const char *p, size_t n, uint64_t at);
/* AT_FDCWD where `fd` is the current folder for certain, else fd: threads that look at paths by a descriptor share a count of who holds it. */
int os_here(int fd);
/* Whole content, NUL-terminated in the arena. `limit`: EFBIG beyond that many bytes. EISDIR for a folder, EINVAL for what is no file either: nobody is waited for. */
int os_read_file(struct arena *a, int at, const char *path, size_t limit, struct str *out);
/* The same; *st is what the file was when it was opened, and set whenever it could be. */
int os_read_file_stat(struct arena *a, int at, const char *path, size_t limit, struct str *out, struct stat *st);
/* The same also of pipes and devices, which are read to their ends. */
int os_read_any(struct arena *a, int at, const char *path, size_t limit, struct str *out, struct stat *st);
/* The same of files and devices: nobody waits for who would write into a fifo. ENXIO: it is one, or a socket. */
int os_read_ready(struct arena *a, int at, const char *path, size_t limit, struct str *out, struct stat *st);
const char *os_read_error(int err); /* the text of what it returns */
/* Content to path by a temporary file beside it and rename; a link there is replaced, not written through. */
int os_replace_file(int at, const char *path, mode_t mode, struct str content);
/* Content to a path where nothing stands, without that detour: it may be seen, and be left by a kill, half written. Where something does, as above. */
int os_new_file(int at, const char *path, mode_t mode, struct str content);
/* The same as os_replace_file of what `write` writes; it returns 0 or errno. */
int os_replace_by(int at, const char *path, mode_t mode, int (*write)(void *self, int fd), void *self);
/* Brings a file's or folder's content to the disk; links are not followed. What cannot be synced there is as safe as it gets: no error. */
int os_sync(int at, const char *path);
/* Begins to write a file's content there, for an os_sync that follows. */
void os_sync_ahead(int at, const char *path);
int os_mkdirs(int at, const char *path, mode_t mode);      /* every missing folder of path */
int os_remove_tree(int at, const char *path);              /* never follows links; ENOENT is success */
/* Finds an executable as execvp would: a word with '/' as it is, else along PATH (of `path_env`, NULL: this process's). false when none. */
bool os_find_program(struct arena *a, const char *word, const char *path_env, struct str *out);
/* Marks every descriptor from 3 up close-on-exec but does not close it. */
void os_cloexec_all(void);
uint64_t os_random64(void);
/* errno's text without a locale's surprises. */
const char *os_error(int err);

#endif
