// Texts that CMake knows (cmake/Version.cmake), in one piece.
#include "version.h"

#include "commit.h"
#include "facts.h"

#ifdef TORCHELASTIC_STATIC
#undef TORCHELASTIC_PMIX
#undef TORCHELASTIC_ETCD
#undef TORCHELASTIC_HEALTH
#define TORCHELASTIC_PMIX "none: this is the static agent, which loads no modules"
#define TORCHELASTIC_ETCD "none"
#define TORCHELASTIC_HEALTH "none"
#endif

#ifdef TORCHELASTIC_NO_HWLOC
#define TORCHELASTIC_NUMA "  NUMA binding  none: there was no libhwloc.a\n"
#else
#define TORCHELASTIC_NUMA ""
#endif

namespace torchelastic {

const char* version() {
    return "torchelastic " TORCHELASTIC_VERSION
           "\n"
           "  commit        " TORCHELASTIC_COMMIT
           "\n"
           "  build         " TORCHELASTIC_BUILD
           "\n"
           "  worker store  torch 1.13 to 2.14\n"
           "  Slurm plugin  " TORCHELASTIC_SLURM
           "\n"
           "  PMIx module   " TORCHELASTIC_PMIX
           "\n"
           "  etcd module   " TORCHELASTIC_ETCD
           "\n"
           "  health port   " TORCHELASTIC_HEALTH "\n" TORCHELASTIC_NUMA
           "  libraries     " TORCHELASTIC_LIBRARIES "\n";
}

}  // namespace torchelastic
