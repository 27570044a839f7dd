/* A worker that only writes: `writer MARKS BYTES LINE CHUNK` leaves an empty file in the folder MARKS,
   whose name tells when it began (µs of CLOCK_MONOTONIC), and puts that many bytes on its stdout, in
   lines of LINE bytes that tell its rank and their number, CHUNK bytes to a write(2), which may end
   within a line. `writer --check LINE` reads what a launcher shows of such workers, the text up to
   the first colon, if there is one, being the prefix, and prints how many lines there are, and how
   many are whole and the next of their rank. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kRanks = 1024 };

/* The first line of a rank: "<rank> 0000000000 xxx...". */
static char* first_line(size_t size, int rank) {
    char* line = malloc(size);
    char head[32];
    const int length = snprintf(head, sizeof head, "%d %010d ", rank, 0);
    if (!line || (size_t)length >= size) exit(2);
    memset(line, 'x', size);
    memcpy(line, head, (size_t)length);
    line[size - 1] = '\n';
    return line;
}

/* Counts its number up, in decimal, which costs next to nothing. */
static void make_next(char* line) {
    char* digit = strchr(line, ' ') + 10;
    while (++*digit > '9') *digit-- = '0';
}

static int write_all(const char* bytes, size_t size) {
    while (size > 0) {
        const ssize_t written = write(1, bytes, size);
        if (written < 0) return 1;
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

static int leave_mark(const char* folder, const char* rank) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    char mark[4096];
    snprintf(mark, sizeof mark, "%s/%lld.%s.0", folder,
             now.tv_sec * 1000000LL + now.tv_nsec / 1000, rank);
    return open(mark, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
}

static int produce(const char* marks, long total, size_t size, size_t chunk) {
    const char* rank = getenv("RANK");
    if (!rank || leave_mark(marks, rank) < 0) return 2;
    char* line = first_line(size, atoi(rank));
    char* bytes = malloc(chunk + size);
    if (!bytes) return 2;
    size_t have = 0;
    while (total > 0) {
        memcpy(bytes + have, line, size);
        make_next(line);
        have += size;
        total -= (long)size;
        size_t done = 0;
        while (have - done >= chunk || (total <= 0 && done < have)) {
            const size_t next = have - done < chunk ? have - done : chunk;
            if (write_all(bytes + done, next) != 0) return 3;
            done += next;
        }
        memmove(bytes, bytes + done, have - done);
        have -= done;
    }
    return 0;
}

static int check(size_t size) {
    static char* next[kRanks];
    long lines = 0;
    long good = 0;
    char* line = NULL;
    size_t room = 0;
    for (ssize_t length = 0; (length = getline(&line, &room, stdin)) > 0; ++lines) {
        const char* colon = strchr(line, ':');
        const char* text = colon ? colon + 1 : line;
        if ((size_t)(line + length - text) != size) continue;
        const int rank = atoi(text);
        if (rank < 0 || rank >= kRanks) continue;
        if (!next[rank]) next[rank] = first_line(size, rank);
        if (memcmp(text, next[rank], size) != 0) continue;
        make_next(next[rank]);
        ++good;
    }
    printf("%ld %ld\n", lines, good);
    return 0;
}

int main(int argc, char** argv) {
    if (argc == 3 && strcmp(argv[1], "--check") == 0) return check((size_t)atol(argv[2]));
    if (argc != 5) return 2;
    return produce(argv[1], atol(argv[2]), (size_t)atol(argv[3]), (size_t)atol(argv[4]));
}
