/* A worker that costs nothing, so that only its launcher is measured. It leaves a mark, an empty file
   whose name tells when it began (µs of CLOCK_MONOTONIC), its rank and its restart count; then it
   waits for its end, or exits if told "once". SIGUSR1 makes it fail, with exit code 37. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void fail(int signal) {
    (void)signal;
    _exit(37);
}

int main(int argc, char** argv) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const char* rank = getenv("RANK");
    const char* restart = getenv("TORCHELASTIC_RESTART_COUNT");
    if (argc < 2 || !rank || !restart) return 2;
    signal(SIGUSR1, fail);
    char mark[4096];
    snprintf(mark, sizeof mark, "%s/%lld.%s.%s", argv[1],
             now.tv_sec * 1000000LL + now.tv_nsec / 1000, rank, restart);
    if (open(mark, O_CREAT | O_EXCL | O_WRONLY, 0644) < 0) return 3;
    if (argc > 2) return 0;
    for (;;) pause();
}
