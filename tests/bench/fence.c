/* What a launcher's PMIx costs without us: Init, Put, Commit, a fence that collects, Get of the first
   rank's value, Finalize. It leaves a mark as it begins and one as it is done, empty files whose names
   tell when (µs of CLOCK_MONOTONIC), in the two folders that it is given. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pmix.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int mark(const char* folder, unsigned rank) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    char name[4096];
    snprintf(name, sizeof name, "%s/%lld.%u.0", folder,
             now.tv_sec * 1000000LL + now.tv_nsec / 1000, rank);
    return open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
}

static int failed(const char* what, pmix_status_t status) {
    if (status != PMIX_SUCCESS) fprintf(stderr, "%s: %s\n", what, PMIx_Error_string(status));
    return status != PMIX_SUCCESS;
}

int main(int argc, char** argv) {
    const char* number = getenv("PMIX_RANK");
    if (argc < 3 || !number || mark(argv[1], (unsigned)atoi(number)) < 0) return 2;
    alarm(10); /* Slurm 22.05 may lose a message: then the fence never ends */
    pmix_proc_t self;
    if (failed("PMIx_Init", PMIx_Init(&self, NULL, 0))) return 3;
    char card[300]; /* as long as a business card */
    memset(card, 'x', sizeof card - 1);
    card[sizeof card - 1] = 0;
    pmix_value_t value = {.type = PMIX_STRING, .data = {.string = card}};
    pmix_proc_t all = self, first = self;
    all.rank = PMIX_RANK_WILDCARD;
    first.rank = 0;
    pmix_info_t collect = {.value = {.type = PMIX_BOOL, .data = {.flag = 1}}};
    strcpy(collect.key, PMIX_COLLECT_DATA);
    pmix_value_t* found;
    if (failed("PMIx_Put", PMIx_Put(PMIX_GLOBAL, "bench", &value)) ||
        failed("PMIx_Commit", PMIx_Commit()) ||
        failed("PMIx_Fence", PMIx_Fence(&all, 1, &collect, 1)) ||
        failed("PMIx_Get", PMIx_Get(&first, "bench", NULL, 0, &found)))
        return 4;
    if (mark(argv[2], self.rank) < 0) return 5;
    sleep(self.rank == 0); /* where the fence is none, others are still to ask */
    PMIx_Finalize(NULL, 0);
    return 0;
}
